"""Near-duplicates among stretches of a real film of which it is known what repeats what."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from algorithms.duplicate_groups import duplicate_groups
from algorithms.pinned_threads import batched
from algorithms.shot_embeddings import Encoder, Vectors, shot_embeddings
from algorithms.shots import Shots
from amber.weights import Weights, open_weights
from demo.film import film as the_film
from tests.algorithms.features import embeddings_of
from tests.algorithms.films import source_of, standard_of
from tests.algorithms.joined import Join, Stretch, join
from tests.algorithms.stretches import repeated_setups, stretches
from tests.jasper.making import ffmpeg

#: What makes a copy of a film, besides coding it anew; a flip makes another picture and is told apart.
COPIES = {
    "re-encoded": "null",
    "darker": "lutyuv=y=val*0.85",
    "brighter": "lutyuv=y=val*1.2",
    "cropped": "crop=iw*0.92:ih*0.92,scale=320:180",
}
FLIPPED = "hflip"
#: Frames of a shot, from the middle of its stretch.
LENGTH = 12


@dataclass
class Pairs:
    """Pairs of shots of one picture: how many there are, how many were said to be, and how many rightly."""

    known: int = 0
    found: int = 0
    hits: int = 0

    def add(self, groups: Sequence[int], vectors: Vectors) -> None:
        """Count what `duplicate_groups` makes of shots that belong to these groups."""
        first = duplicate_groups(embeddings_of(vectors)).first_shot
        for a, b in combinations(range(len(groups)), 2):
            self.known += groups[a] == groups[b]
            self.found += bool(first[a] == first[b])
            self.hits += groups[a] == groups[b] and bool(first[a] == first[b])

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.hits / (self.known + self.found)

    def __str__(self) -> str:
        return f"F1 {self.f1:.3f} ({self.hits} of {self.known}, {self.found} found)"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    opened = open_weights(Weights("efficientnet-lite0"), Encoder, tmp_path_factory.mktemp("weights"))
    assert isinstance(opened, Encoder)
    return opened


def _film(parts: Sequence[Stretch], path: Path) -> Path:
    """A film of the middles of stretches, cut one after the other."""
    middles = [Stretch(one.start + 14, one.start + 14 + LENGTH) for one in parts]
    whole = the_film(lambda: contextlib.nullcontext(lambda done, total: None))
    join(whole, middles, [Join("cut") for _ in pairwise(middles)], path)
    return path


def _copy(film: Path, change: str, path: Path) -> Path:
    ffmpeg("-i", film, "-vf", change, "-c:v", "libx264", "-crf", 32, "-threads", 1, "-an", path)
    return path


def _vectors(film: Path, encoder: Encoder) -> Vectors:
    made = standard_of(source_of(film), film.with_suffix(".standard"))
    edges = np.arange(0, made.frame_count + 1, LENGTH)
    known = Shots(
        start=edges[:-1], end=edges[1:], start_seconds=edges[:-1] / 24, end_seconds=edges[1:] / 24,
        is_short=np.zeros(len(edges) - 1, np.bool_),
    )  # fmt: skip
    return shot_embeddings(made, known, encoder).vectors


@pytest.mark.film
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_copies_and_conversations_are_grouped_and_set_ups_told_apart(
    encoder: Encoder, tmp_path: Path
) -> None:
    films, conversations = list(batched(stretches(), 17)), repeated_setups()
    if not os.environ.get("AMBER_SOAK"):
        films, conversations = [films[0][:6]], conversations[:3]
    originals = [_film(parts, tmp_path / f"{number}.mp4") for number, parts in enumerate(films)]
    changed = {
        name: np.concatenate(
            [_vectors(_copy(film, how, tmp_path / f"{film.stem}-{name}.mp4"), encoder) for film in originals]
        )
        for name, how in (COPIES | {"flipped": FLIPPED}).items()
    }
    vectors = np.concatenate([_vectors(film, encoder) for film in originals])
    flipped = changed.pop("flipped")
    groups = range(len(vectors))
    copies, mirrored, talks, together = Pairs(), Pairs(), Pairs(), Pairs()
    everything = [*groups] * (1 + len(changed)), np.concatenate([vectors, *changed.values()])
    copies.add(*everything)
    together.add(*everything)
    mirrored.add([*groups] * 2, np.concatenate([vectors, flipped]))

    shots = _vectors(_film([one for pair in conversations for one in pair], tmp_path / "talk.mp4"), encoder)
    for number in range(len(conversations)):
        a, b, c = (2 * ((number + step) % len(conversations)) for step in range(3))
        talk = [0, 1, 0, 1, 2], shots[[a, b, a + 1, b + 1, c]]
        talks.add(*talk)
        together.add(*talk)
    print(f"duplicates: {together}; copies {copies}, conversations {talks}; flips apart {mirrored}")
    assert together.f1 >= 0.95
    assert copies.f1 >= 0.95
    assert talks.f1 >= 0.9

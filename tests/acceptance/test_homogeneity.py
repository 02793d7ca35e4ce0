"""What algorithms see of a film does not depend on the file that it came in."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from amber import Amber
from demo.film import film
from tests.acceptance.clips import ffmpeg

IS_WHOLE = "AMBER_SOAK" in os.environ
#: From where to where of the film, in seconds; where it is cut most often, seven shots are in ten of them.
START, SECONDS = (0, 120) if IS_WHOLE else (252, 10)
BEST = 10
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p")
_HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "20", "-x265-params", "log-level=none")

VARIANTS = {
    "1080p HEVC": ("-vf", "scale=1920:1080:flags=bicubic", *_HEVC),
    "640×360 H.264": ("-vf", "scale=640:360:flags=bicubic", *_H264),
    "letterboxed to 4:3": ("-vf", "pad=1280:960:0:120", *_H264),
    "pillarboxed": ("-vf", "pad=1680:720:200:0", *_H264),
    "25 frames a second": ("-vf", "fps=25", *_H264),
}
#: What differs most from the original in size and in time, and takes the least.
TRIED = list(VARIANTS) if IS_WHOLE else ["640×360 H.264", "25 frames a second"]


@dataclass(frozen=True)
class Seen:
    """What the algorithms see of one file: its cuts in seconds, a vector a shot, and its best pairs."""

    starts: np.ndarray
    vectors: np.ndarray
    pairs: list[tuple[int, int]]

    @classmethod
    def of(cls, path: Path, home: Path) -> "Seen":
        """What they see of a file."""
        with Amber.open(home) as amber:
            asset = amber.asset(path)
            cut, embedded = amber.get("shots", asset).value, amber.get("shot_embeddings", asset).value
            pairs = amber.get("match_pairs", asset).value
        best = zip(pairs.shot_a[:BEST].tolist(), pairs.shot_b[:BEST].tolist(), strict=True)
        return cls(cut.start_seconds, embedded.vectors, list(best))


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some seconds of the demo's film, its packets as they are."""
    whole = film(lambda: contextlib.nullcontext(lambda done, total: None))
    cut = tmp_path_factory.mktemp("stretch") / "stretch.mp4"
    ffmpeg(
        "-ss", str(START), "-i", whole, "-t", str(SECONDS), "-map", "0:v", "-map", "0:a", "-c", "copy", cut
    )
    return cut


@pytest.fixture(scope="module")
def original(stretch: Path) -> Seen:
    """What is seen of the film as it is."""
    return Seen.of(stretch, stretch.parent / "home")


@pytest.mark.film
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("variant", TRIED)
def test_another_file_of_a_film_has_its_cuts_its_vectors_and_its_pairs(
    variant: str, stretch: Path, original: Seen, tmp_path: Path
) -> None:
    path = tmp_path / "variant.mp4"
    ffmpeg("-i", stretch, *VARIANTS[variant], "-c:a", "copy", path)
    seen = Seen.of(path, tmp_path / "home")

    apart = np.abs(seen.starts[:, None] - original.starts[None, :])
    nearest = apart.argmin(axis=1)
    cosines = (seen.vectors * original.vectors[nearest]).sum(axis=1)
    pairs = {frozenset(nearest[[a, b]].tolist()) for a, b in seen.pairs}
    same = len(pairs & {frozenset(pair) for pair in original.pairs})
    print(
        f"{variant}: {len(seen.starts)} of {len(original.starts)} shots, {apart.min(axis=1).max() * 24:.2f} frames apart, "
        f"median cosine {np.median(cosines):.3f}, {same} of {len(original.pairs)} best pairs"
    )
    assert len(seen.starts) == len(original.starts)
    assert apart.min(axis=1).max() <= 2 / 24 and apart.min(axis=0).max() <= 2 / 24
    assert float(np.median(cosines)) >= 0.95
    assert same >= 0.8 * len(original.pairs)

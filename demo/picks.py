"""Which of the best pairs are shown: greedily the best first, without two that look the same."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, UInt8

#: A pair is shown only if a scene lies between its shots: this long, or a tenth of a short film.
_APART_SECONDS = 60.0
#: Two pictures whose coarse greys correlate this well were taken by the same camera from the same place.
_SAME_PICTURE = 0.5
#: Neighbouring shots with this cosine belong to one conversation, cut back and forth.
_SAME_SCENE_COSINE = 0.7
#: Pairs that one shot may stand in.
_PAIRS_A_SHOT = 2
#: Columns and rows of the coarse pictures.
_COARSE = (32, 18)


@dataclass(frozen=True)
class Setups:
    """Which shots are taken from the same camera set-up, and which lie near each other."""

    same: Bool[np.ndarray, "shot shot"]
    near: Bool[np.ndarray, "shot shot"]

    @classmethod
    def find(
        cls,
        pictures: UInt8[np.ndarray, "shot height width 3"],
        vectors: Float64[np.ndarray, "shot feature"],
        start_seconds: Float64[np.ndarray, " shot"],
        end_seconds: Float64[np.ndarray, " shot"],
    ) -> "Setups":
        """The set-ups of a film's shots.

        Args:
            pictures: The middle frame of each shot, of any one size.
            vectors: The embedding of each shot, of length 1.
            start_seconds: When each shot begins.
            end_seconds: When each shot ends.
        """
        gap = np.maximum(
            start_seconds[:, None] - end_seconds[None, :], start_seconds[None, :] - end_seconds[:, None]
        )
        near = gap < min(_APART_SECONDS, float(end_seconds[-1]) / 10)
        greys = _coarse(pictures)
        same = (greys @ greys.T >= _SAME_PICTURE) | (near & (vectors @ vectors.T >= _SAME_SCENE_COSINE))
        return cls(same | np.eye(len(same), dtype=bool), near)

    def repeats(self, pair: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether two pairs show the same two set-ups."""
        (a, b), (c, d) = pair, other
        return bool((self.same[a, c] and self.same[b, d]) or (self.same[a, d] and self.same[b, c]))


def _coarse(pictures: UInt8[np.ndarray, "shot height width 3"]) -> Float64[np.ndarray, "shot pixel"]:
    """Small grey pictures as rows of mean 0 and length 1; a plain picture is a row of zeros."""
    from PIL import Image, ImageFilter

    rows = np.zeros((len(pictures), _COARSE[0] * _COARSE[1]))
    for row, picture in zip(rows, pictures, strict=True):
        small = Image.fromarray(picture).convert("L").resize(_COARSE, Image.Resampling.BOX)
        grey = np.asarray(small.filter(ImageFilter.GaussianBlur(1)), dtype=np.float64).ravel()
        centred = grey - grey.mean()
        length = np.linalg.norm(centred)
        row[:] = centred / length if length > 1 else 0
    return rows


def pick(pairs: list[tuple[int, int]], setups: Setups, count: int) -> list[int]:
    """The places of up to `count` pairs to show.

    No pair is of one camera set-up or of one scene, no two show the same set-ups, and no shot is in more than two.

    Args:
        pairs: Shots of each pair, best pair first.
        setups: Of the film's shots.
        count: How many.
    """
    chosen: list[int] = []
    used: Counter[int] = Counter()
    for place, (a, b) in enumerate(pairs):
        if len(chosen) == count:
            break
        if setups.same[a, b] or setups.near[a, b] or max(used[a], used[b]) >= _PAIRS_A_SHOT:
            continue
        if any(setups.repeats((a, b), pairs[other]) for other in chosen):
            continue
        chosen.append(place)
        used.update((a, b))
    return chosen

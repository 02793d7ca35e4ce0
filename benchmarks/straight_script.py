"""The main job as a straight script: no store, nothing standardized, nothing kept.

Cuts by PySceneDetect through its own video backend, middle frames by seeking with PyAV, EfficientNet-Lite0 from its own
package, near-duplicates and pairs with numpy. It prints how much it found, as JSON.
"""

import argparse
import json
from pathlib import Path

import av
import cv2
import numpy as np
import scenedetect
import torch
from efficientnet_lite_pytorch import EfficientNet

_BATCH = 16


def main() -> None:
    """Run the job on a film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--min-cosine", type=float, default=0.9)
    parser.add_argument("--depth", type=int, default=1000)
    given = parser.parse_args()
    shots = find_shots(given.film)
    vectors = embed(middle_frames(given.film, shots), given.weights)
    pairs = best_pairs(vectors, kept(vectors, given.min_cosine), given.depth)
    print(json.dumps({"shots": len(shots), "pairs": len(pairs), "best": pairs[0][2] if pairs else None}))


def find_shots(film: Path) -> list[tuple[int, int]]:
    """(first, end) frames of each shot."""
    scenes = scenedetect.detect(str(film), scenedetect.AdaptiveDetector(), start_in_scene=True)
    return [(start.frame_num, end.frame_num) for start, end in scenes]


def middle_frames(film: Path, shots: list[tuple[int, int]]) -> np.ndarray:
    """The middle frame of each shot at the network's size, by seeking to the key frame before it."""
    pictures = []
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for start, end in shots:
            seconds = ((start + end) // 2) / stream.average_rate
            wanted = int(seconds / stream.time_base) + (stream.start_time or 0)
            container.seek(wanted, stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.pts >= wanted)
            picture = frame.to_ndarray(format="rgb24")
            pictures.append(cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA))
    return np.stack(pictures)


def embed(pictures: np.ndarray, weights: Path) -> np.ndarray:
    """A vector of length 1 for each picture."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _BATCH):
            batch = (pictures[start : start + _BATCH].astype(np.float32) - 127) / 128
            features = network.extract_features(torch.from_numpy(batch).permute(0, 3, 1, 2))
            vectors.append(features.mean(dim=(2, 3)).numpy())
    found = np.concatenate(vectors)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def kept(vectors: np.ndarray, min_cosine: float) -> list[int]:
    """The shots that repeat no earlier one."""
    found: list[int] = []
    for shot, vector in enumerate(vectors):
        if not found or (vectors[found] @ vector).max() < min_cosine:
            found.append(shot)
    return found


def best_pairs(vectors: np.ndarray, shots: list[int], depth: int) -> list[tuple[int, int, float]]:
    """(shot, shot, cosine), best first."""
    scores = vectors[shots] @ vectors[shots].T
    first, second = np.triu_indices(len(shots), 1)
    best = np.argsort(-scores[first, second], kind="stable")[:depth]
    return [(shots[first[i]], shots[second[i]], float(scores[first[i], second[i]])) for i in best]


if __name__ == "__main__":
    main()

"""Frames a second of the embedding stage on a cluster, and of its model alone on pictures that are in memory.

python -m tests.cluster.embedding ADDRESS FOLDER
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from algorithms.middle_frames import middle_pictures
from algorithms.shot_embeddings import Encoder
from amber.client import Amber
from amber.settings import Settings
from amber.store.backfills import Wish
from amber.weights import Weights, open_weights


def measure(address: str, folder: Path) -> dict[str, float]:
    """Both, over the films of a folder; the first one only wakes everybody up."""
    settings = Settings(folder / "home", executor="ray", ray_address=address)
    with Amber.open(settings=settings) as amber:
        assets = [amber.ingest(film).asset for film in sorted(folder.glob("*.mp4"))]
        amber.get("shot_embeddings", assets[0])
        _backfill(amber, "shots", assets)
        frames = sum(len(amber.get("shots", asset).value.start) for asset in assets[1:])
        began = time.monotonic()
        _backfill(amber, "shot_embeddings", assets[1:])
        stage = frames / (time.monotonic() - began)
        film, shots = amber.get("standard", assets[0]).value, amber.get("shots", assets[0]).value
        pictures = list(middle_pictures(film, shots))
    encoder = open_weights(Weights("efficientnet-lite0"), Encoder, folder / "weights")
    given = [pictures[number % len(pictures)] for number in range(frames)]
    encoder.encode(given[:64])
    began = time.monotonic()
    assert np.isfinite(encoder.encode(given)).all()
    return {"stage": stage, "alone": frames / (time.monotonic() - began)}


def _backfill(amber: Amber, algorithm: str, assets: list[str]) -> None:
    ended = amber.backfills.finish(amber.backfills.start(Wish(algorithm), assets, concurrency=16).id)
    assert ended.counts == {"ready": len(assets)}, ended


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))

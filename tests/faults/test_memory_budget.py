"""Many films at once stay within a memory budget, nothing fails, and a film that is too large for it says so at once."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from algorithms.standard import standard
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.executors.admission import Capacity, Resources
from amber.engine.ingest import ingest
from amber.errors import StepTooLargeError
from amber.registry import Registry
from amber.store.open import open_store
from amber.store.protocol import AssetRecord
from jasper.sandbox import shared

IS_SOAK = "AMBER_SOAK" in os.environ
COUNT, BUDGET_BYTES = (20, 1_000_000_000) if IS_SOAK else (4, 700_000_000)


def clip(path: Path, number: int) -> Path:
    """A few frames that no other clip has."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(24):
            shade = np.full((180, 320, 3), (number * 11 + index) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())
    return path


class Scale:
    """Weighs the decoders of this process all the time."""

    def __init__(self) -> None:
        self.most_bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._weigh)

    def _weigh(self) -> None:
        while not self._over.wait(0.01):
            self.most_bytes = max(self.most_bytes, sum(map(_resident, shared.pids)))

    @contextlib.contextmanager
    def weighing(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


@pytest.mark.soak
@pytest.mark.timeout(60 + 60 * COUNT)
def test_many_films_at_once_stay_within_the_budget(tmp_path: Path) -> None:
    capacity = Capacity(Resources(64.0, 0.0, BUDGET_BYTES))
    with contextlib.closing(open_store(tmp_path / "home")) as store:
        engine = Engine(store, Registry([standard]), capacity=capacity)
        films = [
            ingest(store, clip(tmp_path / f"{number}.mp4", number)).asset or "" for number in range(COUNT)
        ]
        shared.close()
        scale = Scale()
        with scale.weighing(), ThreadPoolExecutor(COUNT) as pool:
            features = list(pool.map(lambda film: engine.get(Ask("standard", (film,))), films))
        engine.close()
        assert len({feature.id for feature in features}) == COUNT
        costs = [store.catalog.cost(feature.id) for feature in features]
        peaks = [cost.peak_memory_bytes for cost in costs if cost is not None]
        print(
            f"{COUNT} films: decoders at most {scale.most_bytes / 1e6:.0f} MB of {BUDGET_BYTES / 1e6:.0f} MB"
        )
        print(f"largest recorded peak {max(peaks) / 1e6:.0f} MB")
        assert 50_000_000 < scale.most_bytes < BUDGET_BYTES
        huge = AssetRecord("f" * 64, "huge", 10.0, 240, 7680, 4320, Fraction(24))
        store.catalog.put_asset(huge)
        began = time.monotonic()
        with pytest.raises(StepTooLargeError, match=r"standard of ffffffffffff takes 1\.63 GB"):
            engine.get(Ask("standard", (huge.asset,)))
        assert time.monotonic() - began < 1.0

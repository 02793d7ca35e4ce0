"""How many rows a second does a trainer get from a dataset, beside reading feature by feature, and beside decoding frames?

All three in one process, without workers of a loader; rows are vectors of 512 numbers, and the frame in the middle of each shot.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from amber import Amber
from amber.algorithm import Source, algorithm, result
from amber.datasets import Rows, write_dataset
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.registry import Registry
from amber.store.open import open_store
from benchmarks.measure import Answer, Runs, Wanted
from benchmarks.subject import arguments, progress, the_film

TITLES, ROWS, WIDTH, BATCH = 300, 130, 512, 256
_DATASET, _FEATURES, _DECODED = (
    "rows of a dataset",
    "rows feature by feature",
    "frames decoded from the encode",
)


@result
class Vectors:
    """Vectors of a title's shots."""

    vector: Float32[np.ndarray, " row 512"]


@algorithm(version="1")
def vectors(source: Source) -> Vectors:
    """Noise that follows from the asset."""
    noise = np.random.default_rng(int(source.asset[:8], 16))
    return Vectors(vector=noise.standard_normal((ROWS, WIDTH), np.float32))


def measure(film: Path, rounds: int, home: Path) -> Answer:
    """Rows a second, in alternated runs."""
    runs = Runs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amber-bench-")))
        store = stack.enter_context(closing(open_store(folder / "home")))
        engine = stack.enter_context(closing(Engine(store, Registry([vectors]))))
        asks = [
            Ask("vectors", (hashlib.sha256(str(number).encode()).hexdigest(),)) for number in range(TITLES)
        ]
        progress("dataset", f"computing {TITLES} features")
        write_dataset(engine, asks, folder / "train")
        amber = stack.enter_context(Amber.open(home))
        asset = amber.asset(film)
        shots = amber.get("shots", asset).value
        middles = (shots.start + shots.end) // 2
        standard = amber.get("standard", asset).value
        for number in range(rounds):
            progress("dataset", f"round {number + 1} of {rounds}")
            runs.note(_DATASET, "/s", _rate(_batches(folder / "train", number)))
            runs.note(_FEATURES, "/s", _rate(_one_by_one(folder / "home", asks, number)))
            runs.note(
                _DECODED, "/s", _rate(_frames(standard.encode.path, standard.frame_times.path, middles))
            )
    features, frames = (runs.ratio(other, _DATASET) for other in (_FEATURES, _DECODED))
    return Answer(
        name="dataset",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks dataset",
        rows=runs.rows(),
        wanted=(Wanted("feature by feature ÷ dataset", "×", 1 / 3, features),),
        notes=(
            f"{TITLES} titles of {ROWS} rows, {WIDTH} numbers each, batches of {BATCH}, shuffled",
            f"a dataset gives {1 / features:.1f} times the rows of reading feature by feature, {1 / frames:.0f} times those of decoding",
        ),
    )


def _rate(batches: Callable[[], Iterator[int]]) -> float:
    """Rows a second of an epoch."""
    began = time.perf_counter()
    rows = sum(batches())
    return rows / (time.perf_counter() - began)


def _batches(folder: Path, epoch: int) -> Callable[[], Iterator[int]]:
    def read() -> Iterator[int]:
        rows = Rows(folder, batch_rows=BATCH)
        rows.set_epoch(epoch)
        return (len(batch["vector"]) for batch in rows)

    return read


def _one_by_one(home: Path, asks: list[Ask], epoch: int) -> Callable[[], Iterator[int]]:
    """A trainer that has no dataset: titles in another order each epoch, the rows of each shuffled."""

    def read() -> Iterator[int]:
        chance = np.random.default_rng(epoch)
        with closing(open_store(home)) as store, closing(Engine(store, Registry([vectors]))) as engine:
            for number in chance.permutation(len(asks)):
                value = engine.get(asks[number]).value.vector
                order = chance.permutation(len(value))
                for first in range(0, len(value), BATCH):
                    yield len(torch.from_numpy(value[order[first : first + BATCH]]))

    return read


def _frames(
    encode: Path, times: Path, middles: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> Callable[[], Iterator[int]]:
    def read() -> Iterator[int]:
        from jasper import Video

        video = Video.open(encode, times)
        for first in range(0, len(middles), 16):
            yield len(video.frames_at(middles[first : first + 16].astype(np.int64)))

    return read


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as temporary:
        at = given.home or Path(temporary) / "home"
        print(measure(the_film(given.film), given.rounds, at).markdown())

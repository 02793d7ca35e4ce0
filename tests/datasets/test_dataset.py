"""A dataset has the same bytes each time it is written, goes on where it was interrupted, and shows each row once."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jaxtyping import Float32, Int64
from torch.utils.data import DataLoader

from amber.algorithm import Source, algorithm, result
from amber.datasets import Rows, Seen, write_dataset
from amber.datasets.manifest import read_manifest
from amber.datasets.order import State
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.errors import DatasetError
from amber.registry import Registry
from amber.store.open import memory_store

#: Films, each with its number plus five rows.
FILMS = 200 if "AMBER_SOAK" in os.environ else 12
ASSETS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(FILMS)]
ROWS_A_SHARD = 40


@result
class Vectors:
    """Vectors, and names for them."""

    vector: Float32[np.ndarray, " row 3"]
    number: Int64[np.ndarray, " row"]
    name: list[str]


@algorithm(version="1")
def vectors(source: Source, *, more: int = 5) -> Vectors:
    count = ASSETS.index(source.asset) + more
    number = np.arange(count) + 1000 * ASSETS.index(source.asset)
    vector = np.stack([number, number + 0.5, -number], axis=1).astype(np.float32)
    return Vectors(vector=vector, number=number.astype(np.int64), name=[f"n{n}" for n in number])


ALL = sorted(1000 * film + row for film in range(FILMS) for row in range(film + 5))


@pytest.fixture
def engine() -> Iterator[Engine]:
    store = memory_store()
    made = Engine(store, Registry([vectors]))
    yield made
    made.close()
    store.close()


def asks(count: int = FILMS, **settings: object) -> list[Ask]:
    return [Ask("vectors", (asset,), settings=settings) for asset in ASSETS[:count]]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(engine: Engine, folder: Path, wanted: list[Ask] | None = None, **more: Any) -> int:
    return write_dataset(engine, wanted or asks(), folder, rows_a_shard=ROWS_A_SHARD, **more).shards_written


def test_the_same_features_give_the_same_bytes_in_any_order(engine: Engine, tmp_path: Path) -> None:
    assert write(engine, tmp_path / "one") == -(-len(ALL) // ROWS_A_SHARD)
    with (
        contextlib.closing(memory_store()) as store,
        contextlib.closing(Engine(store, Registry([vectors]))) as other,
    ):
        write(other, tmp_path / "two", list(reversed(asks())))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert write(engine, tmp_path / "one") == 0, "what is there is not written again"
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_shards_are_plain_arrow_files_and_the_manifest_says_what_is_in_them(
    engine: Engine, tmp_path: Path
) -> None:
    write(engine, tmp_path)
    manifest = read_manifest(tmp_path / "manifest.json")
    assert manifest is not None and manifest.rows == len(ALL)
    for shard in manifest.shards:
        data = (tmp_path / shard.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == shard.sha256
        table = pa.ipc.open_file(data).read_all()
        assert table.num_rows == shard.rows == sum(part.rows for part in shard.parts)
        for row in table.to_pylist():
            assert row["number"] == 1000 * ASSETS.index(row["asset"]) + row["row"]
            assert (row["name"], row["vector"][2]) == (f"n{row['number']}", -float(row["number"]))
    assert {shard.rows for shard in manifest.shards[:-1]} == {ROWS_A_SHARD}


def test_an_interrupted_one_goes_on_behind_the_last_whole_shard(engine: Engine, tmp_path: Path) -> None:
    write(engine, tmp_path / "whole")

    def stop(shards: int, rows: int) -> None:
        if shards == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(engine, tmp_path / "cut", told=stop)
    assert not (tmp_path / "cut" / "manifest.json").exists()
    with pytest.raises(DatasetError, match="holds no whole dataset"):
        Rows(tmp_path / "cut")
    (tmp_path / "cut" / "shard-00000.arrow").write_bytes(b"spoilt")
    left = len(files(tmp_path / "whole")) - 1 - 2
    assert write(engine, tmp_path / "cut") == left + 1, "a spoilt one is written again"
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_another_dataset_is_not_written_over(engine: Engine, tmp_path: Path) -> None:
    write(engine, tmp_path)
    before = files(tmp_path)
    with pytest.raises(DatasetError, match="other settings or shards"):
        write(engine, tmp_path, asks(more=6))
    with pytest.raises(DatasetError, match="other features"):
        write(engine, tmp_path, asks(FILMS - 1))
    assert files(tmp_path) == before


def read(folder: Path, rank: int, workers: int, **more: Any) -> DataLoader[dict[str, Any]]:
    rows = Rows(folder, batch_rows=7, rank=rank, world=2, **more)
    return DataLoader(rows, batch_size=None, num_workers=workers)


@pytest.mark.parametrize("seed", [None, 5])
def test_two_ranks_with_two_workers_see_every_row_once(
    engine: Engine, tmp_path: Path, seed: int | None
) -> None:
    write(engine, tmp_path)
    numbers: list[int] = []
    for rank in range(2):
        for batch in read(tmp_path, rank, 2, seed=seed):
            numbers += batch["number"].tolist()
            assert batch["vector"].shape == (len(batch["number"]), 3)
            assert batch["vector"][:, 2].tolist() == [-n for n in batch["number"].tolist()]
            assert batch["name"] == [f"n{n}" for n in batch["number"].tolist()]
            assert (1000 * _films(tmp_path, batch) + batch["row"].numpy()).tolist() == batch[
                "number"
            ].tolist()
    assert sorted(numbers) == ALL
    assert (numbers == sorted(numbers)) is (seed is None and numbers == ALL)


def _films(folder: Path, batch: dict[str, Any]) -> Any:
    assets = Rows(folder).assets
    return np.array([ASSETS.index(assets[number]) for number in batch["asset"]])


@pytest.mark.parametrize("workers_then", [2, 0, 1])
def test_after_a_resume_the_rest_is_seen_once_whatever_the_number_of_workers(
    engine: Engine, tmp_path: Path, workers_then: int
) -> None:
    write(engine, tmp_path)
    numbers: Counter[int] = Counter()
    states: list[State | None] = []
    for rank, stop in ((0, 3), (1, 5)):
        seen = Seen()
        for count, batch in enumerate(read(tmp_path, rank, 2)):
            if count == stop:
                break  # workers have read ahead; what they read was not seen
            numbers.update(batch["number"].tolist())
            seen.note(batch)
        states.append(seen.state())
    assert 0 < numbers.total() < len(ALL)
    for rank in range(2):
        for batch in read(tmp_path, rank, workers_then, resume=states):
            numbers.update(batch["number"].tolist())
    assert sorted(numbers.elements()) == ALL


def test_each_epoch_has_its_own_order_also_for_workers_that_stay(engine: Engine, tmp_path: Path) -> None:
    write(engine, tmp_path)
    rows = Rows(tmp_path, batch_rows=16)
    loader = DataLoader(rows, batch_size=None, num_workers=2, persistent_workers=True)
    epochs = []
    for epoch in range(2):
        rows.set_epoch(epoch)
        epochs.append([n for batch in loader for n in batch["number"].tolist()])
        assert sorted(epochs[-1]) == ALL
    assert epochs[0] != epochs[1]
    assert len(rows) == len(ALL)


def test_columns_can_be_chosen_and_states_of_others_are_refused(engine: Engine, tmp_path: Path) -> None:
    write(engine, tmp_path)
    batch = next(iter(Rows(tmp_path, columns=["number"])))
    assert set(batch) == {"number", "asset", "row", "position"}
    with pytest.raises(DatasetError, match="no column 'other'; there are: vector, number, name"):
        Rows(tmp_path, columns=["other"])
    seen = Seen()
    seen.note(batch)
    with pytest.raises(DatasetError, match="another dataset, seed or epoch"):
        Rows(tmp_path, seed=1, resume=[seen.state()])

"""The rows of a dataset for PyTorch, read from its shards in place."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import IterableDataset, get_worker_info

from amber.datasets.manifest import WHOLE, Manifest, read_manifest
from amber.datasets.order import State, left, pieces, share, shuffled, within
from amber.errors import DatasetError


class Rows(IterableDataset[dict[str, Any]]):
    """Batches of rows; over all ranks and workers together each row once an epoch.

    Give it to a `DataLoader` with `batch_size=None`, as it makes batches itself.
    A batch has a tensor for each column of numbers (first axis: the batch), a list for each other one, `asset`
    (int64 indices into `assets`), `row` (int64 rows of their features), and `position`, which `Seen.note` reads.

    Args:
        folder: What `amber dataset` wrote.
        batch_rows: Rows of a batch; the last ones of a consumer may have fewer.
        columns: Those that are wanted; all, unless given.
        seed: Shuffles each epoch another way; None: the rows come as they are stored.
        rank: Of this process among `world`; as torch.distributed or `RANK` and `WORLD_SIZE` say, unless given.
        world: How many processes train.
        resume: States of `Seen` (of every rank) that the epoch goes on from, with any number of ranks and workers.

    Raises:
        DatasetError: There is no whole dataset, a state is of another one, or there is no such column.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        batch_rows: int = 256,
        columns: Sequence[str] | None = None,
        seed: int | None = 0,
        rank: int | None = None,
        world: int | None = None,
        resume: Sequence[State | None] = (),
    ) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._manifest, self._digest = _whole(self._folder)
        self._batch_rows = batch_rows
        self._seed = seed
        self._rank, self._world = _rank(rank, world)
        #: The assets of rows, by the index that batches name.
        self.assets = list(dict.fromkeys(p.assets for s in self._manifest.shards for p in s.parts))
        self._numbers = {name: number for number, name in enumerate(self.assets)}
        #: (shard, record batch) and rows of each block.
        self._blocks = [
            (number, block, min(size, shard.rows - block * size))
            for size in [self._manifest.rows_a_block]
            for number, shard in enumerate(self._manifest.shards)
            for block in range(-(-shard.rows // size))
        ]
        self._open: dict[tuple[int, int], Any] = {}
        self._last: tuple[tuple[int, int], tuple[Any, Any, Any]] | None = None
        self._columns = self._chosen(columns)
        states = [state for state in resume if state is not None]
        self._check(states)
        self._resumed = (states[0]["epoch"] if states else 0, [(a, b) for s in states for a, b in s["seen"]])
        #: Shared with the workers of a loader, which may outlive an epoch.
        self._epoch = torch.tensor([self._resumed[0]]).share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        """Rows of an epoch, over all ranks."""
        return self._manifest.rows

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration goes through."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Go through another epoch next, in its own order."""
        self._epoch[0] = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The batches of this rank and this worker."""
        worker = get_worker_info()
        workers = worker.num_workers if worker is not None else 1
        consumer = self._rank * workers + (worker.id if worker is not None else 0)
        epoch = self.epoch
        seen = self._resumed[1] if epoch == self._resumed[0] else []
        lengths = [rows for _, _, rows in self._blocks]
        order = shuffled(lengths, self._seed, epoch).tolist()
        mine = share(left(len(self), seen), consumer, self._world * workers)
        for batch in pieces(lengths, order, mine, self._batch_rows):
            read = [self._read(block, first, last, epoch) for block, first, last, _ in batch]
            rows = sum(last - first for _, first, last, _ in batch)
            start = batch[0][3]
            yield {
                **(_joined(read) if len(read) > 1 else _tensors(read[0])),
                "position": {
                    "epoch": epoch,
                    "seed": self._seed,
                    "dataset": self._digest,
                    "start": start,
                    "stop": start + rows,
                },
            }

    def _read(self, block: int, first: int, last: int, epoch: int) -> dict[str, Any]:
        """Some rows of a block, as arrays of their own and lists."""
        table, order, known = self._loaded(block, epoch)
        chosen = order[first:last]
        found = {name: _taken(table.column(name), chosen) for name in self._columns}
        found["row"] = _taken(table.column("row"), chosen).astype(np.int64)
        named = table.column("asset")
        found["asset"] = known[_taken(named.indices, chosen)]
        return found

    def _loaded(self, block: int, epoch: int) -> tuple[Any, Any, Any]:
        """A block, the order of its rows, and the numbers of its assets; the last one is kept for the next batch."""
        if self._last is None or self._last[0] != (block, epoch):
            shard, number, rows = self._blocks[block]
            table = self._file(shard).get_batch(number)
            names = table.column("asset").dictionary.to_pylist()
            known = np.array([self._numbers[name] for name in names], np.int64)
            self._last = (block, epoch), (table, within(rows, self._seed, epoch, block), known)
        return self._last[1]

    def _file(self, shard: int) -> Any:
        """An open shard; each process opens its own."""
        key = (os.getpid(), shard)
        if key not in self._open:
            path = self._folder / self._manifest.shards[shard].file
            try:
                self._open[key] = pa.ipc.open_file(pa.memory_map(str(path)))
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(f"{path} cannot be read: {error}; write the dataset again") from error
        return self._open[key]

    def __getstate__(self) -> dict[str, Any]:
        """Without open files, for workers that are started anew."""
        return {**self.__dict__, "_open": {}, "_last": None}

    def _chosen(self, columns: Sequence[str] | None) -> list[str]:
        if not self._blocks:
            return list(columns or ())
        there = [name for name in self._file(0).schema.names if name not in ("asset", "row")]
        for name in columns or ():
            if name not in there:
                raise DatasetError(f"the dataset has no column {name!r}; there are: {', '.join(there)}")
        return there if columns is None else list(columns)

    def _check(self, states: Sequence[State]) -> None:
        for state in states:
            found = (state["dataset"], state["seed"], state["epoch"])
            if found != (self._digest, self._seed, states[0]["epoch"]):
                raise DatasetError(
                    "a state to resume from is of another dataset, seed or epoch than the rest: "
                    f"found seed {state['seed']}, epoch {state['epoch']}, dataset {state['dataset'][:12]}; "
                    f"this is seed {self._seed}, dataset {self._digest[:12]}"
                )


def _whole(folder: Path) -> tuple[Manifest, str]:
    manifest = read_manifest(folder / WHOLE)
    if manifest is None:
        raise DatasetError(f"{folder} holds no whole dataset; `amber dataset … --out {folder}` writes one")
    return manifest, hashlib.sha256((folder / WHOLE).read_bytes()).hexdigest()


def _rank(rank: int | None, world: int | None) -> tuple[int, int]:
    if rank is not None and world is not None:
        return rank, world
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _taken(array: Any, chosen: np.ndarray[Any, Any]) -> Any:
    """Some elements, in their order: an array of its own of numbers, or a list."""
    shape = [len(array)]
    while pa.types.is_fixed_size_list(array.type):
        shape.append(array.type.list_size)
        array = array.flatten()
    is_number = pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    if pa.types.is_boolean(array.type) or is_number:
        return array.to_numpy(zero_copy_only=False).reshape(shape)[chosen]
    return array.take(pa.array(chosen)).to_pylist()


def _tensors(read: dict[str, Any]) -> dict[str, Any]:
    return {
        name: torch.from_numpy(found) if isinstance(found, np.ndarray) else found
        for name, found in read.items()
    }


def _joined(read: Sequence[dict[str, Any]]) -> dict[str, Any]:
    together: dict[str, Any] = {}
    for name, first in read[0].items():
        parts = [one[name] for one in read]
        together[name] = (
            np.concatenate(parts)
            if isinstance(first, np.ndarray)
            else [item for part in parts for item in part]
        )
    return _tensors(together)

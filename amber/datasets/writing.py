"""Writes features as sharded Arrow files: the same features give the same bytes, and what is written is not written again."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from amber.datasets.manifest import PARTIAL, WHOLE, Manifest, Part, Shard, read_manifest
from amber.engine.ask import Ask
from amber.engine.documents import settings_document
from amber.engine.engine import Engine
from amber.engine.events import Listener, silent
from amber.errors import DatasetError
from amber.store.protocol import Trace

ROWS_A_SHARD, ROWS_A_BLOCK = 65_536, 1024
#: Told of shards done, and of rows in them.
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """What is in the folder now."""

    manifest: Manifest
    #: Shards that this call wrote; the others were there.
    shards_written: int


def write_dataset(
    engine: Engine,
    asks: Sequence[Ask],
    folder: Path,
    *,
    rows_a_shard: int = ROWS_A_SHARD,
    listener: Listener = silent,
    told: Told = lambda shards, rows: None,
) -> Written:
    """Write the rows of features, in the order of their assets; what is missing is computed.

    Ended at any moment and called again, it goes on behind the last whole shard.

    Args:
        engine: Has the features.
        asks: They differ in their assets only.
        folder: Made if need be; holds nothing, or this dataset, whole or in part.
        rows_a_shard: Of every shard but the last.
        listener: Told of every step.
        told: Told of progress.

    Raises:
        DatasetError: The folder holds another dataset, or rows cannot be written so.
        ComputeError: A feature cannot be computed.
    """
    assert asks, "a dataset is of at least one asset"
    closure = engine.closure(asks[0])
    node = closure.nodes[closure.asked]
    empty = Manifest(
        node.name, node.version, settings_document(closure), rows_a_shard, min(ROWS_A_BLOCK, rows_a_shard)
    )
    folder.mkdir(parents=True, exist_ok=True)
    writer = _Writer(engine, folder, empty, listener, told)
    ordered = sorted(asks, key=lambda ask: tuple(sorted(ask.assets)))
    return writer.write(ordered)


class _Writer:
    def __init__(self, engine: Engine, folder: Path, empty: Manifest, listener: Listener, told: Told) -> None:
        self._engine = engine
        self._folder = folder
        self._listener = listener
        self._told = told
        self._whole = read_manifest(folder / WHOLE)
        before = self._whole or read_manifest(folder / PARTIAL)
        if before is not None and not before.same_making(empty):
            raise DatasetError(
                f"{folder} holds a dataset of {before.algorithm} {before.version} with other settings or shards; "
                "give another folder"
            )
        self._before = before or empty
        self._now = empty
        self._lengths = dict(self._before.lengths)
        self._asks: dict[str, Ask] = {}
        self._written = 0

    def write(self, asks: Sequence[Ask]) -> Written:
        """All shards, then the manifest."""
        for number, parts in enumerate(self._cut(asks)):
            shard = self._there(number, parts)
            if shard is None:
                if self._whole is not None and self._is_other(number, parts):
                    raise DatasetError(
                        f"{self._folder} holds a dataset of other features; give another folder for these"
                    )
                shard = self._write_shard(number, parts)
                self._written += 1
            self._now = replace(self._now, shards=(*self._now.shards, shard), lengths=dict(self._lengths))
            if self._whole is None:
                _put(self._folder / PARTIAL, self._now.text())
            self._told(number + 1, self._now.rows)
        if self._whole is not None and len(self._whole.shards) != len(self._now.shards):
            raise DatasetError(
                f"{self._folder} holds a dataset of other features; give another folder for these"
            )
        used = {part.value for shard in self._now.shards for part in shard.parts}
        whole = replace(self._now, lengths={v: n for v, n in self._lengths.items() if v in used})
        _put(self._folder / WHOLE, whole.text())
        (self._folder / PARTIAL).unlink(missing_ok=True)
        for left_over in sorted(self._folder.glob("shard-*.arrow"))[len(whole.shards) :]:
            left_over.unlink()
        return Written(whole, self._written)

    def _cut(self, asks: Sequence[Ask]) -> Iterator[list[Part]]:
        """The parts of each shard."""
        parts: list[Part] = []
        room = self._now.rows_a_shard
        for ask in asks:
            trace, rows = self._length(ask)
            self._asks[trace.recipe] = ask
            first = 0
            while first < rows:
                taken = min(room, rows - first)
                parts.append(Part("+".join(trace.assets), trace.recipe, trace.value.sha256, first, taken))
                first, room = first + taken, room - taken
                if room == 0:
                    yield parts
                    parts, room = [], self._now.rows_a_shard
        if parts:
            yield parts

    def _length(self, ask: Ask) -> tuple[Trace, int]:
        """The feature, computed if need be, and its rows; one whose rows are known is not read."""
        _, _, trace = self._engine.look_up(self._engine.closure(ask), ask)
        if trace is None or trace.value.sha256 not in self._lengths:
            feature = self._engine.get(ask, self._listener)
            trace = feature.trace
            self._lengths[trace.value.sha256] = feature.table.num_rows
        return trace, self._lengths[trace.value.sha256]

    def _is_other(self, number: int, parts: list[Part]) -> bool:
        return number >= len(self._before.shards) or self._before.shards[number].parts != tuple(parts)

    def _there(self, number: int, parts: list[Part]) -> Shard | None:
        """The shard that an earlier call wrote, if it is of these rows and whole."""
        if self._is_other(number, parts):
            return None
        shard = self._before.shards[number]
        try:
            with (self._folder / shard.file).open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == shard.sha256
        except FileNotFoundError:
            return None
        return shard if is_whole else None

    def _write_shard(self, number: int, parts: list[Part]) -> Shard:
        name = f"shard-{number:05}.arrow"
        table = self._table(parts)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table.combine_chunks(), max_chunksize=self._now.rows_a_block)
        data = sink.getvalue()
        _put(self._folder / name, data)
        digest = hashlib.sha256(data).hexdigest()
        return Shard(name, digest, len(data), table.num_rows, tuple(parts))

    def _table(self, parts: list[Part]) -> pa.Table:
        tables = [self._rows(part) for part in parts]
        try:
            together = pa.concat_tables(tables)
        except pa.ArrowException as error:
            raise DatasetError(f"features of one dataset have different columns: {error}") from error
        names = sorted({part.assets for part in parts})
        at = [names.index(part.assets) for part in parts for _ in range(part.rows)]
        rows = [row for part in parts for row in range(part.first, part.first + part.rows)]
        asset = pa.DictionaryArray.from_arrays(pa.array(at, pa.int32()), pa.array(names, pa.string()))
        return together.append_column("asset", asset).append_column("row", pa.array(rows, pa.int32()))

    def _rows(self, part: Part) -> pa.Table:
        feature = self._engine.get(self._asks[part.feature], self._listener)
        if feature.trace.value.sha256 != part.value:
            raise DatasetError(
                f"the feature of {part.assets[:12]} changed while the dataset was written; write it again"
            )
        for name in ("asset", "row", "position"):
            if name in feature.table.column_names:
                raise DatasetError(
                    f"{self._now.algorithm} has a column {name!r}, which a dataset adds itself"
                )
        return feature.table.slice(part.first, part.rows)


def _put(path: Path, content: str | pa.Buffer) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.replace(path)

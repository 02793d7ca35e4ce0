"""Computing one step: load its inputs, call the algorithm, store what it returns, measure what it took."""

import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amber import codec
from amber.algorithm import Each, File, Pair, Source
from amber.engine.machines import machine_kind
from amber.engine.paths import Paths
from amber.engine.scratch import scratch_folder
from amber.engine.values import Values
from amber.errors import BlobCorruptError, BlobMissingError
from amber.keys import BLOCKS, SOURCE, Node, Step, StepInput, is_merge
from amber.progress import Reporter, running
from amber.store.protocol import Blob, Cost, Store
from amber.weights import open_weights


@dataclass(frozen=True)
class Entry:
    """An input of a task: where it enters, and the digest of its value (for the asset itself: the asset hash)."""

    input: StepInput
    value: str
    recipe: str | None


@dataclass(frozen=True)
class Task:
    """All that is needed to compute one step, on whichever worker: no values, only their digests."""

    node: Node
    step: Step
    recipe: str
    entries: tuple[Entry, ...]
    #: Result types of the inputs by parameter.
    types: Mapping[str, type]
    #: Versions of the algorithms that produce the inputs, by parameter.
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Computed:
    """A stored, not yet committed value."""

    value: Blob
    files: tuple[Blob, ...]
    cost: Cost
    #: The kind of the machine that computed it.
    machine_kind: str = ""
    #: That machine's name, where it is not this one.
    machine: str = ""
    #: Seconds from when it was sent there to when it came back, less those of computing.
    queue_seconds: float = 0.0


class InputLostError(Exception):
    """The value of an input turned out to be unreadable; it has to be made again first."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"the value of {entry.input.parameter} is unreadable")
        self.entry = entry


def compute(task: Task, store: Store, values: Values, report: Reporter) -> Computed:
    """Compute a step and store its bytes; nothing is visible until the caller commits.

    Raises:
        InputLostError: A value that should be stored cannot be read.
        Exception: Whatever the algorithm raises.
    """
    arguments = _load(task, store, values)
    meter = _Meter()
    with scratch_folder(store.scratch) as folder:
        with running(report, folder):
            value = _call(task, arguments)
        files: list[Blob] = []
        data = codec.encode(value, task.node.algorithm.result, lambda file: _keep(file, store, files))
        return Computed(store.blobs.put(data), tuple(files), meter.cost(), machine_kind())


def source_of(store: Store, asset: str) -> Source:
    """The asset as an algorithm of this machine reads it."""
    paths = Paths(store, store.catalog.locations(asset))
    return Source(asset, paths, paths.mark_changed, store.catalog.frame_times(asset))


def _keep(file: File, store: Store, files: list[Blob]) -> File:
    """Store a file that the value names; one that came with an input is stored already and only noted."""
    blob = Blob(file.sha256, file.size_bytes) if file.sha256 else store.blobs.put_file(file.path)
    files.append(blob)
    return File(file.path, blob.sha256, blob.size_bytes)


def _call(task: Task, arguments: Mapping[str, Any]) -> Any:
    node = task.node
    if is_merge(node, task.step):
        merge = node.algorithm.merge
        assert merge is not None, f"{node.name} takes pairs, so the registry saw its merge function"
        return merge(
            arguments[BLOCKS], **{name: node.settings[name] for name in node.algorithm.merge_settings}
        )
    try:
        return node.algorithm.function(**arguments, **node.settings)
    except IndexError as error:
        for source in arguments.values():
            if isinstance(source, Source) and not source.paths:  # the first of none was asked for
                raise source.lost({}) from error
        raise


def _load(task: Task, store: Store, values: Values) -> dict[str, Any]:
    """The arguments of the call: typed inputs by parameter, and opened weights."""
    if is_merge(task.node, task.step):
        result_type = task.node.algorithm.result
        return {BLOCKS: [_typed(entry, result_type, values) for entry in task.entries]}
    by_parameter: dict[str, list[Entry]] = {}
    for entry in task.entries:
        by_parameter.setdefault(entry.input.parameter, []).append(entry)
    arguments: dict[str, Any] = {}
    for bound in task.node.inputs:
        entries = by_parameter[bound.parameter]
        if bound.producer == SOURCE:
            arguments[bound.parameter] = source_of(store, task.step.assets[0])
            continue
        loaded = {entry.input.label: _typed(entry, task.types[bound.parameter], values) for entry in entries}
        arguments[bound.parameter] = _arranged(bound.arity, task.step.assets, loaded)
    arguments.update(opened(task.node, store.scratch.parent / "weights"))
    return arguments


def opened(node: Node, cache: Path) -> dict[str, Any]:
    """The models of a node by parameter; None for those that its settings do not want."""
    return {
        one.name: open_weights(one.weights, one.opener, cache) if one.weights.wanted(node.settings) else None
        for one in node.algorithm.weights
    }


def _arranged(arity: str, assets: Sequence[str], loaded: Mapping[str, Any]) -> Any:
    if arity == "each":
        return Each(loaded)
    if arity == "pair":
        first, second = assets[0], assets[-1]
        return Pair((first, second), loaded[first], loaded[second])
    return next(iter(loaded.values()))


def _typed(entry: Entry, result_type: type, values: Values) -> Any:
    try:
        return values.read(entry.value).typed(result_type)
    except (BlobMissingError, BlobCorruptError) as error:
        values.forget(entry.value)
        raise InputLostError(entry) from error


class _Meter:
    """What a computation takes, from now on."""

    def __init__(self) -> None:
        from jasper.sandbox import shared

        self._decoders = shared
        self._wall = time.perf_counter()
        self._cpu, self._read = self._used()

    def _used(self) -> tuple[float, int]:
        """CPU seconds and bytes read so far, by this process and its decoders."""
        usage = self._decoders.usage()
        return time.process_time() + usage.cpu_seconds, _bytes_read() + usage.bytes_read

    def cost(self) -> Cost:
        cpu, read = self._used()
        own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Cost(
            seconds=time.perf_counter() - self._wall,
            cpu_seconds=cpu - self._cpu,
            peak_memory_bytes=max(own_peak, self._decoders.usage().peak_memory_bytes),
            bytes_read=max(0, read - self._read),
        )


def _bytes_read() -> int:
    try:
        first = Path("/proc/self/io").read_text().splitlines()[0]
    except OSError:
        return 0
    return int(first.split()[1])

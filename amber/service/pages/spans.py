"""What versions of an algorithm found in one film, side by side, where what they find are spans of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amber.engine.engine import Engine
from amber.store.protocol import Trace

#: The columns by which a value is a list of spans: frame indices, half-open.
START, END = "start", "end"
#: Spans of a film that are drawn; more than these are no picture any more.
_MOST = 5000


@dataclass(frozen=True)
class Span:
    """One of them, and whether no other version begins one at this frame."""

    start: int
    end: int
    is_own: bool


@dataclass(frozen=True)
class Found:
    """What a version found in a film."""

    trace: Trace
    spans: list[Span]

    @property
    def own(self) -> int:
        """How many begin where no other version begins one."""
        return sum(one.is_own for one in self.spans)


def compared(engine: Engine, algorithm: str, traces: Sequence[Trace]) -> dict[str, Found]:
    """Version → what it found, for versions whose stored value has spans; code of a version need not be loaded.

    Args:
        engine: Reads values.
        algorithm: Its versions are compared.
        traces: What is stored of a film, newest first; the newest of each version counts.

    Raises:
        BlobMissingError, BlobCorruptError: A value cannot be read.
    """
    newest: dict[str, Trace] = {}
    for trace in traces:
        if trace.algorithm == algorithm and len(trace.assets) == 1:
            newest.setdefault(trace.version, trace)
    bounds = {version: _bounds(engine, trace) for version, trace in newest.items()}
    return {
        version: Found(newest[version], _marked(version, rows, bounds))
        for version, rows in bounds.items()
        if rows
    }


def _bounds(engine: Engine, trace: Trace) -> list[tuple[int, int]]:
    """Where the spans of a value begin and end; none, if it is of another kind."""
    table = engine.table_of(trace)
    if any(name not in table.column_names for name in (START, END)):
        return []
    columns = [table.column(name).to_pylist()[:_MOST] for name in (START, END)]
    rows = list(zip(*columns, strict=True))
    return rows if all(isinstance(number, int) for row in rows for number in row) else []


def _marked(
    version: str, rows: Sequence[tuple[int, int]], bounds: Mapping[str, Sequence[tuple[int, int]]]
) -> list[Span]:
    others = [
        {start for start, _ in theirs} for other, theirs in bounds.items() if other != version and theirs
    ]
    elsewhere = set().union(*others)
    return [Span(start, end, bool(others) and start not in elsewhere) for start, end in rows]

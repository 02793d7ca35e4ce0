"""Answering `amber get`: asks, what comes of them, and how it is printed; knows nothing of how it was typed."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from amber.cli.exits import DONE, FAILED, error_document, report_error
from amber.cli.output import emit, say, write_bytes
from amber.cli.session import Wanted, opened
from amber.engine.texts import json_text
from amber.errors import AmberError, NotFoundError, UsageError

if TYPE_CHECKING:
    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.engine.ask import Ask, Feature
    from amber.keys import Step

Format = Literal["table", "json", "arrow", "csv"]
#: Rows that the table view shows.
SHOWN_ROWS = 20


@dataclass(frozen=True)
class Request:
    """What a command line asks for, and how it wants it."""

    wanted: Wanted
    form: Format = "table"
    out: Path | None = None
    limit: int = SHOWN_ROWS
    quiet: bool = False
    as_json: bool = False


@dataclass(frozen=True)
class Answer:
    """An ask and what came of it: a feature or an error."""

    ask: "Ask"
    feature: "Feature | None" = None
    error: AmberError | None = None


def answer(request: Request) -> int:
    """Give the features that are asked for, computing what is missing; the exit code.

    Raises:
        AmberError: The one feature that is asked for cannot be had; of several, those that fail are told.
        UsageError: What is asked for cannot be meant.
    """
    _check_output(request)
    from amber.cli.watching import watching

    with opened() as amber:
        began = time.perf_counter()
        with watching(quiet=request.quiet, as_json=request.as_json) as watcher:
            answers = _answers(amber, request.wanted.asks(amber, watcher), watcher)
        seconds = time.perf_counter() - began
        _print(amber, answers, request)
    if not request.as_json and not request.quiet:
        for given in answers:
            if given.feature is not None:
                say(told(given.feature, seconds))
    return FAILED if any(given.error is not None for given in answers) else DONE


def _check_output(request: Request) -> None:
    form, out = request.form, request.out
    if request.as_json and form in ("arrow", "csv") and out is None:
        raise UsageError(f"--json prints JSON on stdout; name a file for the {form} rows with --out FILE")
    if form == "arrow" and out is None and sys.stdout.isatty():
        raise UsageError("arrow is binary; name a file with --out FILE, or pipe it somewhere")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.absolute().parent}")
    if form == "table" and out is not None and not request.as_json:
        raise UsageError("a table is for reading; write a file with --format json, arrow or csv")


def _answers(amber: "Amber", asks: "Sequence[Ask]", watcher: "Watcher") -> list[Answer]:
    """The answers to asks; of several, those that fail do not stop the others."""
    watcher.expect(step for ask in asks for step in _steps(amber, ask))
    answers = []
    for ask in asks:
        try:
            answers.append(Answer(ask, amber.engine.get(ask, watcher.step)))
        except AmberError as error:
            if len(asks) == 1 or isinstance(error, UsageError):
                raise
            answers.append(Answer(ask, error=error))
    return answers


def _steps(amber: "Amber", ask: "Ask") -> "Iterable[Step]":
    try:
        closure = amber.engine.closure(ask)
    except NotFoundError:
        return ()
    return closure.steps(closure.step(ask.assets))


def _print(amber: "Amber", answers: Sequence[Answer], request: Request) -> None:
    form, out = request.form, request.out
    for given in answers:
        if given.error is not None:
            report_error(given.error, as_json=False)
    ready = [(given.ask, given.feature) for given in answers if given.feature is not None]
    if form in ("arrow", "csv") and ready:
        write_bytes(_encoded([feature for _, feature in ready], form), out)
    if request.as_json or form == "json":
        documents = [_document(amber, given) for given in answers]
        document = documents[0] if len(documents) == 1 else documents
        if form == "json" and out is not None:
            write_bytes(json_text(document).encode() + b"\n", out)
        if request.as_json or out is None:
            emit(document)
    elif form == "table":
        _print_tables(amber, ready, request.limit)


def _document(amber: "Amber", given: Answer) -> dict[str, Any]:
    from amber.engine.documents import failed_document, feature_document

    if given.feature is not None:
        return feature_document(amber.engine, given.ask, given.feature)
    assert given.error is not None, "an answer is a feature or an error"
    return failed_document(given.ask, error_document(given.error))


def _encoded(features: "Sequence[Feature]", form: Format) -> bytes:
    from amber.engine.rows import as_arrow, as_csv

    return as_arrow(features) if form == "arrow" else as_csv(features)


def _print_tables(amber: "Amber", ready: "Sequence[tuple[Ask, Feature]]", limit: int) -> None:
    from amber.cli.tables import console, print_rows

    for number, (ask, feature) in enumerate(ready):
        if len(ready) > 1:
            titles = ", ".join(amber.asset(asset).title for asset in ask.assets)
            console().print(f"{chr(10) if number else ''}{ask.algorithm} of {titles}")
        table = feature.table
        print_rows(
            table.column_names,
            table.slice(0, limit).to_pylist(),
            table.num_rows,
            is_record=is_record(feature),
        )


def is_record(feature: "Feature") -> bool:
    """Whether the result is one record of scalars rather than a table of columns."""
    if feature.result_type is None:
        return bool(feature.table.num_rows == 1)
    from amber.codec import columns

    return all(column.kind == "scalar" for column in columns(feature.result_type))


def told(feature: "Feature", seconds: float) -> str:
    """What was computed for a feature and how long it took, in a sentence."""
    from amber.wording import age, counted, duration

    trace = feature.trace
    rows = counted(feature.table.num_rows, "row")
    head = f"{trace.algorithm} {trace.version} ({trace.recipe[:12]}): {rows}"
    if feature.hit:
        stored = age(trace.created_at)
        return f"{head}; nothing was computed{f' (stored {stored})' if stored else ''}, answered in {duration(seconds)}"
    if not feature.computed:
        return f"{head}; computed by another process meanwhile, {duration(seconds)}"
    spent: dict[str, float] = {}
    for done in feature.computed:
        spent[done.step.algorithm] = spent.get(done.step.algorithm, 0.0) + done.seconds
    parts = ", ".join(f"{name} {duration(taken)}" for name, taken in spent.items())
    return f"{head}; computed {parts}; {duration(seconds)} in all"

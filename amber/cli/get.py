"""`amber get`: a feature, computed if it is missing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from amber.cli.exits import FAILED, error_document, report_error
from amber.cli.options import (
    AlgorithmArgument,
    AssetsArgument,
    JsonOption,
    QuietOption,
    SetOption,
    UseOption,
    VersionOption,
    WhereOption,
)
from amber.cli.output import emit, json_text, say, write_bytes
from amber.errors import AmberError, NotFoundError, UsageError

if TYPE_CHECKING:
    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.engine.ask import Ask, Feature

app = typer.Typer(rich_markup_mode="markdown")

Format = Literal["table", "json", "arrow", "csv"]


@dataclass(frozen=True)
class Answer:
    """An ask and what came of it: a feature or an error."""

    ask: "Ask"
    feature: "Feature | None" = None
    error: AmberError | None = None


@app.command(rich_help_panel="Features")
def get(
    algorithm: AlgorithmArgument,
    assets: AssetsArgument = None,
    where: WhereOption = None,
    version: VersionOption = None,
    settings: SetOption = None,
    use: UseOption = None,
    form: Annotated[
        Format, typer.Option("--format", help="How the rows are written; arrow is the stored file as it is.")
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write them there; the file appears whole or not at all."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Rows that the table view shows.")
    ] = 20,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Give a feature of one or several assets; what is missing is computed, and nothing twice.

    Several assets give one joint feature if the algorithm compares titles, else one each.

    Example: `amber get match_pairs bbb --set duplicate_groups.min_cosine=0.9 --format csv --out pairs.csv`
    """
    _check_output(form, out, json)
    from amber.cli.progress import watching
    from amber.cli.session import Wanted, opened

    wanted = Wanted(algorithm, assets or (), where, version, settings, use)
    with opened() as amber:
        began = time.perf_counter()
        with watching(quiet=quiet, as_json=json) as watcher:
            answers = _answers(amber, wanted.asks(amber, watcher), watcher)
        seconds = time.perf_counter() - began
        _print(amber, answers, form, out, limit=limit, as_json=json)
    if not json and not quiet:
        for answer in answers:
            if answer.feature is not None:
                say(told(answer.feature, seconds))
    if any(answer.error is not None for answer in answers):
        raise typer.Exit(FAILED)


def _check_output(form: Format, out: Path | None, as_json: bool) -> None:
    if as_json and form in ("arrow", "csv") and out is None:
        raise UsageError(f"--json prints JSON on stdout; name a file for the {form} rows with --out FILE")
    if form == "arrow" and out is None and _is_terminal():
        raise UsageError("arrow is binary; name a file with --out FILE, or pipe it somewhere")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.absolute().parent}")
    if form == "table" and out is not None and not as_json:
        raise UsageError("a table is for reading; write a file with --format json, arrow or csv")


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


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


def _steps(amber: "Amber", ask: "Ask") -> "Any":
    try:
        closure = amber.engine.closure(ask)
    except NotFoundError:
        return ()
    return closure.steps(closure.step(ask.assets))


def _print(
    amber: "Amber", answers: Sequence[Answer], form: Format, out: Path | None, *, limit: int, as_json: bool
) -> None:
    for answer in answers:
        if answer.error is not None:
            report_error(answer.error, as_json=False)
    ready = [(answer.ask, answer.feature) for answer in answers if answer.feature is not None]
    if form in ("arrow", "csv"):
        write_bytes(_encoded([feature for _, feature in ready], form), out)
    if as_json or form == "json":
        documents = [_document(amber, answer) for answer in answers]
        document = documents[0] if len(documents) == 1 else documents
        if form == "json" and out is not None:
            write_bytes(json_text(document).encode() + b"\n", out)
        if as_json or out is None:
            emit(document)
    elif form == "table":
        _print_tables(amber, ready, limit)


def _document(amber: "Amber", answer: Answer) -> dict[str, Any]:
    from amber.cli.documents import failed_document, feature_document

    if answer.feature is not None:
        return feature_document(amber.engine, answer.ask, answer.feature)
    assert answer.error is not None, "an answer is a feature or an error"
    return failed_document(answer.ask, error_document(answer.error))


def _encoded(features: "Sequence[Feature]", form: Format) -> bytes:
    from amber.cli.rows import as_arrow, as_csv

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
    from amber.cli.wording import age, counted, duration

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

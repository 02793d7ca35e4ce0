"""`amber get`: a feature, computed if it is missing."""

from pathlib import Path
from typing import Annotated

import typer

from amber.cli.getting import SHOWN_ROWS, Format, Request, answer
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
from amber.cli.session import Wanted

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)


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
    ] = SHOWN_ROWS,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Give a feature of one or several assets; what is missing is computed, and nothing twice.

    Several assets give one joint feature if the algorithm compares titles, else one each.

    Example: `amber get match_pairs bbb --set duplicate_groups.min_cosine=0.9 --format csv --out pairs.csv`
    """
    wanted = Wanted(algorithm, assets or (), where, version, settings, use)
    code = answer(Request(wanted, form, out, limit, quiet, json))
    if code:
        raise typer.Exit(code)

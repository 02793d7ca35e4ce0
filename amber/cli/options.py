"""Arguments and options that several commands share."""

from typing import Annotated

import typer

AssetArgument = Annotated[
    str, typer.Argument(metavar="ASSET", help="A hash, six digits or more of one, a title, or a path.")
]
AssetsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="ASSET…", help="Hashes, six digits or more of them, titles, or paths."),
]
AlgorithmArgument = Annotated[str, typer.Argument(metavar="ALGORITHM", help="`amber algorithms` lists them.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="LABEL=VALUE", help="Assets with this label; with all of them if given often."
    ),
]
VersionOption = Annotated[
    str | None, typer.Option("--version", metavar="V", help="Of the algorithm; the default one, unless said.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="[ALGORITHM.]NAME=VALUE", help="A setting of it or of what it is made from."
    ),
]
UseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--use", metavar="TYPE=PRODUCER", help="Which algorithm shall produce a type, for this ask."
    ),
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; it stays in the audit.")
]
ApplyOption = Annotated[
    str | None, typer.Option("--apply", metavar="PLAN_ID", help="Do what this plan says, if it still holds.")
]

"""What is measured on: the film, the command, and homes."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: The console script that was installed beside this Python.
AMBER = Path(sys.executable).with_name("amber")
ROOT = Path(__file__).resolve().parents[1]
#: The pairs that the straight script finds too.
JOB = ("get", "match_pairs")


def arguments(question: str) -> argparse.ArgumentParser:
    """The options that every benchmark on a film takes."""
    parser = argparse.ArgumentParser(
        description=question, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--film", type=Path, help="your own film; Big Buck Bunny, which is fetched, unless given"
    )
    parser.add_argument("--rounds", type=int, default=3, help="alternated runs (default: 3)")
    parser.add_argument("--home", type=Path, help="where the film's features are, or will be")
    return parser


def the_film(given: Path | None) -> Path:
    """The film that is measured."""
    if given is not None:
        return given.resolve()
    from demo.film import film

    print("fetching the film, unless it is there", file=sys.stderr)
    return film(lambda: contextlib.nullcontext(lambda done, total: None))


def progress(benchmark: str, text: str) -> None:
    """Say how far a benchmark is."""
    print(f"{benchmark}: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def computed(home: Path, film: Path) -> Iterator[Any]:
    """Amber on a home in which the film's pairs are computed, the asset, and the feature."""
    from amber import Amber

    with Amber.open(home) as amber:
        asset = amber.asset(film)
        yield amber, asset, amber.get(JOB[1], asset)

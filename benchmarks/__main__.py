"""Runs every benchmark and writes what they found into RESULTS.md; what people wrote there stays."""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    catalogue,
    cluster,
    cold_job,
    dataset,
    disk,
    encoded_job,
    long_film,
    naming,
    operators,
    pages,
    pair_search,
    planning,
    planning_remote,
    service,
    warm_ask,
    warm_remote,
)
from benchmarks.measure import Answer, machine
from benchmarks.subject import the_film

RESULTS = Path(__file__).with_name("RESULTS.md")
NAMES = (
    "cold_job",
    "encoded_job",
    "warm_ask",
    "warm_remote",
    "planning",
    "planning_remote",
    "disk",
    "naming",
    "service",
    "pages",
    "dataset",
    "catalogue",
    "cluster",
)
#: Need no film.
WITHOUT_FILM = {
    "catalogue",
    "cluster",
    "pair_search",
    "planning",
    "planning_remote",
    "service",
    "pages",
    "warm_remote",
}
#: Take a quarter of an hour each, so they are run where they are asked for by name.
LONG = "long_film"
PAIRS = "pair_search"
OPERATORS = "operators"


def main() -> None:
    """Measure what was asked for; everything, unless said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name",
        nargs="*",
        choices=[[], *NAMES, LONG, PAIRS, OPERATORS],
        help=f"{', '.join((*NAMES, LONG, PAIRS, OPERATORS))}; all but the last three, unless given",
    )
    parser.add_argument("--film", type=Path, help="your own film; RESULTS.md is then left as it is")
    parser.add_argument("--rounds", type=int, default=3, help="alternated runs")
    parser.add_argument("--keys", type=int, default=planning.KEYS, help="keys that are planned")
    given = parser.parse_args()
    parts = {"machine": _machine_part()}
    chosen = given.name or NAMES
    for answer in _answers(chosen, given.film, given.rounds, given.keys):
        print(f"\n## {answer.name}\n\n{answer.markdown()}\n", flush=True)
        parts[answer.name] = answer.markdown()
    if given.film is not None or given.keys != planning.KEYS:
        print("measured on something else than RESULTS.md tells of, which is left as it is", file=sys.stderr)
        return
    RESULTS.write_text(
        with_parts(RESULTS.read_text(), parts if set(chosen) == set(NAMES) else _marked(parts))
    )


def _answers(chosen: Sequence[str], own: Path | None, rounds: int, keys: int) -> Iterator[Answer]:
    """Each answer as soon as it is there."""
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as folder:
        film = the_film(own) if set(chosen) - WITHOUT_FILM else Path()
        home = Path(folder) / "home"
        if "cold_job" in chosen:
            yield cold_job.measure(film, rounds, home)
        if "encoded_job" in chosen:
            yield encoded_job.measure(film, rounds)
        if "warm_ask" in chosen:
            yield warm_ask.measure(film, max(rounds, 5), home)
        if "warm_remote" in chosen:
            yield warm_remote.measure(max(rounds, 5))
        if "service" in chosen:
            yield service.measure(rounds)
        if "pages" in chosen:
            yield pages.measure(rounds)
        if "planning_remote" in chosen:
            yield planning_remote.measure(keys, rounds)
        if "cluster" in chosen:
            yield cluster.measure(rounds)
        if "dataset" in chosen:
            yield dataset.measure(film, rounds, home)
        if "catalogue" in chosen:
            yield catalogue.measure(rounds)
        if "disk" in chosen:
            yield disk.measure(film, home)
        if "naming" in chosen:
            yield naming.measure(film, max(rounds, 5))
        if "planning" in chosen:
            yield planning.measure_somewhere(keys, rounds)
        if PAIRS in chosen:
            yield pair_search.measure(rounds)
        if OPERATORS in chosen:
            yield operators.measure(film, rounds)
        if LONG in chosen:
            yield long_film.measure(film)


def _machine_part() -> str:
    when = datetime.now(UTC).strftime("%d %B %Y")
    return "\n".join(f"- {fact}" for fact in [f"measured on {when} by `python -m benchmarks`", *machine()])


def _marked(parts: dict[str, str]) -> dict[str, str]:
    """Without the machine's part, which tells of the last whole run: a part measured in a run of its own says when and where itself."""
    when = datetime.now(UTC).strftime("%d %B %Y")
    told = f"- Measured in a run of its own on {when}: {'; '.join(machine())}."
    return {name: f"{text}\n{told}" for name, text in parts.items() if name != "machine"}


def with_parts(document: str, parts: dict[str, str]) -> str:
    """The document with each part between its markers replaced.

    Raises:
        ValueError: A part has no markers.
    """
    for name, text in parts.items():
        marked = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        document, count = marked.subn(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", document)
        if count != 1:
            raise ValueError(f"RESULTS.md has {count} places for {name}; it needs one")
    return document


if __name__ == "__main__":
    main()

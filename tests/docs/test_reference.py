"""The reference says what the code says."""

import re
import runpy
from functools import cache
from typing import Any

import pytest

from tests.docs.book import ROOT

#: How far the size of a layer may drift before its page must be written again.
DRIFT = 0.2
PAGES = tuple(
    f"reference/{name}.md"
    for name in ("algorithms", "cli", "environment", "errors", "http", "layers", "tables")
)


@cache
def generator() -> dict[str, Any]:
    """What docs/generate.py defines."""
    return runpy.run_path(str(ROOT / "docs" / "generate.py"))


@cache
def generated() -> dict[str, str]:
    """Every page as the code wants it."""
    pages: dict[str, str] = generator()["pages"]()
    return pages


def test_every_page_is_made_and_no_other_is_there() -> None:
    assert set(generated()) == {*PAGES, "adr/README.md"}
    assert set(PAGES) == {f"reference/{path.name}" for path in (ROOT / "docs/reference").iterdir()}


@pytest.mark.parametrize(
    "page", [*(page for page in PAGES if page != "reference/layers.md"), "adr/README.md"]
)
def test_a_page_is_what_the_code_says(page: str) -> None:
    assert (ROOT / "docs" / page).read_text() == generated()[page], "run `make docs`"


def test_the_sizes_of_layers_are_about_right() -> None:
    written, now = (
        _sizes((ROOT / "docs/reference/layers.md").read_text()),
        _sizes(generated()["reference/layers.md"]),
    )
    assert written.keys() == now.keys(), "run `make docs`"
    drifted = {
        name: (written[name], now[name]) for name in now if abs(written[name] - now[name]) > DRIFT * now[name]
    }
    assert drifted == {}, "run `make docs`"


def _sizes(page: str) -> dict[str, int]:
    rows = re.findall(r"^\| ([a-zP][\w ,]*) \|.*\| ([\d,]+) \|$", page, re.MULTILINE)
    return {name: int(lines.replace(",", "")) for name, lines in rows}


def test_every_module_stands_in_one_layer() -> None:
    counted = [file for files in generator()["layer_files"]().values() for file in files]
    packages = ("amber", "jasper", "algorithms", "migrations")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert sorted(counted) == sorted(path for path in modules if "__pycache__" not in path.parts)


def test_a_page_names_every_command_error_and_table() -> None:
    from algorithms import ALGORITHMS
    from amber.cli.app import COMMANDS
    from amber.errors import AmberError
    from amber.store.schema import metadata

    assert _missing("cli.md", [f"## `amber {name}" for name in COMMANDS]) == []
    assert _missing("tables.md", [f"## `{name}`" for name in metadata.tables]) == []
    assert (
        _missing("errors.md", [f"| `{error.__name__}` |" for error in [AmberError, *_below(AmberError)]])
        == []
    )
    assert _missing("algorithms.md", [f"## `{a.name}` version `{a.version}`" for a in ALGORITHMS]) == []
    settings = [f"| `{a.name}.{s.name}` |" for a in ALGORITHMS for s in a.settings]
    assert settings, "some algorithm has a setting"
    assert _missing("algorithms.md", settings) == []


def test_a_page_names_every_route_and_metric() -> None:
    from prometheus_client.metrics import MetricWrapperBase

    from amber.service import (
        admin,
        algorithms,
        assets,
        backfills,
        blobs,
        features,
        health,
        jobs,
        media,
        metrics,
        plans,
        subscriptions,
    )

    rooms = (admin, algorithms, assets, blobs, features, health, jobs, media, metrics, plans)
    rooms += (backfills, subscriptions)
    routes = [route for room in rooms for route in room.router.routes]
    assert len(routes) > 25
    named = [f"## `{method} {route.path}`" for route in routes for method in route.methods]  # type: ignore[attr-defined]
    assert _missing("http.md", named) == []
    counted = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    assert len(counted) > 10
    assert _missing("http.md", [f"| `{one._name}" for one in counted]) == []


def _missing(page: str, wanted: list[str]) -> list[str]:
    return [entry for entry in wanted if entry not in (ROOT / "docs/reference" / page).read_text()]


def _below(error: type[BaseException]) -> list[type[BaseException]]:
    children = [child for child in error.__subclasses__() if child.__module__.startswith("amber.")]
    return [*children, *(below for child in children for below in _below(child))]

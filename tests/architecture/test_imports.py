"""Which room may know which: the contracts of pyproject.toml, and what no contract can say."""

import graphlib
import tomllib
from functools import cache
from pathlib import Path

import grimp
import pytest
from importlinter import cli

from tests.architecture.source import PACKAGES, ROOT


@cache
def graph() -> grimp.ImportGraph:
    """Who imports whom."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_every_import_contract_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, verbose=False)
    assert exit_code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_contract_notices_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lower_room").mkdir()
    (tmp_path / "lower_room" / "__init__.py").write_text("import upper_room\n")
    (tmp_path / "upper_room").mkdir()
    (tmp_path / "upper_room" / "__init__.py").write_text('"""Asks the lower one."""\n')
    (tmp_path / "rooms.toml").write_text(
        "[tool.importlinter]\nroot_packages = ['lower_room', 'upper_room']\n"
        "[[tool.importlinter.contracts]]\nname = 'downwards'\ntype = 'layers'\n"
        "layers = ['upper_room', 'lower_room']\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert (
        cli.lint_imports(config_filename=str(tmp_path / "rooms.toml"), no_cache=True) == cli.EXIT_STATUS_ERROR
    )


def test_the_name_of_every_contract_says_why() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in settings["contracts"]:
        assert ", so " in contract["name"], f"{contract['name']!r} says what is kept, not why"


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {module: graph().find_modules_directly_imported_by(module) for module in graph().modules}
    try:
        graphlib.TopologicalSorter(known).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"import cycle: {' → '.join(error.args[1])}")


def test_no_module_imports_the_init_of_its_own_package() -> None:
    upwards = [
        f"{module} imports {imported}"
        for module in graph().modules
        for imported in graph().find_modules_directly_imported_by(module)
        if module.startswith(f"{imported}.")
    ]
    assert upwards == []


def test_the_graph_knows_every_package() -> None:
    assert set(PACKAGES) <= graph().modules
    assert "amber.errors" in graph().find_modules_directly_imported_by("amber.algorithm")

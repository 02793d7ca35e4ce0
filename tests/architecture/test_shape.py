"""Files and functions stay small, names say what things are, and nothing is left unfinished."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import (
    FOLDERS,
    PACKAGES,
    ROOT,
    functions,
    named_at,
    python_files,
    text_files,
)

MOST_LINES_OF_A_FILE = 500
MOST_LINES_OF_A_FUNCTION = 60
#: Names that say nothing about what is in a file.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff"}


def test_there_are_files_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in python_files()} >= {*PACKAGES, "tests"}
    assert len(python_files()) > 50


def test_no_file_is_longer_than_one_room() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > MOST_LINES_OF_A_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        named_at(path, function.lineno, f"{function.name} has {length} lines")
        for path in python_files()
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_every_file_and_folder_is_named_after_what_is_in_it() -> None:
    empty = [str(path) for path in python_files() if {path.stem.strip("_"), path.parent.name} & EMPTY_NAMES]
    assert empty == []


#: What must not be committed → the pattern; written in halves where this file would find itself.
UNWANTED_IN_SOURCE = {
    "unfinished work": re.compile(
        r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
    ),
    "a stub": re.compile("raise Not" + "ImplementedError"),
    "a mock": re.compile("Magic" + r"Mock|mock\." + "patch"),
    "pickle": re.compile(r"^\s*(import|from) " + r"pickle\b|pickle\." + "load", re.MULTILINE),
    "an error passed over": re.compile(r"^[ \t]*except[^\n]*:\s*\n[ \t]*pass\b", re.MULTILINE),
}
#: Reads tensors with an unpickler that refuses every name but those of numbers (ADR 49), and has tests of that.
WITH_AN_UNPICKLER = {
    ROOT / "algorithms/state_dictionary.py",
    ROOT / "tests/algorithms/test_state_dictionary.py",
}
UNWANTED_IN_TEXT = {
    "a registry's host": re.compile(
        "|".join(["py" + r"pi\.org", "python" + "hosted", r"registry\." + "npmjs", r"deb\." + "debian"])
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.])/(" + "|".join(["wo" + "rk", "op" + "t", "ro" + "ot"]) + r")/"
    ),
}


@pytest.mark.parametrize("kind", UNWANTED_IN_SOURCE)
def test_source_is_finished_and_plain(kind: str) -> None:
    excepted = WITH_AN_UNPICKLER if kind == "pickle" else set()
    assert _found(UNWANTED_IN_SOURCE[kind], sorted(set(python_files()) - excepted)) == []


@pytest.mark.parametrize("kind", UNWANTED_IN_TEXT)
def test_nothing_names_a_place_that_others_do_not_have(kind: str) -> None:
    assert _found(UNWANTED_IN_TEXT[kind], text_files()) == []


def test_no_test_sleeps() -> None:
    assert _found(re.compile(r"\btime\." + r"sleep\("), python_files(("tests",))) == []


def _found(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        text = path.read_text()
        found += [
            named_at(path, text.count("\n", 0, match.start()) + 1, match.group().strip())
            for match in pattern.finditer(text)
        ]
    return found


def test_no_lock_file_records_addresses() -> None:
    assert [name for name in ("uv.lock", "poetry.lock", "pdm.lock") if (ROOT / name).exists()] == []


def test_every_folder_of_the_project_is_looked_at() -> None:
    with_source = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[a-z]*/**/*.py")}
    assert with_source - {"build", "dist"} <= set(FOLDERS)

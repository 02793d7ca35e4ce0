"""Loading algorithms that a deployment names: from modules, and from files outside any package."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from amber import codec
from amber.algorithm import Source
from amber.errors import (
    AlgorithmsUnloadableError,
    DeclarationError,
    MissingProducerError,
    UntypedParameterError,
)
from amber.registry import Registry, load_algorithms
from tests.unit import films

#: A whole algorithm in a file of a user's own; postponed annotations are text until somebody evaluates them.
USERS_FILE = '''
"""How long shots are."""
from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from amber import Source, algorithm, result


@result
class Lengths:
    """For each shot, its length."""

    frames: Int64[np.ndarray, " shot"]

    def longest(self) -> int:
        return int(self.frames.max())


@result
class Longest:
    """The longest shot."""

    frames: int
    note: str | None


@algorithm(version="1")
def lengths(source: Source, *, least: int | None = None) -> Lengths:
    """The length of each shot."""
    return Lengths(frames=np.array([3, 9], np.int64))


@algorithm(version="1")
def longest(found: Lengths) -> Longest:
    """The longest shot."""
    return Longest(frames=found.longest(), note=None)


BOTH = [lengths, longest]
NUMBER = 3


def forgotten(source: Source) -> Lengths:
    return lengths(source)
'''


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    """A file of algorithms outside any package."""
    path = tmp_path / "lengths of shots.py"
    path.write_text(USERS_FILE)
    return path


def loaded_modules(path: Path) -> list[str]:
    """The modules that were made from a file."""
    return [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == str(path)]


def test_a_file_outside_any_package_is_loaded(users_file: Path) -> None:
    found = load_algorithms([str(users_file)])
    assert [algorithm.name for algorithm in found] == ["lengths", "longest"]


def test_postponed_annotations_and_types_of_the_same_file_work_to_the_end(users_file: Path) -> None:
    registry = Registry(load_algorithms([str(users_file)]))
    lengths, longest = registry.get("lengths"), registry.get("longest")
    found = lengths(Source(films.A, ()))
    data = codec.encode(found, lengths.result)
    again = codec.decode(codec.table(data), lengths.result, Path)
    assert (again.frames.tolist(), again.longest()) == ([3, 9], 9)
    data = codec.encode(longest(again), longest.result)
    assert codec.decode(codec.table(data), longest.result, Path).frames == 9
    (least,) = lengths.settings
    assert (least.parse("none"), least.parse("4")) == (None, 4)


def test_one_algorithm_or_a_list_of_them_can_be_named(users_file: Path) -> None:
    assert [a.name for a in load_algorithms([f"{users_file}:longest"])] == ["longest"]
    assert [a.name for a in load_algorithms([f"{users_file}:BOTH"])] == ["lengths", "longest"]


def test_a_file_named_twice_is_loaded_once(users_file: Path) -> None:
    found = load_algorithms([f"{users_file}:longest", str(users_file)])
    assert [a.name for a in found] == ["longest", "lengths"]
    assert len(loaded_modules(users_file)) == 1


def test_a_file_that_changed_is_loaded_again(users_file: Path) -> None:
    (before,) = load_algorithms([f"{users_file}:lengths"])
    users_file.write_text(USERS_FILE.replace("[3, 9]", "[4, 8]"))
    (after,) = load_algorithms([f"{users_file}:lengths"])
    assert before(Source(films.A, ())).frames.tolist() == [3, 9]
    assert after(Source(films.A, ())).frames.tolist() == [4, 8]


def test_a_module_is_loaded_by_its_name() -> None:
    assert load_algorithms(["tests.unit.films:ALL"]) == list(films.ALL)
    assert load_algorithms(["tests.unit.films"]) == list(films.ALL)
    assert load_algorithms(["tests.unit.films:shots"]) == [films.shots]


def test_algorithms_that_a_file_only_imports_are_not_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from tests.unit.films import *\n"
        "from tests.unit.films import shots, Vectors\n"
        "from amber import algorithm, result\n"
        "@result\nclass Count:\n    count: int\n"
        "@algorithm(version='1')\ndef count(found: Vectors) -> Count:\n    return Count(count=len(found.vectors))\n"
    )
    (count,) = load_algorithms([str(path)])
    assert count(films.Vectors(vectors=np.zeros((2, 2), np.float32))).count == 2
    assert "count" in Registry([*films.ALL, count]).names()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("nowhere.py", "cannot load 'nowhere.py': there is no file .*/nowhere.py"),
        ("nowhere.py:shots", "cannot load 'nowhere.py:shots': there is no file .*/nowhere.py"),
        (
            "no_such_module",
            "cannot load 'no_such_module': ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("", "cannot load '': ValueError: Empty module name"),
        (
            "tests.unit.films:shotz",
            "'tests.unit.films:shotz' names no algorithm; tests.unit.films has: fine_shots, pairs, ranking, shots, vectors",
        ),
        (
            "tests.unit.films:merge",
            "'tests.unit.films:merge' names no algorithm; .* a function under @algorithm",
        ),
        ("tests.unit.films:A", "'tests.unit.films:A' names no algorithm"),
        (
            "math",
            r"'math' names no algorithm; math has: none \(an algorithm is a function under @algorithm\)",
        ),
    ],
)
def test_what_cannot_be_loaded_says_so_and_what_there_is(spec: str, sentence: str) -> None:
    with pytest.raises(AlgorithmsUnloadableError, match=sentence):
        load_algorithms([spec])


@pytest.mark.parametrize("name", ["NUMBER", "forgotten"])
def test_a_name_that_is_no_algorithm_lists_the_algorithms_of_the_file(users_file: Path, name: str) -> None:
    with pytest.raises(AlgorithmsUnloadableError, match="has: lengths, longest"):
        load_algorithms([f"{users_file}:{name}"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n", r"SyntaxError: invalid syntax \(broken.py, line 1\)"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\nraise RuntimeError('half-way')\n", "RuntimeError: half-way"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    ],
)
def test_a_file_that_fails_half_way_is_no_module(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(AlgorithmsUnloadableError, match=f"cannot load '{re.escape(str(path))}': {said}"):
        load_algorithms([str(path)])
    assert loaded_modules(path) == []


def test_a_wrong_declaration_in_a_file_keeps_its_own_sentence(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(USERS_FILE.replace("found: Lengths", "found"))
    with pytest.raises(UntypedParameterError, match="parameter 'found' of algorithm longest has no type"):
        load_algorithms([str(path)])
    assert loaded_modules(path) == []


def test_a_copy_of_a_file_is_other_types_and_the_registry_says_so(users_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.py"
    copy.write_text(USERS_FILE)
    both = load_algorithms([f"{users_file}:lengths", f"{copy}:longest"])
    with pytest.raises(
        MissingProducerError,
        match=r"is a Lengths, .* \(that of lengths is another class, from amber_algorithms_lengths of shots_",
    ):
        Registry(both)
    with pytest.raises(DeclarationError, match="algorithm lengths version 1 is loaded twice, from amber_"):
        Registry(load_algorithms([str(users_file), str(copy)]))

"""`algorithms.lock` notices a changed body under an unchanged version, and nothing else."""

import importlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amber.errors import ConfigurationError
from amber.lock import changed_without_version, lock_entry, read_lock, source_fingerprint, write_lock
from amber.registry import load_algorithms
from tests.unit import films

FILE = '''
"""Shots."""
import numpy as np
from jaxtyping import Int64
from amber import Source, algorithm, result

LEAST = 12

@result
class Shots:
    """Where shots begin."""
    start: Int64[np.ndarray, " shot"]

@algorithm(version="1", libraries=("numpy",))
def shots(source: Source, *, step: int = 3) -> Shots:
    """Every third frame."""
    name = f"{source.asset!r:>{LEAST}}"
    return Shots(start=np.arange(LEAST, step, dtype=np.int64))
'''

Fingerprint = Callable[[str], str]


@pytest.fixture
def fingerprint(tmp_path: Path) -> Fingerprint:
    """The fingerprint of the algorithm in a file with that text."""

    def of(text: str) -> str:
        path = tmp_path / "shots.py"
        path.write_text(text)
        (algorithm,) = load_algorithms([str(path)])
        return source_fingerprint(algorithm)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Shots."""', '"""All shots of a film."""'),
        ('"""Where shots begin."""', '"""Where each shot begins."""'),
        ('    """Every third frame."""\n', ""),
        ("LEAST = 12", "# at least a dozen\nLEAST = 12  # frames"),
        ("LEAST = 12", "LEAST = (\n    12\n)\n\n\n"),
        (
            "np.arange(LEAST, step, dtype=np.int64)",
            "np.arange(\n        LEAST,\n        step,\n        dtype=np.int64,\n    )",
        ),
    ],
)
def test_comments_docstrings_and_layout_are_no_change(fingerprint: Fingerprint, old: str, new: str) -> None:
    assert old in FILE
    assert fingerprint(FILE.replace(old, new)) == fingerprint(FILE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LEAST = 12", "LEAST = 13"),
        ("LEAST = 12", "LEAST = 12.0"),
        ("step: int = 3", "step: int = 4"),
        ("arange(LEAST, step", "arange(step, LEAST"),
        ("np.arange", "np.linspace"),
        ("import numpy as np", "import numpy as np, math"),
        ("!r:>", "!s:>"),
    ],
)
def test_a_changed_constant_name_or_order_is_a_change(fingerprint: Fingerprint, old: str, new: str) -> None:
    assert old in FILE
    assert fingerprint(FILE.replace(old, new)) != fingerprint(FILE)


def test_the_fingerprint_is_the_same_under_every_python(fingerprint: Fingerprint) -> None:
    assert fingerprint(FILE) == "7e6e752e7dee40f17e88fa2067c8a18c5faf0f8153ce6b84d7036edf0bb186e0"


# What else an algorithm runs


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with an algorithm, a module that it uses, one that this one uses, and another algorithm."""
    root = tmp_path / "film_tools"
    (root / "inner").mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "inner" / "__init__.py").write_text("")
    (root / "find.py").write_text(FILE.replace("LEAST = 12", "from film_tools.least import LEAST"))
    (root / "least.py").write_text(
        "LEAST = 12\n\ndef later():\n    from .inner import deep\n    return deep.X\n"
    )
    (root / "inner" / "deep.py").write_text("X = 1\n")
    (root / "unused.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield root
    for name in [name for name in sys.modules if name.split(".")[0] == "film_tools"]:
        del sys.modules[name]


def package_fingerprint() -> str:
    """The fingerprint of the package's algorithm as it now stands, in a fresh process as it were."""
    for name in [name for name in sys.modules if name.split(".")[0] == "film_tools"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    source_fingerprint.__globals__["_module_fingerprint"].cache_clear()
    (algorithm,) = load_algorithms(["film_tools.find:shots"])
    return source_fingerprint(algorithm)


@pytest.mark.parametrize("module", ["least.py", "inner/deep.py"])
def test_a_change_in_a_module_that_it_uses_is_a_change(package: Path, module: str) -> None:
    before = package_fingerprint()
    with (package / module).open("a") as file:
        file.write("Y = 'longer'\n")
    assert package_fingerprint() != before


def test_a_change_elsewhere_in_the_package_is_none(package: Path) -> None:
    before = package_fingerprint()
    (package / "unused.py").write_text("X = 'other'\n")
    (package / "inner" / "deep.py").write_text("# one\nX = 1\n")
    assert package_fingerprint() == before


def test_a_change_of_an_algorithm_that_it_takes_is_none_of_its_own(package: Path) -> None:
    taker = FILE.replace("from amber import", "from film_tools.other import Others\nfrom amber import")
    (package / "find.py").write_text(taker)
    other = FILE.replace("shots", "others").replace("Shots", "Others")
    (package / "other.py").write_text(other)
    before = package_fingerprint()
    (package / "other.py").write_text(other.replace("LEAST = 12", "LEAST = 99"))
    assert package_fingerprint() == before


def test_looking_at_source_imports_nothing(package: Path) -> None:
    package_fingerprint()
    assert "film_tools.inner.deep" not in sys.modules


def test_a_function_without_a_file_has_a_fingerprint_too() -> None:
    def of(constant: int) -> str:
        scope: dict[str, Any] = {"__name__": "a console", "Shots": films.Shots, "Source": films.Source}
        exec(f"def find(source: Source) -> Shots:\n    return (lambda: {constant})", scope)
        from amber.algorithm import algorithm

        return source_fingerprint(algorithm(version="1")(scope["find"]))

    assert of(1) == of(1)
    assert of(1) != of(2)


# The file


def test_an_entry_names_source_weights_and_libraries() -> None:
    entry = lock_entry(films.vectors)
    assert entry == {
        "source": source_fingerprint(films.vectors),
        "weights": {"encoder": films.DIGEST},
        "libraries": {},
    }


def installed(folder: Path, version: str) -> None:
    """Pretend that a distribution is installed."""
    info = folder / "some_codec-1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: some-codec\nVersion: {version}\n")


def test_a_changed_version_of_a_library_is_a_change_and_its_build_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amber.algorithm import algorithm

    made = algorithm(version="1", libraries=("some-codec", "not-installed"))(films.shots.function)
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(tmp_path, "2.13.0+cpu")
    entry = lock_entry(made)
    assert entry["libraries"] == {"not-installed": None, "some-codec": "2.13.0"}
    installed(tmp_path, "2.13.0+cu130")
    assert changed_without_version([made], {"shots@1": entry}) == {}
    installed(tmp_path, "2.14.0")
    assert changed_without_version([made], {"shots@1": entry}) == {"shots@1": ["libraries"]}


def test_a_change_under_the_same_version_is_told_and_a_new_version_is_none() -> None:
    locked = {"shots@1": lock_entry(films.shots), "vectors@2": lock_entry(films.vectors)}
    assert changed_without_version(films.ALL, locked) == {}
    locked["shots@1"] = {**locked["shots@1"], "source": "0" * 64}
    locked["vectors@2"] = {**locked["vectors@2"], "weights": {}, "libraries": {"numpy": "1"}}
    assert changed_without_version(films.ALL, locked) == {
        "shots@1": ["source"],
        "vectors@2": ["libraries", "weights"],
    }
    assert changed_without_version(films.ALL, {"shots@0": {"source": "0"}}) == {}


def test_the_lock_file_is_sorted_text_that_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "algorithms.lock"
    entries = {"b@1": {"source": "2", "weights": {}}, "a@1": {"source": "1", "weights": {}}}
    write_lock(path, entries)
    assert read_lock(path) == entries
    assert path.read_text().index('"a@1"') < path.read_text().index('"b@1"')
    assert json.loads(path.read_text())["note"] == "Written by `amber algorithms lock`."
    write_lock(path, {})
    assert read_lock(path) == {}
    assert [file.name for file in tmp_path.iterdir()] == ["algorithms.lock"]


def test_no_lock_file_locks_nothing(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "algorithms.lock") == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"algorithms": 3}', '{"algorithms": {"a@1": 3}}', "\xff"])
def test_what_is_no_lock_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "algorithms.lock"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(
        ConfigurationError, match=r"algorithms.lock is not a lock file: .*; `amber algorithms lock` writes"
    ):
        read_lock(path)

"""mypy finds wrong wiring, because an algorithm keeps the signature of its function; and what importing costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]

WIRING = """
from typing import assert_type

from amber.algorithm import Algorithm, Pair, Source, algorithm
from tests.unit.films import Encoder, Pairs, Shots, Vectors, pairs, shots, vectors

source = Source("a", ())
assert_type(vectors(shots(source), Encoder()), Vectors)
assert_type(shots(source, threshold=2.0), Shots)
vectors(source, Encoder())  # E: Argument 1 to "__call__" of "Algorithm" has incompatible type "Source"; expected "Shots"
vectors(shots(source))  # E: Missing positional argument "encoder"
shots(source, treshold=2.0)  # E: Unexpected keyword argument "treshold"
shots(source, threshold="2")  # E: incompatible type "str"; expected "float"
shots(source, 2.0)  # E: Too many positional arguments
pairs(shots(source), vectors(shots(source), Encoder()))  # E: expected "Pair[Shots]"
shots(source).end  # E: "Shots" has no attribute "end"
shots(source).start = 3  # E: Property "start" defined in "Shots" is read-only
Shots()  # E: Missing positional argument "start"

def merge_shots(blocks: list[Shots]) -> Shots: ...

@algorithm(version="1", merge=merge_shots)  # E: expected "Callable[[Pair[Shots]], Shots]"
def wrong(found: Pair[Shots]) -> Pairs: ...

@algorithm(version="1", merge=merge_shots)
def right(found: Pair[Shots]) -> Shots: ...
"""


def test_mypy_finds_wrong_wiring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "wiring.py"
    path.write_text(WIRING)
    cache = ROOT / ".mypy_cache" / "wiring"  # kept: type checking NumPy from nothing takes 10 s
    options = ["--strict", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    out, _, _ = api.run([*options, "--disable-error-code=empty-body", f"--cache-dir={cache}", str(path)])
    found: dict[int, str] = {}
    for line, said in re.findall(r"wiring\.py:(\d+): error: (.*)", out):
        found[int(line)] = found.get(int(line), "") + said
    wanted = {n: m[1] for n, line in enumerate(WIRING.splitlines(), 1) if (m := re.search("# E: (.*)", line))}
    assert set(found) == set(wanted), out
    for line, sentence in wanted.items():
        assert sentence in found[line]


HEAVY = ["torch", "cv2", "av", "scenedetect", "sqlalchemy", "ssl", "importlib.metadata"]


@pytest.mark.parametrize(
    "module", ["amber", "amber.algorithm", "amber.weights", "amber.keys", "amber.plan", "amber.settings"]
)
def test_what_stands_at_the_bottom_imports_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_registry_and_the_codec_import_no_media_and_no_model_library() -> None:
    code = f"import amber.registry, amber.codec, sys; print(*[n for n in {HEAVY[:5]} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []

"""mypy finds nothing wrong in the source, and finds wrong wiring, because an algorithm keeps its function's signature."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

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


def _mypy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "mypy"
    return subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.timeout(900)
def test_the_source_passes_and_wrong_wiring_is_found(tmp_path: Path) -> None:
    # One after the other, since the second reads what the first kept of every module: half a minute of work.
    done = _mypy()
    assert done.returncode == 0, done.stdout + done.stderr

    path = tmp_path / "wiring.py"
    path.write_text(WIRING)
    out = _mypy("--disable-error-code=empty-body", path).stdout
    found: dict[int, str] = {}
    for line, said in re.findall(r"wiring\.py:(\d+): error: (.*)", out):
        found[int(line)] = found.get(int(line), "") + said
    wanted = {n: m[1] for n, line in enumerate(WIRING.splitlines(), 1) if (m := re.search("# E: (.*)", line))}
    assert set(found) == set(wanted), out
    for line, sentence in wanted.items():
        assert sentence in found[line]

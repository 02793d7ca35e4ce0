"""A few seconds of fuzzing; `make fuzz` does it for longer."""

import sys
from pathlib import Path

import pytest

from jasper.sandbox import Sandbox
from tests.jasper.fuzz import Fuzzer, fuzz
from tests.jasper.mutating import Mutator, parts
from tests.jasper.seeds import SEEDS, make_seeds

COUNT = 800


def test_damaged_films_end_in_nothing_untyped(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    told: list[str] = []
    findings = fuzz(
        make_seeds(tmp_path / "seeds"),
        "amber",
        tmp_path / "kept",
        lambda found: found.executions >= COUNT,
        told.append,
    )
    print(told[-1])
    assert findings.untyped == []
    assert findings.executions == COUNT == sum(findings.outcomes.values())
    assert findings.outcomes["asset"] > 50 and findings.outcomes["UnreadableMediaError"] > 50


@pytest.mark.parametrize(
    ("worker", "crashed", "untyped"),
    [
        ("import os; os.abort()", 1, 0),
        ("import os; os.kill(os.getpid(), 11)", 1, 0),
        ("input(); print('nonsense')", 0, 2),
        ("input(); raise OSError", 0, 2),
    ],
)
def test_crashes_of_ffmpeg_and_mistakes_of_ours_are_told_apart(
    tmp_path: Path, worker: str, crashed: int, untyped: int
) -> None:
    """A crash is kept once, a mistake each time."""
    seed = tmp_path / "film.ts"
    seed.write_bytes(bytes(4))
    fuzzer = Fuzzer(
        [seed], "amber", tmp_path, tmp_path / "kept", Sandbox(command=(sys.executable, "-c", worker))
    )
    fuzzer.run_once()
    fuzzer.run_once()
    found = fuzzer.findings
    assert (len(found.crashed), len(found.untyped)) == (crashed, untyped)
    assert all(path.exists() for path in (*found.crashed, *found.untyped))


def test_the_same_seed_gives_the_same_damage() -> None:
    data = bytes(range(256)) * 8
    first, again, other = (Mutator(seed) for seed in ("a", "a", "b"))
    made = [first.mutate(data, data) for _ in range(50)]
    assert made == [again.mutate(data, data) for _ in range(50)]
    assert made != [other.mutate(data, data) for _ in range(50)]
    assert sum(one != data for one in made) > 40


def test_the_damage_knows_how_files_are_built(tmp_path: Path) -> None:
    found = {path.name: parts(path.read_bytes()) for path in make_seeds(tmp_path)}
    assert found.keys() == SEEDS.keys()
    data = (tmp_path / "plain.mp4").read_bytes()
    kinds = {data[part.start + 4 : part.start + 8] for part in found["plain.mp4"]}
    assert kinds >= {b"ftyp", b"moov", b"trak", b"stsd", b"stts", b"mdat"}
    assert all(len(found[name]) > 15 for name in ("film.mkv", "vp9.webm", "film.ts", "film.avi"))

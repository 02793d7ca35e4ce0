"""`amber try`: an algorithm in the making."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import TINY, Ran

Amber = Callable[..., Ran]

MINE = '''
"""An algorithm in the making."""
import numpy as np
from jaxtyping import Int64
from amber.algorithm import Each, Pair, Source, algorithm, result
from amber.progress import report, scratch

@result
class Lengths:
    length: Int64[np.ndarray, " row"]

@algorithm(version="1")
def lengths(source: Source, *, times: int = 2) -> Lengths:
    """Measure."""
    report(1, 2)
    (scratch() / "note").write_text("gone afterwards")
    return Lengths(length=np.array([len(source.paths)] * times, np.int64))
'''


def test_an_algorithm_in_the_making_runs_and_is_not_stored(
    amber: Amber, clip: Path, tmp_path: Path, home: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MINE)
    ran = amber("try", f"{mine}:lengths", clip, "--json")
    assert ran.code == 0
    assert ran.document["rows"] == [{"length": 1}, {"length": 1}]
    assert (ran.document["algorithm"], ran.document["version"], ran.document["stored"]) == (
        "lengths",
        "1",
        False,
    )
    assert amber("show", clip, "--json").document["features"] == []
    assert list((home / "scratch").iterdir()) == []
    shown = amber("try", mine, clip, "--set", "times=3")
    assert shown.out.split() == ["length", "──────", "1", "1", "1"]
    assert re.search(r"lengths 1: 3 rows in \d+ ms; nothing of it was stored", shown.err)


def test_missing_inputs_are_computed_and_stored_and_the_settings_reach_them(amber: Amber, clip: Path) -> None:
    ran = amber("try", f"{TINY}:scaled", clip, "--set", "rows=2", "--json")
    assert ran.document["rows"] == [
        {"amount": 51.0, "name": "byte 102"},
        {"amount": 58.0, "name": "byte 116"},
    ]
    features = amber("show", clip, "--json").document["features"]
    assert [(feature["algorithm"], feature["settings"]) for feature in features] == [
        ("first_bytes", {"rows": 2})
    ]
    for name, rows in (("together", [{"count": 6}]), ("summary", [{"titles": 1, "largest": 60.5}])):
        assert amber("try", f"{TINY}:{name}", clip, "--json").document["rows"] == rows


def test_the_files_algorithm_stands_in_for_a_loaded_one(amber: Amber, clip: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(TINY.read_text().replace("data.number * factor", "data.number * factor + 1"))
    assert amber("try", f"{mine}:scaled", clip, "--json").document["rows"][0]["amount"] == 52.0
    mine.write_text(TINY.read_text().replace("data.number * factor", "data.number * factor + 2"))
    assert amber("try", f"{mine}:scaled", clip, "--json").document["rows"][0]["amount"] == 53.0
    assert amber("get", "scaled", clip, "--json").document["rows"][0]["amount"] == 51.0


def test_what_cannot_be_tried_is_said(amber: Amber, clip: Path, tmp_path: Path) -> None:
    assert amber("try", "shots", clip).code == 2
    assert amber("try", f"{TINY}:nothing", clip).code == 2
    several = amber("try", TINY, clip)
    assert several.code == 2
    assert "has several algorithms; say which" in several.err
    failing = amber("try", f"{TINY}:broken", clip)
    assert failing.code == 1
    assert "ValueError: 3 bytes are not enough" in failing.err
    assert "failures forgotten" in amber("retry").err
    assert amber("retry", "--json").document == {"forgotten": 0}


def test_watch_runs_again_when_the_file_changes_and_ends_with_ctrl_c(
    home: Path, clip: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MINE)
    with subprocess.Popen(
        [sys.executable, "-m", "amber.cli", "try", f"{mine}:lengths", str(clip), "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as watching:
        try:
            assert _until(watching, "watching").count("1") >= 2
            mine.write_text(MINE.replace("times: int = 2", "times: int = 5"))
            assert "5 rows" in _until(watching, "watching")
            mine.write_text("import nothing_like_this")
            assert "nothing_like_this" in _until(watching, "watching")
            watching.send_signal(2)
            assert "interrupted" in _until(watching, "interrupted")
            assert watching.wait(30) == 130
        finally:
            watching.kill()


def _until(process: "subprocess.Popen[str]", word: str) -> str:
    """What a process prints up to the line with that word."""
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if word in line:
            return "".join(printed)
    raise AssertionError(f"it ended without {word!r}: {''.join(printed)}")

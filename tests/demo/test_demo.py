"""`make demo` on a film of one's own, as a process."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from amber.editing.contact_sheet import shows
from demo.demo import Job
from tests.acceptance.clips import SCENES, make_film

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"


def test_the_demo_computes_once_and_then_only_answers(tmp_path: Path) -> None:
    film = make_film(tmp_path / "scenes.mp4", [(scene, 36) for scene in SCENES])
    first = _demo(tmp_path, film)
    assert "scenes: 9.0 s, 216 frames, 6 shots, " in first
    assert "computed standard " in first
    assert "best pairs from different camera set-ups" in first
    assert "00:00:01:12" in first
    assert "Asked again, nothing is computed: " in first
    second = _demo(tmp_path, film)
    assert "nothing was computed (stored" in second
    assert "as it was" in second
    assert not shows(tmp_path / "sheet.png", "another feature")


def test_what_is_no_film_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _demo(tmp_path, tmp_path / "notes.mp4")
    assert failed.value.returncode == 1
    assert failed.value.stderr.startswith("demo: ")
    assert "Traceback" not in failed.value.stderr


@pytest.mark.parametrize(
    ("rate", "frame", "expected"),
    [
        (Fraction(24), 0, "00:00:00:00"),
        (Fraction(24), 24 * 3661 + 23, "01:01:01:23"),
        (Fraction(30000, 1001), 30, "00:00:01:00"),
        (Fraction(25), 49, "00:00:01:24"),
    ],
)
def test_time_codes_count_frames_at_the_nominal_rate(rate: Fraction, frame: int, expected: str) -> None:
    assert _job(rate).time_code(frame) == expected


def test_a_variable_rate_is_told_in_milliseconds() -> None:
    assert _job(None).time_code(7) == "00:01:10.250"


def _job(rate: Fraction | None) -> Job:
    times = SimpleNamespace(seconds_at=lambda frame: 10.0 * frame + 0.25)
    standard = SimpleNamespace(
        rate_numerator=rate.numerator if rate else 0,
        rate_denominator=rate.denominator if rate else 1,
        times=lambda: times,
    )
    return Job(None, standard, None, None, None)  # type: ignore[arg-type]


def _demo(folder: Path, film: Path) -> str:
    return subprocess.run(
        [sys.executable, str(DEMO), "--film", str(film), "--sheet", str(folder / "sheet.png")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "AMBER_HOME": str(folder / "home")},
        cwd=folder,
        timeout=170,
    ).stdout

"""One line of a library stays away from standard error, and nothing else does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from algorithms.standard_error import without_line
from amber.weights import Weights, find_weights


def test_one_line_is_left_out_and_all_others_are_passed_on_in_order(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with without_line(b"INFO: hello"):
        os.write(2, b"before\nINFO: hello\nINFO: hello again\nunfinished")
    os.write(2, b", and after\n")
    assert capfd.readouterr().err == "before\nINFO: hello again\nunfinished, and after\n"


def test_what_was_written_before_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), without_line(b"INFO: hello"):
        os.write(2, b"why\n")
        raise ZeroDivisionError
    assert capfd.readouterr().err == "why\n"


def test_a_model_of_litert_is_opened_without_a_word(tmp_path: Path) -> None:
    model = find_weights(Weights("selfie-segmentation"), tmp_path)
    opening = f"from pathlib import Path; from algorithms.person_masks import Selfie; Selfie.open(Path({str(model)!r}))"
    done = subprocess.run([sys.executable, "-c", opening], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")

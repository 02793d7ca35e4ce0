"""`amber` as a process: its streams, its signals, its terminal, its help."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from amber.cli.app import COMMANDS
from tests.cli.running import Ran, ran_apart

SLOW = '''
"""An algorithm that takes as long as it is let."""
from pathlib import Path
from threading import Event
from amber.algorithm import Source, algorithm, result
from amber.progress import report

@result
class Slow:
    number: int

@algorithm(version="1")
def slow(source: Source) -> Slow:
    """Wait until the file beside the source is gone."""
    wait = Path(__file__).with_name("wait")
    for done in range(100_000):
        report(done, 100_000, "frames")
        if not wait.exists():
            break
        Event().wait(0.005)
    return Slow(number=1)
'''


def test_json_is_alone_on_stdout_and_a_program_hears_nothing_else(home: Path, clip: Path) -> None:
    ran = ran_apart(["get", "scaled", clip, "--json"])
    assert ran.code == 0
    assert ran.document["computed"] != []
    assert ran.err == ""
    assert ran.out.count("\n") == 1
    failed = ran_apart(["get", "broken", clip, "--json"])
    assert failed.code == 1
    assert failed.document["error"]["message"] in failed.err


def test_a_traceback_is_shown_on_request_only(home: Path, clip: Path) -> None:
    assert "Traceback" not in ran_apart(["get", "broken", clip]).err
    assert "Traceback" in ran_apart(["get", "broken", clip], AMBER_DEBUG="1").err


def test_a_warm_ask_loads_neither_what_computes_nor_what_draws(home: Path, clip: Path) -> None:
    ran_apart(["get", "scaled", clip])
    ran = ran_apart(["get", "scaled", clip, "--json"], PYTHONPROFILEIMPORTTIME="1")
    assert ran.document["hit"]
    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}
    assert {"amber.client", "amber.cli.session"} <= loaded, "the list of loaded modules is there"
    assert loaded & {"torch", "cv2", "av", "scenedetect", "alembic", "rich", "sqlalchemy"} == set()


def test_ctrl_c_ends_with_a_sentence_and_the_next_call_goes_on(
    home: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "wait").touch()
    monkeypatch.setenv("AMBER_ALGORITHMS", str(tmp_path / "slow.py"))
    screen, process = _on_a_terminal(["get", "slow", str(clip), "--json"])
    _read_until(screen, "100,000 frames")
    process.send_signal(signal.SIGINT)
    printed = _read_until(screen, "interrupted")
    assert process.wait(30) == 130
    os.close(screen)
    assert "Traceback" not in printed
    assert list((home / "scratch").iterdir()) == []
    (tmp_path / "wait").unlink()
    done = ran_apart(["get", "slow", clip, "--json"])
    assert [step["algorithm"] for step in done.document["computed"]] == ["slow"]
    assert ran_apart(["verify"]).code == 0


def test_a_terminal_sees_a_bar_a_step(home: Path, clip: Path) -> None:
    screen, process = _on_a_terminal(["get", "scaled", str(clip), "-q"])
    quiet = _read_until(screen, None)
    assert process.wait(30) == 0
    os.close(screen)
    assert quiet == ""
    screen, process = _on_a_terminal(["get", "together", str(clip)])
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _read_until(screen, None))
    assert process.wait(30) == 0
    os.close(screen)
    assert re.search(r"scaled +━+ +stored already", printed)
    assert re.search(r"together +━+ +\d+ ms *\r?\n", printed)
    assert "computed together" in printed


def _on_a_terminal(arguments: list[str]) -> tuple[int, "subprocess.Popen[bytes]"]:
    """A command whose stderr is a terminal; the other end of it, and the process."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "amber.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(terminal)
    return screen, process


def _read_until(screen: int, word: str | None, seconds: float = 60.0) -> str:
    """What appears on a terminal up to a word, or to its end."""
    printed = b""
    ends_at = time.monotonic() + seconds
    while word is None or word.encode() not in printed:
        assert time.monotonic() < ends_at, f"no {word!r} in {printed!r}"
        if not select.select([screen], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(screen, 4096)
        except OSError:  # Linux says so when the last writer has gone
            piece = b""
        if not piece:
            break
        printed += piece
    text = printed.decode()
    assert word is None or word in text, f"it ended without {word!r}: {text}"
    return text


@pytest.mark.parametrize("command", [*COMMANDS, "algorithms lock", "weights pin"])
def test_every_command_has_a_help_with_an_example(
    command: str, amber: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ran = amber(*command.split(), "--help")
    assert ran.code == 0
    assert re.search(rf"Example: .*amber {command}\b", ran.out), ran.out
    assert "--json" in ran.out


def test_the_first_help_groups_the_commands(home: Path) -> None:
    ran = ran_apart([], COLUMNS="200")
    assert (ran.code, ran.err) == (0, "")
    for group in ("Library", "Features", "Algorithms", "Deployment"):
        assert f"─ {group} ─" in ran.out
    assert all(re.search(rf"│ {command} ", ran.out) for command in COMMANDS)


def test_the_help_of_a_command_is_told_on_stdout_alone(home: Path) -> None:
    ran = ran_apart(["get", "--help"], COLUMNS="200")
    assert (ran.code, ran.err) == (0, "") and "amber get" in ran.out


def test_the_version_is_told(home: Path) -> None:
    assert re.fullmatch(r"amber \d+\.\d+\.\d+\n", ran_apart(["--version"]).out)


def test_a_reader_that_goes_away_is_no_error(home: Path, clip: Path) -> None:
    ran_apart(["get", "first_bytes", clip])
    with subprocess.Popen(
        [sys.executable, "-m", "amber.cli", "get", "first_bytes", str(clip), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""

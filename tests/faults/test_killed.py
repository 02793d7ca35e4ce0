"""A worker that dies at any moment leaves nothing behind that the next one could trip over."""

import os
import random
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.command import Command
from tests.acceptance.conftest import First

#: Chooses the moments; say the one that a failure printed to see it again.
SEED = os.environ.get("AMBER_SOAK_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(4)
COUNT = int(os.environ.get("AMBER_SOAK_COUNT") or (100 if os.environ.get("AMBER_SOAK") else 5))


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(COUNT))
def test_after_a_kill_the_next_call_finishes_with_the_same_bytes(
    amber: Command, clip: Path, first: First, number: int
) -> None:
    moment = random.Random(f"{SEED}-{number}").uniform(0, first.seconds)
    print(f"seed {SEED}, number {number}: killed after {moment:.3f} s of {first.seconds:.3f} s")
    _start_and_kill(amber, clip, moment)

    answer = amber("get", "match_pairs", clip)
    assert {name: answer[name] for name in ("feature", "key", "value", "rows")} == {
        name: first.answer[name] for name in ("feature", "key", "value", "rows")
    }
    assert amber("verify")["ok"] is True
    assert amber("get", "match_pairs", clip)["hit"] is True


def _start_and_kill(amber: Command, clip: Path, moment: float) -> None:
    process = amber.start("get", "match_pairs", clip, "--json")
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # It may have ended by itself in the instant before the signal.
        assert process.returncode in (-signal.SIGKILL, 0)

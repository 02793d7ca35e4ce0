"""Disks of a test's own."""

import shutil
import subprocess
from collections.abc import Sequence

import pytest

#: Runs a program in a mount namespace of its own, so that what it mounts is seen by nobody else and goes with it.
_APART = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def apart(script: str) -> Sequence[str]:
    """What runs a program after a script, in a mount namespace of its own."""
    inside = (*_APART, f'{script} && exec "$@"', "sh")
    if (
        not shutil.which("unshare")
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("SKIPPED LOUDLY: on this system no user may mount a disk of their own")
    return inside

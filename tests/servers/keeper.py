"""Runs one server for as long as somebody uses it.

A program of its own, so that the server ends with its last user even if that one is killed: a user holds a shared lock on a
file, which the kernel lets go when the user dies, and this program waits for the exclusive one.

    python keeper.py '{"command": […], "users": "…", "pid": "…", "log": "…", "user": null, "stop": 15, "leftovers": […]}'
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

#: From <sys/prctl.h>: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1
#: How long a server may take to stop when it is asked to.
PATIENCE_SECONDS = 10.0


def main(order: dict[str, Any]) -> int:
    """Start the server; end with it, or end it when its last user is gone."""
    pid = Path(order["pid"])
    with Path(order["log"]).open("ab") as log:
        server = subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=order["user"],
            extra_groups=[] if order["user"] else None,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    pid.write_text(str(server.pid))
    unused = threading.Event()
    watch = threading.Thread(target=_stop_when_unused, args=(server, order, unused), daemon=True)
    watch.start()
    code = server.wait()
    if unused.is_set():
        watch.join()  # which ends this program
    pid.unlink()
    return code


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _stop_when_unused(
    server: "subprocess.Popen[bytes]", order: dict[str, Any], unused: threading.Event
) -> None:
    with Path(order["users"]).open("ab") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        unused.set()
        server.send_signal(order["stop"])
        try:
            server.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for path in order["leftovers"]:
            shutil.rmtree(path, ignore_errors=True)
        Path(order["pid"]).unlink()
        os._exit(0)  # with the lock still held: whoever comes next finds no server, and starts one


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

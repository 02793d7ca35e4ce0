"""How a worker process gives up what it does not need, before it reads a file that nobody trusts."""

import ctypes
import errno
import fcntl
import os
import platform
import resource
import signal
import struct
import sys

#: Descriptors that a worker needs at most: the source three times, spools, and its pipes.
_MOST_OPEN_FILES = 64

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RETURN_ALLOWED, _RETURN_ERROR = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_OFFSET_OF_NUMBER, _OFFSET_OF_ARCHITECTURE = 0, 4

#: Machine → (its name to the kernel, numbers of the calls that are refused): those that reach the network, start
#: programs, or touch other processes (asm/unistd_64.h and asm-generic/unistd.h).
_REFUSED = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "bind": 49, "listen": 50, "socketpair": 53, "execve": 59, "kill": 62,
            "ptrace": 101, "mount": 165, "tkill": 200, "unshare": 272, "setns": 308, "process_vm_readv": 310,
            "process_vm_writev": 311, "bpf": 321, "execveat": 322, "io_uring_setup": 425, "pidfd_open": 434,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "mount": 40, "unshare": 97, "ptrace": 117, "kill": 129, "tkill": 130, "socket": 198, "socketpair": 199,
            "bind": 200, "listen": 201, "connect": 203, "execve": 221, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "bpf": 280, "execveat": 281, "io_uring_setup": 425, "pidfd_open": 434,
        },
    ),
}  # fmt: skip


def die_with(lifeline: int) -> None:
    """Have the kernel end this process when nobody holds the other end of a pipe any more.

    It works whatever the process is doing then, stopped or caught in a loop of C, and whichever thread of the parent
    started it.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    # The parent may have died before the signal was asked for.
    os.set_blocking(lifeline, False)
    try:
        is_alone = os.read(lifeline, 1) == b""
    except BlockingIOError:
        is_alone = False
    if is_alone:
        os._exit(0)


def lower(kind: int, most: int) -> None:
    """Let a resource be used up to `most`, or less where less is allowed already; only the soft limit, to be raised later."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def give_up_privileges() -> None:
    """No core dumps, few open files, no new privileges, no network, no programs, no other processes.

    What the system does not have is left out; a worker is then only less confined.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_OPEN_FILES, _MOST_OPEN_FILES))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _refuse_calls(libc)


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """Install a filter of system calls; needs that there are no new privileges."""
    if platform.machine() not in _REFUSED:
        return
    architecture, calls = _REFUSED[platform.machine()]
    numbers = list(calls.values())
    steps = [
        (_LOAD, 0, 0, _OFFSET_OF_ARCHITECTURE),
        # Calls of another architecture have other numbers; none is made here.
        (_JUMP_IF_EQUAL, 0, len(numbers) + 2, architecture),
        (_LOAD, 0, 0, _OFFSET_OF_NUMBER),
        *((_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)),
        (_RETURN, 0, 0, _RETURN_ALLOWED),
        (_RETURN, 0, 0, _RETURN_ERROR | errno.EPERM),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)

"""How often a file is opened while something runs, as the kernel tells it; Linux only, elsewhere it is not counted."""

import ctypes
import math
import os
import struct
import sys
from pathlib import Path
from types import TracebackType

_IN_OPEN, _IN_NONBLOCK = 0x20, 0x800
_EVENT = struct.Struct("iIII")


class Opens:
    """Counts opens of a file by any process, within its `with`.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        #: So far; not a number where the system does not tell.
        self.count: float = math.nan

    def __enter__(self) -> "Opens":
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            self._events = libc.inotify_init1(_IN_NONBLOCK)
            if (
                self._events < 0
                or libc.inotify_add_watch(self._events, os.fsencode(self._path), _IN_OPEN) < 0
            ):
                raise OSError(ctypes.get_errno(), f"the kernel does not watch {self._path}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.platform != "linux":
            return
        try:
            told = os.read(self._events, 1 << 20)
        except BlockingIOError:
            told = b""
        os.close(self._events)
        count, at = 0, 0
        while at < len(told):
            _, _, _, length = _EVENT.unpack_from(told, at)
            at += _EVENT.size + length
            count += 1
        self.count = count

"""What a process reads beside the file that it was given: watched by the kernel, and by a server that counts callers."""

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20


class Watched:
    """Files that are watched."""

    def __init__(self, *places: Path) -> None:
        """Begin: a folder stands for all files in it."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._inotify >= 0, os.strerror(ctypes.get_errno())
        self._places: dict[int, Path] = {}
        for place in places:
            number = self._libc.inotify_add_watch(self._inotify, os.fsencode(place), _IN_ACCESS | _IN_OPEN)
            assert number >= 0, f"{place}: {os.strerror(ctypes.get_errno())}"
            self._places[number] = place

    def opened(self) -> set[Path]:
        """The files that anybody opened or read since the last question."""
        found: set[Path] = set()
        while True:
            try:
                data = os.read(self._inotify, 65536)
            except BlockingIOError:
                return found
            while data:
                number, mask, _, length = struct.unpack_from("iIII", data)
                name = data[16 : 16 + length].rstrip(b"\0")
                data = data[16 + length :]
                if not mask & 0x40000000:  # a folder that is listed gives nothing away
                    found.add(self._places[number] / os.fsdecode(name) if name else self._places[number])

    def close(self) -> None:
        """Stop watching."""
        os.close(self._inotify)


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and who has called it so far; whoever calls is turned away."""
    called: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                with connection:
                    called.append(str(address))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", called
        # Wakes the thread up, which then finds the server closed.
        server.shutdown(socket.SHUT_RDWR)
        thread.join()

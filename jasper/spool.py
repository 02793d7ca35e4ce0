"""Packets kept on disk in the order they came, until it is known how they are written."""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import numpy as np

from jasper.timing import Ticks

#: Size, time, the number of its track, and whether it is a key.
_ENTRY = Struct("<IqH?")
_COLUMNS = np.dtype([("size", "<u4"), ("time", "<i8"), ("track", "<u2"), ("is_key", "?")])


class PacketSpool:
    """A file of packets, back to back, and one of what is known of each, so that a long film takes no more memory."""

    def __init__(self, path: Path) -> None:
        """Begin an empty file, and beside it one with the ending `.index`.

        Raises:
            OSError: They cannot be made.
        """
        self.path = path
        self._index_path = path.with_name(f"{path.name}.index")
        self._count = 0
        self._file = path.open("wb", buffering=1 << 20)
        self._index = self._index_path.open("wb", buffering=1 << 16)

    def __len__(self) -> int:
        return self._count

    def add(self, data: bytes, *, is_key: bool = True, time: int = 0, track: int = 0) -> None:
        """Append a packet.

        Args:
            data: Its bytes.
            is_key: Whether decoding can start at it.
            time: In the unit and order that the writer chooses.
            track: A number, where packets of several tracks are kept.

        Raises:
            OSError: It cannot be written.
        """
        self._file.write(data)
        self._index.write(_ENTRY.pack(len(data), time, track, is_key))
        self._count += 1

    def close(self) -> None:
        """Write what is still in memory; may be called twice."""
        self._file.close()
        self._index.close()

    @property
    def sizes(self) -> Ticks:
        """Bytes of each packet, read again, as all of these are; the spool must be closed."""
        return self._column("size")

    @property
    def times(self) -> Ticks:
        """The time of each packet."""
        return self._column("time")

    @property
    def keys(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether decoding can start at each packet."""
        return self._column("is_key").astype(np.bool_)

    def packets(self) -> Iterator[tuple[bytes, int, int]]:
        """The bytes, time and track of each packet, read again; the spool must be closed."""
        with self.path.open("rb") as file, self._index_path.open("rb") as index:
            while entry := index.read(_ENTRY.size):
                size, time, track, _ = _ENTRY.unpack(entry)
                yield file.read(size), time, track

    def _column(self, name: str) -> Ticks:
        assert self._index.closed, "a spool is read once it is closed"
        return np.fromfile(self._index_path, dtype=_COLUMNS)[name].astype(np.int64)

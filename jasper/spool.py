"""Packets kept on disk in the order they came, until it is known how they are written."""

from array import array
from collections.abc import Iterator
from pathlib import Path


class PacketSpool:
    """A file of packets, back to back, and where each begins, whether it is a key and when it is shown."""

    def __init__(self, path: Path) -> None:
        """Begin an empty file.

        Raises:
            OSError: It cannot be made.
        """
        self.path = path
        self.sizes = array("Q")
        self.keys = bytearray()
        #: In the unit and order that the writer chose.
        self.times = array("q")
        self._file = path.open("wb", buffering=1 << 20)

    def __len__(self) -> int:
        return len(self.sizes)

    def add(self, data: bytes, *, is_key: bool = True, time: int = 0) -> None:
        """Append a packet.

        Raises:
            OSError: It cannot be written.
        """
        self._file.write(data)
        self.sizes.append(len(data))
        self.keys.append(is_key)
        self.times.append(time)

    def close(self) -> None:
        """Write what is still in memory; may be called twice."""
        self._file.close()

    def packets(self) -> Iterator[bytes]:
        """All packets, read again; the spool must be closed."""
        with self.path.open("rb") as file:
            for size in self.sizes:
                yield file.read(size)

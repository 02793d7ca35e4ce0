"""Stored values as an engine reads them: verified, decoded when asked for, and kept while they are hot."""

import threading
from collections import OrderedDict
from functools import cached_property
from typing import Any

import pyarrow as pa

from amber import codec
from amber.errors import BlobMissingError
from amber.store.protocol import Blobs

#: Bytes of values that a process keeps in memory.
HOT_BYTES = 256 << 20


class Value:
    """One stored value: its bytes, its table, and its typed form.

    Args:
        data: The bytes, or, where they may be read later, their digest.
        blobs: Where they are.
    """

    def __init__(self, data: bytes | str, blobs: Blobs) -> None:
        self._given = data
        self._blobs = blobs

    @cached_property
    def data(self) -> bytes:
        """The bytes.

        Raises:
            BlobMissingError, BlobCorruptError: They were to be read now, and cannot be.
        """
        return self._given if isinstance(self._given, bytes) else self._blobs.read(self._given)

    @cached_property
    def table(self) -> pa.Table:
        """The Arrow table."""
        return codec.table(self.data)

    def typed(self, result_type: type) -> Any:
        """The value as its result type; files become local, verified copies.

        Raises:
            BlobMissingError, BlobCorruptError: A file that it names cannot be read.
        """
        return codec.decode(self.table, result_type, self._blobs.local_path)

    def check_files(self, result_type: type) -> None:
        """See that the files it names are there.

        Raises:
            BlobMissingError: One is not.
        """
        if codec.has_files(result_type):
            named = codec.file_digests(self.table, result_type)
            missing = set(named) - self._blobs.present(named)
            if missing:
                raise BlobMissingError(
                    f"the file {missing.pop()[:16]}… that the value names is not in the store"
                )


class Values:
    """Reads values by digest and keeps the latest ones; safe to use from several threads."""

    def __init__(self, blobs: Blobs, hot_bytes: int = HOT_BYTES) -> None:
        self._blobs = blobs
        self._hot: OrderedDict[str, Value] = OrderedDict()
        self._room = hot_bytes
        self._lock = threading.Lock()

    def read(self, sha256: str) -> Value:
        """The value of that digest.

        Raises:
            BlobMissingError, BlobCorruptError: It cannot be read.
        """
        with self._lock:
            value = self._hot.get(sha256)
            if value is not None:
                self._hot.move_to_end(sha256)
                return value
        value = Value(self._blobs.read(sha256), self._blobs)
        self._keep(sha256, value)
        return value

    def later(self, sha256: str) -> Value:
        """The value of that digest, not read before somebody wants it, and not kept."""
        return Value(sha256, self._blobs)

    def forget(self, sha256: str) -> None:
        """Drop a value from memory, as after it was found damaged."""
        with self._lock:
            kept = self._hot.pop(sha256, None)
            if kept is not None:
                self._room += len(kept.data)

    def _keep(self, sha256: str, value: Value) -> None:
        with self._lock:
            if sha256 in self._hot or len(value.data) > HOT_BYTES // 4:
                return
            self._hot[sha256] = value
            self._room -= len(value.data)
            while self._room < 0:
                _, dropped = self._hot.popitem(last=False)
                self._room += len(dropped.data)

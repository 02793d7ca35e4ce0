"""Promises about bytes."""

from abc import abstractmethod
from hashlib import sha256
from pathlib import Path

import pytest

from amber.errors import BlobCorruptError, BlobMissingError
from amber.store.protocol import Blob, Blobs, Store
from amber.testing.rows import CatalogTests, digest
from amber.testing.threads import at_once

#: `printf hello | sha256sum`
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#: `sha256sum < /dev/null`
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class BlobsTests(CatalogTests):
    """Bytes are named by their SHA-256, and nobody is ever given others under that name."""

    @abstractmethod
    def spoil(self, blobs: Blobs, sha256: str) -> None:
        """Change the stored bytes of a blob behind the store's back."""

    def test_bytes_are_named_by_their_sha256(self, blobs: Blobs) -> None:
        assert blobs.put(b"hello") == Blob(HELLO, 5)
        assert blobs.read(HELLO) == b"hello"

    def test_no_bytes_are_bytes(self, blobs: Blobs) -> None:
        assert blobs.put(b"") == Blob(NOTHING, 0)
        assert blobs.read(NOTHING) == b""
        assert blobs.local_path(NOTHING).read_bytes() == b""

    def test_bytes_are_kept_once(self, blobs: Blobs) -> None:
        for _ in range(3):
            blobs.put(b"hello")
        assert list(blobs.digests()) == [Blob(HELLO, 5)]

    def test_what_is_not_there_is_missing(self, blobs: Blobs) -> None:
        for look in (blobs.read, blobs.local_path, blobs.check):
            with pytest.raises(BlobMissingError, match=HELLO):
                look(HELLO)
        assert blobs.present([HELLO]) == set()
        blobs.delete(HELLO)

    def test_spoilt_bytes_are_never_given_out(self, blobs: Blobs) -> None:
        blobs.put(b"hello")
        self.spoil(blobs, HELLO)
        for look in (blobs.read, blobs.local_path, blobs.check):
            with pytest.raises(BlobCorruptError, match=HELLO):
                look(HELLO)

    def test_bytes_spoilt_after_they_were_read_are_never_given_out(self, blobs: Blobs) -> None:
        blobs.put(b"hello")
        assert blobs.local_path(HELLO).read_bytes() == b"hello" == blobs.read(HELLO)
        self.spoil(blobs, HELLO)
        for look in (blobs.read, blobs.local_path, blobs.check):
            with pytest.raises(BlobCorruptError):
                look(HELLO)

    def test_spoilt_bytes_are_replaced_when_they_come_again(self, blobs: Blobs) -> None:
        blobs.put(b"hello")
        self.spoil(blobs, HELLO)
        blobs.put(b"hello")
        assert blobs.read(HELLO) == b"hello"
        assert blobs.check(HELLO) == 5

    def test_presence_is_told_for_many(self, blobs: Blobs) -> None:
        blobs.put(b"hello")
        asked = [digest(number) for number in range(1000)]
        assert blobs.present([*asked, HELLO]) == {HELLO}
        assert blobs.present(iter([HELLO, HELLO])) == {HELLO}

    def test_deleted_bytes_are_gone(self, blobs: Blobs) -> None:
        blobs.put(b"hello")
        blobs.put(b"")
        blobs.delete(HELLO)
        assert blobs.present([HELLO, NOTHING]) == {NOTHING}
        assert list(blobs.digests()) == [Blob(NOTHING, 0)]
        blobs.delete(HELLO, NOTHING, digest(1))
        blobs.delete()
        assert list(blobs.digests()) == []

    def test_a_file_of_ones_own_is_copied(self, blobs: Blobs, tmp_path: Path) -> None:
        file = tmp_path / "mine.txt"
        file.write_bytes(b"hello")
        assert blobs.put_file(file) == Blob(HELLO, 5)
        assert file.read_bytes() == b"hello"
        file.write_bytes(b"other")
        assert blobs.read(HELLO) == b"hello"

    def test_a_file_in_scratch_is_moved(self, store: Store) -> None:
        file = store.scratch / "task" / "encode.mp4"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"hello")
        assert store.blobs.put_file(file) == Blob(HELLO, 5)
        assert not file.exists()
        assert store.blobs.read(HELLO) == b"hello"

    def test_a_large_file_is_kept_whole(self, store: Store) -> None:
        data = bytes(range(256)) * 20_000
        file = store.scratch / "large"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        blob = store.blobs.put_file(file)
        assert blob == Blob(sha256(data).hexdigest(), 5_120_000)
        assert store.blobs.check(blob.sha256) == 5_120_000
        assert store.blobs.local_path(blob.sha256).read_bytes() == data

    def test_a_file_that_is_not_there_is_the_callers_mistake(self, blobs: Blobs, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            blobs.put_file(tmp_path / "nothing")
        assert list(blobs.digests()) == []

    def test_many_may_put_the_same_bytes_at_once(self, blobs: Blobs) -> None:
        data = b"hello" * 100_000
        [blob] = set(at_once([lambda: blobs.put(data)] * 8))
        assert blobs.read(blob.sha256) == data
        assert list(blobs.digests()) == [blob]

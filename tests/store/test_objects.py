"""Blobs as objects: created once, streamed both ways, found with few requests; and told plainly what is wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import obstore
import pytest

from amber.errors import BlobMissingError, ConfigurationError, StoreUnavailableError
from amber.store import objects
from amber.store.copies import Copies
from amber.store.object_places import open_objects
from amber.store.objects import ObjectBlobs
from amber.store.open import open_store
from amber.store.protocol import Blob
from amber.testing.rows import digest
from tests.servers.s3 import S3

#: `printf hello | sha256sum`
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
NAME = f"2c/{HELLO}"
#: More than one part of an upload.
LARGE_BYTES = 20 << 20


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[ObjectBlobs]:
    """Objects in memory, by the same library."""
    made = ObjectBlobs(
        open_objects("memory://"), "memory://", Copies(tmp_path / "copies", 1 << 30), tmp_path / "scratch"
    )
    yield made
    made.close()


@pytest.fixture
def on_s3(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectBlobs]:
    """Objects on a real server."""
    made = _reached(s3, tmp_path, monkeypatch, s3.url())
    yield made
    made.close()


def _reached(
    s3: S3, folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, **variables: str
) -> ObjectBlobs:
    for name, value in {**s3.variables, **variables}.items():
        monkeypatch.setenv(name, value)
    return ObjectBlobs(open_objects(url), url, Copies(folder / "copies", 1 << 30), folder / "scratch")


def test_an_object_is_named_by_the_digest_of_its_bytes(on_s3: ObjectBlobs) -> None:
    on_s3.put(b"hello")
    assert obstore.get(on_s3._objects, NAME).bytes().to_bytes() == b"hello"


def test_an_object_that_is_there_and_right_is_not_written_again(on_s3: ObjectBlobs, tmp_path: Path) -> None:
    on_s3.put(b"hello")
    before = obstore.head(on_s3._objects, NAME)["e_tag"]
    obstore.put(on_s3._objects, NAME, b"hello", attributes={"Content-Type": "text/x-first"})
    file = tmp_path / "hello"
    file.write_bytes(b"hello")
    on_s3.put(b"hello")
    on_s3.put_file(file)
    found = obstore.get(on_s3._objects, NAME)
    assert (found.meta["e_tag"], found.attributes["Content-Type"]) == (before, "text/x-first")


def test_an_old_object_is_written_again_so_that_a_collector_sees_it_is_wanted(
    blobs: ObjectBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(b"hello")
    before = obstore.head(blobs._objects, NAME)["last_modified"]
    blobs.put(b"hello")
    assert obstore.head(blobs._objects, NAME)["last_modified"] == before
    monkeypatch.setattr(objects, "_RENEW_AFTER", timedelta(0))
    blobs.put(b"hello")
    assert obstore.head(blobs._objects, NAME)["last_modified"] > before


def test_a_large_file_goes_in_parts_and_comes_in_pieces(on_s3: ObjectBlobs, tmp_path: Path) -> None:
    data = bytes(range(256)) * (LARGE_BYTES // 256)
    file = tmp_path / "large"
    file.write_bytes(data)
    blob = on_s3.put_file(file)
    assert blob == Blob(sha256(data).hexdigest(), LARGE_BYTES)
    tag = obstore.head(on_s3._objects, f"{blob.sha256[:2]}/{blob.sha256}")["e_tag"]
    assert "-" in str(tag), "a multipart upload has the tag of one"
    assert on_s3.check(blob.sha256) == LARGE_BYTES
    assert sha256(on_s3.local_path(blob.sha256).read_bytes()).hexdigest() == blob.sha256


#: Stores a file of so many bytes, reads it through, fetches it, and says the most memory that it took.
STREAM = """
import resource, sys
from pathlib import Path
from amber.store.copies import Copies
from amber.store.object_places import open_objects
from amber.store.objects import ObjectBlobs

folder, size = Path(sys.argv[2]), int(sys.argv[3])
blobs = ObjectBlobs(open_objects(sys.argv[1]), "s3", Copies(folder / "copies", 1 << 40))
with (folder / "film").open("wb") as file:
    for number in range(size >> 20):
        file.write(bytes([number % 256]) * (1 << 20))
blob = blobs.put_file(folder / "film")
assert blobs.check(blob.sha256) == size
assert blobs.local_path(blob.sha256).stat().st_size == size
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def test_memory_does_not_grow_with_the_size_of_a_film(s3: S3, tmp_path: Path) -> None:
    taken = []
    for size in (40 << 20, 200 << 20):
        folder = tmp_path / str(size)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", STREAM, s3.url(), str(folder), str(size)],
            env={**os.environ, **s3.variables},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        taken.append(int(done.stdout))
    assert taken[1] - taken[0] < 80 << 20, f"{taken} bytes for 40 and 200 MiB"


def test_an_upload_that_is_interrupted_leaves_nothing_to_be_seen(on_s3: ObjectBlobs, tmp_path: Path) -> None:
    class Pulled:
        """A disk that is pulled out after one part."""

        parts = 0

        def read(self, size: int) -> bytes:
            self.parts += 1
            if self.parts > 2:
                raise OSError("the disk is gone")
            return bytes(size)

    blob = Blob(sha256(bytes(LARGE_BYTES)).hexdigest(), LARGE_BYTES)
    pulled: Any = Pulled()
    with pytest.raises(OSError, match="the disk is gone"):
        on_s3._upload(pulled, blob, tmp_path)
    assert on_s3.present([blob.sha256]) == set()
    assert list(on_s3.digests()) == []


def test_a_file_that_changes_while_it_is_stored_is_refused(on_s3: ObjectBlobs, tmp_path: Path) -> None:
    file = tmp_path / "growing"
    file.write_bytes(bytes(LARGE_BYTES))
    wrong = Blob(digest("what it was"), LARGE_BYTES)
    with file.open("rb") as source, pytest.raises(StoreUnavailableError, match="changed while"):
        on_s3._upload(source, wrong, file)
    assert list(on_s3.digests()) == []


def test_many_are_found_by_few_requests(blobs: ObjectBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [blobs.put(str(number).encode()).sha256 for number in range(2000)]
    requests: list[str] = []
    for name in ("head", "list"):
        ask = getattr(obstore, name)
        monkeypatch.setattr(obstore, name, lambda *a, ask=ask, **k: (requests.append(""), ask(*a, **k))[1])
    missing = [digest(number) for number in range(2000)]
    assert blobs.present(asked + missing) == set(asked)
    assert len(requests) <= 256 + 3, "one for each folder, at most"


def test_presence_among_strangers_is_told(on_s3: ObjectBlobs) -> None:
    on_s3.put(b"hello")
    obstore.put(on_s3._objects, "2c/notes.txt", b"not a blob")
    near = [HELLO[:-1] + figure for figure in "0123"]
    assert on_s3.present([*near, HELLO]) == {HELLO}
    assert list(on_s3.digests()) == [Blob(HELLO, 5)]


def test_what_was_just_stored_from_scratch_need_not_be_fetched(
    blobs: ObjectBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "encode.mp4").write_bytes(b"hello")
    blobs.put_file(scratch / "encode.mp4")
    monkeypatch.delattr(obstore, "get")
    assert blobs.local_path(HELLO).read_bytes() == b"hello"


def test_a_wrong_secret_is_told_without_it(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a-secret-that-nobody-should-read"
    blobs = _reached(s3, tmp_path, monkeypatch, s3.url(), AWS_SECRET_ACCESS_KEY=secret)
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.read(HELLO), lambda: list(blobs.digests())):
        with pytest.raises(
            StoreUnavailableError, match=r"refuses these credentials.*AWS_ACCESS_KEY_ID"
        ) as told:
            ask()
        assert secret not in str(told.value) + str(told.value.__cause__)
    with pytest.raises(StoreUnavailableError, match="refuses these credentials"):
        blobs.present([HELLO])


def test_a_missing_bucket_is_told(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = _reached(s3, tmp_path, monkeypatch, s3.url(bucket="no-such-bucket"))
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.read(HELLO), lambda: list(blobs.digests())):
        with pytest.raises(
            StoreUnavailableError, match=r"there is no bucket for s3://no-such-bucket/\w+: make it"
        ):
            ask()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://somewhere", "must begin with file:///, s3://.*found ftp"),
        ("/srv/blobs", "found no scheme"),
        ("s3://key:hidden@bucket/x", "s3://bucket/x holds more than a place"),
        ("s3://bucket/x?secret=hidden", "s3://bucket/x holds more than a place"),
    ],
)
def test_a_place_that_cannot_be_meant_is_told_without_secrets(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as told:
        open_store(tmp_path, blobs_url=url)
    assert "hidden" not in str(told.value)


def test_files_elsewhere_are_files(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home", blobs_url=f"file://{tmp_path}/the%20blobs")
    store.blobs.put(b"hello")
    assert (tmp_path / "the blobs" / NAME).read_bytes() == b"hello"
    store.close()


def test_without_the_library_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'amber\[objects\]'"):
        open_store(tmp_path, blobs_url="s3://bucket/x")


def test_what_is_gone_is_missing_and_not_an_error_of_the_server(on_s3: ObjectBlobs) -> None:
    with pytest.raises(BlobMissingError, match=f"there is no s3://.*{NAME}"):
        on_s3.read(HELLO)

"""Hostile files, through Amber: an asset, a part of one, or an error that says what is wrong; and the process lives on."""

import os
import random
import secrets
import shutil
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from amber import Amber
from amber.errors import AlgorithmFailedError, AmberError, UsageError
from amber.store.protocol import AssetRecord
from jasper import sandbox
from jasper.errors import (
    DecodingMemoryError,
    FrameTooLargeError,
    MediaError,
    MediaIOError,
    UnreadableMediaError,
)
from jasper.sandbox import Sandbox
from tests.jasper.making import ffmpeg, frame_digests, make_film, remux

#: Chooses the places; say the one that a failure printed to see it again.
SEED = os.environ.get("AMBER_SOAK_SEED") or secrets.token_hex(4)
COUNT = int(os.environ.get("AMBER_SOAK_COUNT") or (200 if os.environ.get("AMBER_SOAK") else 10))

#: No file takes longer or more.
pytestmark = pytest.mark.timeout(60)
MOST_BYTES = 1_000_000_000


@pytest.fixture(scope="module")
def amber(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amber]:
    """One process for all files."""
    with Amber.open(tmp_path_factory.mktemp("hostile") / "home") as amber:
        yield amber


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox for each test, which must stay small."""
    own = Sandbox()
    monkeypatch.setattr(sandbox, "shared", own)
    yield own
    assert own.usage().peak_memory_bytes <= MOST_BYTES
    own.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of H.264 and AAC."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


def outcome(amber: Amber, path: Path) -> AssetRecord | Exception:
    """The asset, whose standard form can be had or is refused with a sentence; or the error."""
    try:
        asset = amber.ingest(path)
        manifest = amber.get("standard", asset).value
    except (MediaError, AmberError) as error:
        said = str(error)
        assert len(said) > 30 and "made the decoder" not in said and "in the decoder" not in said, said
        return error
    assert manifest.frame_count > 0 or manifest.has_audio
    return asset


def refused(amber: Amber, path: Path, kind: type[Exception] = UnreadableMediaError) -> str:
    """What is said of a file that is no asset."""
    error = outcome(amber, path)
    assert isinstance(error, kind), error
    assert path.name in str(error) or repr(path.name)[1:-1] in str(error)
    return str(error)


def test_what_is_no_media_is_refused(amber: Amber, tmp_path: Path) -> None:
    for name, content in {
        "empty.mp4": b"",
        "text.mp4": b"Dear reader, " * 99,
        "zeros.mkv": bytes(9999),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "copied or downloaded whole" in refused(amber, tmp_path / name) or not content
    assert "is empty" in refused(amber, tmp_path / "empty.mp4")


def test_what_is_no_file_is_refused_at_once(amber: Amber, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "is a pipe; name a media file" in refused(amber, tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder; name a media file" in refused(amber, tmp_path / "folder.mp4")
    for device in ("/dev/zero", "/dev/full"):
        assert "is a device; name a media file" in refused(amber, Path(device))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.mp4"))
        assert "No such device" in refused(amber, tmp_path / "s.mp4", MediaIOError)
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    assert "symbolic links" in refused(amber, tmp_path / "loop.mp4", MediaIOError)
    (tmp_path / "nowhere.mp4").symlink_to("gone.mp4")
    with pytest.raises(FileNotFoundError):
        amber.ingest(tmp_path / "nowhere.mp4")


def test_a_file_that_may_not_be_read_is_told(amber: Amber, film: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(film, tmp_path / "secret.mp4"))
    path.chmod(0)
    if not os.geteuid():
        # The superuser may read everything but a switch of the kernel that is only there to be written.
        path = Path("/proc/sys/vm/drop_caches")
        if not path.exists():
            pytest.skip("SKIPPED LOUDLY: this user may read every file")
    said = refused(amber, path, MediaIOError)
    assert "cannot be opened: Permission denied" in said


@pytest.mark.parametrize(
    "name",
    ["q'u\"o`te.mp4", "new\nline.mp4", "..mp4", "a..b.mp4", "-i.mp4", "--help", "$(id).mp4", "a;b|c&d.mp4", "%n%s.mp4",
     "file:x.mp4", "\u202egnp.mp4", "x" * 250 + ".mp4", " .mp4", "~", "*"],
)  # fmt: skip
def test_any_name_will_do(amber: Amber, film: Path, tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(film, tmp_path / name))
    found = outcome(amber, path)
    assert isinstance(found, AssetRecord) and found.frame_count == 72
    (tmp_path / "below").mkdir()
    again = outcome(amber, tmp_path / "below" / ".." / name)
    assert isinstance(again, AssetRecord) and again.asset == found.asset


def test_a_name_that_is_not_utf_8_is_told(amber: Amber, film: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xefve-\xff.mp4"))
    shutil.copy(film, path)
    assert "is not UTF-8, so it cannot be recorded; rename the file" in refused(amber, path, UsageError)
    assert [done.state for done in amber.ingest_all([tmp_path])] == ["failed"]


# truncated


CONTAINERS = {
    "front.mp4": ("-movflags", "faststart"),
    "end.mp4": (),
    "fragments.mp4": ("-movflags", "frag_keyframe+empty_moov"),
    "film.mkv": (),
    "film.ts": (),
}


@pytest.mark.parametrize("share", [10, 50, 90])
@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_left_of_a_truncated_film_can_be_used(
    amber: Amber, film: Path, tmp_path: Path, name: str, share: int
) -> None:
    whole = remux(film, tmp_path / name, *CONTAINERS[name])
    data = whole.read_bytes()
    part = tmp_path / f"part-{name}"
    part.write_bytes(data[: len(data) * share // 100 | 1])
    if name == "end.mp4":
        assert "check that it was copied or downloaded whole" in refused(amber, part)
        return
    record = amber.ingest(part)
    assert record.partial
    assert record.asset != amber.ingest(whole).asset
    manifest = amber.get("standard", record).value
    assert 0 < manifest.frame_count <= 72
    assert len(frame_digests(manifest.encode.path)) == manifest.frame_count
    assert len(frame_digests(manifest.proxy.path)) == manifest.frame_count


# flipped


@pytest.mark.soak
@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(COUNT))
def test_a_flipped_byte_is_an_asset_a_part_or_an_error(
    amber: Amber, film: Path, tmp_path: Path, number: int
) -> None:
    chance = random.Random(f"{SEED}-{number}")
    name = chance.choice(sorted(CONTAINERS))
    whole = remux(film, tmp_path / name, *CONTAINERS[name])
    data = bytearray(whole.read_bytes())
    # Half of the places lie where one byte says what thousands mean.
    at = chance.choice(
        (chance.randrange(len(data)), chance.randrange(2048), len(data) - 1 - chance.randrange(2048))
    )
    data[at] ^= 1 << chance.randrange(8)
    print(f"seed {SEED}, number {number}: {name}, bit of byte {at}")
    path = tmp_path / f"flipped-{name}"
    path.write_bytes(data)
    outcome(amber, path)
    assert isinstance(outcome(amber, whole), AssetRecord)


# too much of something


def test_a_film_of_two_hundred_streams_is_read(amber: Amber, tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.mp4", size="64x48")
    many = tmp_path / "many.mkv"
    ffmpeg("-i", one, *("-map", "0:v") * 100, *("-map", "0:a") * 100, "-c", "copy", many)
    found = outcome(amber, many)
    assert isinstance(found, AssetRecord) and found.frame_count == 72


def test_a_frame_of_65535_squared_is_told(amber: Amber, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.webm", codec="libvpx", video=("-b:v", "300k"), audio=None)
    data = film.read_bytes()
    wide = tmp_path / "wide.webm"
    wide.write_bytes(
        data.replace(b"\xb0\x82\x01\x40", b"\xb0\x82\xff\xff").replace(b"\xba\x81\xb4", b"\xba\x81\xff")
    )
    assert "its pictures are 65535 × 255; 8192 × 4320 pixels" in refused(amber, wide, FrameTooLargeError)
    square = tmp_path / "square.y4m"
    square.write_bytes(b"YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(100_000))
    assert "what it says of its content cannot be" in refused(amber, square)
    large = tmp_path / "large.y4m"
    large.write_bytes(b"YUV4MPEG2 W16000 H16000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(100_000))
    assert "its pictures are 16000 × 16000" in refused(amber, large, FrameTooLargeError)


def test_a_container_that_lies_about_its_size_is_no_bomb(amber: Amber, film: Path, tmp_path: Path) -> None:
    """The stream itself says 320 × 180, and only that is decoded."""
    data = film.read_bytes()
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(
        data.replace(struct.pack(">HH", 320, 180), b"\xff\xff\xff\xff").replace(
            struct.pack(">II", 320 << 16, 180 << 16), b"\xff\xff\0\0\xff\xff\0\0"
        )
    )
    assert lying.read_bytes() != data
    found = outcome(amber, lying)
    assert isinstance(found, AssetRecord) and (found.width, found.height) == (320, 180)


def test_a_tiny_file_of_huge_frames_is_given_up(amber: Amber, tmp_path: Path) -> None:
    bomb, second = tmp_path / "bomb.mp4", tmp_path / "second.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "color=black:size=4096x2160:rate=30:duration=1", "-c:v", "libx264", "-preset",
        "veryfast", "-pix_fmt", "yuv420p", second,
    )  # fmt: skip
    ffmpeg("-stream_loop", 99, "-i", second, "-c", "copy", bomb)
    assert bomb.stat().st_size < 1_100_000
    error = outcome(amber, bomb)
    assert isinstance(error, AlgorithmFailedError)
    assert "DecompressionBombError" in str(error)
    assert "encode it again with smaller pictures" in str(error)
    again = outcome(amber, bomb)
    assert "failed once (input's fault)" in str(again), "a poisoned asset costs its attempt once"


def test_a_film_of_decoders_that_each_want_memory_is_given_up(
    amber: Amber, film: Path, tmp_path: Path
) -> None:
    one, bomb = tmp_path / "one.mp4", tmp_path / "bomb.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "color=black:size=7680x4320:rate=1:duration=1", "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p", one,
    )  # fmt: skip
    ffmpeg("-i", one, *("-map", "0:v") * 60, "-c", "copy", bomb)
    error = outcome(amber, bomb)
    assert isinstance(error, DecodingMemoryError)
    assert "smaller pictures or fewer streams" in str(error)
    assert isinstance(outcome(amber, film), AssetRecord)

"""A file that names other files or addresses makes nobody read them: watched by the kernel and by a server."""

import shutil
import struct
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import jasper
from jasper.errors import MediaError, UnreadableMediaError
from tests.jasper.making import ffmpeg, remux
from tests.jasper.watching import Watched, listening

SYSTEM_FILE = Path("/etc/hostname")

PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{target}\n#EXT-X-ENDLIST\n",
    "key.m3u8": '#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:3,\n{target}\n',
    "master.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="a" bandwidth="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "list.asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "list.vpl": "vapoursynth\n{target}\n",
    "list.imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>{target}</Id></CompositionPlaylist>",
}


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    with listening() as found:
        yield found


@pytest.fixture
def neighbour(film: Path, tmp_path: Path) -> Path:
    """A film that could be read, and must not be."""
    return Path(shutil.copy(film, tmp_path / "neighbour.mp4"))


def targets(neighbour: Path, address: str) -> dict[str, str]:
    return {
        "a system file": str(SYSTEM_FILE),
        "a neighbour": neighbour.name,
        "a neighbour's path": str(neighbour),
        "a file URL": neighbour.as_uri(),
        "an address": f"http://{address}/film.mp4",
        "a stream": f"tcp://{address}",
    }


def others_read(path: Path) -> tuple[set[Path], MediaError | None]:
    """What else is opened while a file is identified, and the error."""
    places = [path.parent, *(place for place in [SYSTEM_FILE] if place.exists())]
    jasper.identify(path.parent / "neighbour.mp4")  # a worker that is there already opens nothing of its own
    watched = Watched(*places)
    try:
        jasper.identify(path)
    except MediaError as error:
        return watched.opened() - {path}, error
    else:
        return watched.opened() - {path}, None
    finally:
        watched.close()


def test_the_watch_notices_a_file_that_is_read_and_a_call(neighbour: Path, server) -> None:
    address, called = server
    watched = Watched(neighbour.parent)
    assert watched.opened() == set()
    neighbour.read_bytes()
    assert watched.opened() == {neighbour}
    watched.close()
    with pytest.raises(OSError, match=r"."):
        urllib.request.urlopen(f"http://{address}/film.mp4")
    assert called


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("disguise", ["", ".mp4"])
@pytest.mark.parametrize(
    "where", ["a system file", "a neighbour", "a neighbour's path", "a file URL", "an address", "a stream"]
)
def test_a_playlist_reads_nothing_else(
    tmp_path: Path, neighbour: Path, server, name: str, disguise: str, where: str
) -> None:
    address, called = server
    playlist = tmp_path / f"{name}{disguise}"
    playlist.write_text(PLAYLISTS[name].format(target=targets(neighbour, address)[where]))
    others, error = others_read(playlist)
    assert (others, called) == (set(), [])
    assert isinstance(error, UnreadableMediaError)
    assert "is not a media file that can be read" in str(error)


@pytest.mark.parametrize(
    "name", ["%03d.png", "*.png", "concat:001.png|002.png", "subfile,,start,0,end,0,,:001.png"]
)
def test_a_name_that_is_a_pattern_is_one_file(tmp_path: Path, neighbour: Path, name: str) -> None:
    for number in (1, 2):
        ffmpeg("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", 1, tmp_path / f"00{number}.png")
    if "/" not in name:
        (tmp_path / name).write_bytes((tmp_path / "001.png").read_bytes())
    others, error = others_read(tmp_path / name)
    assert others == set()
    assert isinstance(error, MediaError)


# references inside containers


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The MP4 boxes that follow each other in `data`."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def with_reference(data: bytes, reference: bytes) -> bytes:
    """The same boxes, whose data references are replaced."""
    made = b""
    for kind, content in boxes(data):
        if kind == b"dref":
            content = struct.pack(">II", 0, 1) + reference
        elif kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            content = with_reference(content, reference)
        made += box(kind, content)
    return made


def alias(target: str) -> bytes:
    """A Macintosh alias record, as QuickTime files refer to others by."""
    path = target.encode()
    record = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    record += (
        bytes([min(len(path), 63)])
        + path[:63].ljust(63, b"\0")
        + bytes(16)
        + struct.pack(">HH", 0, 0)
        + bytes(16)
    )
    record += struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2) + b"\xff\xff\0\0"
    return box(b"alis", bytes(4) + record)


def url(target: str) -> bytes:
    return box(b"url ", bytes(4) + target.encode() + b"\0")


@pytest.mark.parametrize("reference", [alias, url])
@pytest.mark.parametrize("where", ["a system file", "a neighbour", "a neighbour's path", "an address"])
def test_a_quicktime_film_whose_data_lies_elsewhere_reads_nothing_else(
    film: Path, tmp_path: Path, neighbour: Path, server, reference, where: str
) -> None:
    address, called = server
    plain = remux(film, tmp_path / "plain.mov")
    path = tmp_path / "reference.mov"
    target = targets(neighbour, address)[where]
    path.write_bytes(with_reference(plain.read_bytes(), reference(target)))
    plain.unlink()
    assert path.read_bytes().count(target.encode()) >= 2, "picture and sound both refer to it"
    others, _ = others_read(path)
    assert (others, called) == (set(), [])


def element(identifier: str, content: bytes) -> bytes:
    return bytes.fromhex(identifier) + (len(content) | 1 << 56).to_bytes(8, "big") + content


@pytest.mark.parametrize("where", ["a system file", "a neighbour", "a neighbour's path", "an address"])
def test_a_matroska_film_with_linked_segments_reads_nothing_else(
    film: Path, tmp_path: Path, neighbour: Path, server, where: str
) -> None:
    address, called = server
    target = targets(neighbour, address)[where].encode()
    data = remux(film, tmp_path / "plain.mkv", "-f", "matroska", "-live", 1).read_bytes()
    (tmp_path / "plain.mkv").unlink()
    at = data.index(bytes.fromhex("1549a966"))
    size = (
        int.from_bytes(data[at + 4 : at + 12], "big") & (1 << 56) - 1
        if data[at + 4] == 1
        else data[at + 4] & 0x7F
    )
    head = 12 if data[at + 4] == 1 else 5
    links = element("3cb923", bytes(16)) + element("3c83ab", target)
    links += element("3eb923", bytes(15) + b"\1") + element("3e83bb", target)
    information = element("1549a966", data[at + head : at + head + size] + links)
    path = tmp_path / "linked.mkv"
    path.write_bytes(data[:at] + information + data[at + head + size :])
    others, error = others_read(path)
    assert (others, called) == (set(), [])
    assert error is None, "the film itself is read"

"""Opening media files safely, and reading their packets.

A file is opened once, by us: the demuxer gets an open file and no name, so it cannot open another one, and an error
while reading is known as such instead of being taken for the end of the file.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from jasper.errors import EncryptedMediaError, MediaIOError, NoMediaError, UnreadableMediaError
from jasper.limits import check_size, check_streams

#: Demuxers that read what they are given and open nothing else: no playlists, no image sequences, no devices.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,asf,mxf,gxf,ogg,wav,w64,aiff,caf,au,mp3,"
    "aac,loas,flac,ac3,eac3,dts,amr,h264,hevc,vvc,av1,obu,ivf,m4v,dv,nut,rm,wtv,yuv4mpegpipe,ape,wv,tta"
)

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

_BUFFER_BYTES = 128 * 1024
#: What FFmpeg says of a time code track: the code of the first frame, and the tape it was shot on.
_TRACK_TAGS = ("timecode", "reel_name")
_ENCRYPTED_TAGS = frozenset({"encv", "enca", "drmi", "drms"})


class _CountedFile(io.RawIOBase):
    """A file that counts the bytes read from it and keeps the first error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = open_regular(path)
        self.size_bytes = os.fstat(self._file.fileno()).st_size
        #: What the demuxer sees as the name: the suffix is a hint for guessing the format.
        self.name = (
            f"source{path.suffix.lower()}"
            if path.suffix.isascii() and path.suffix[1:].isalnum()
            else "source"
        )
        self.bytes_read = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._file.read(size) or b""
        except OSError as error:
            self.error = self.error or error
            raise
        self.bytes_read += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            offset, whence = max(0, self.size_bytes + offset), os.SEEK_SET
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def open_regular(path: Path) -> io.FileIO:
    """Open a file for reading; what is no file (a pipe, a device, a folder) is refused without waiting for it.

    Raises:
        UnreadableMediaError: It is no file.
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise UnreadableMediaError(
            f"{_shown(path)} is {_KINDS.get(stat.S_IFMT(kind), 'no file')}; name a media file"
        )
    return io.FileIO(descriptor)


class MediaFile:
    """An open media file: its streams, and its packets in file order."""

    def __init__(self, path: Path) -> None:
        """Open.

        Raises:
            MediaIOError: The file cannot be read.
            UnreadableMediaError: It is empty, or no known container.
        """
        self.path = path
        try:
            self._file = _CountedFile(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MediaIOError(f"{_shown(path)} cannot be opened: {reason}") from error
        try:
            self.container = self._demuxer()
            self._check_limits()
        except BaseException:
            self._file.close()
            raise

    def _demuxer(self) -> InputContainer:
        if not self._file.size_bytes:
            raise UnreadableMediaError(f"{_shown(self.path)} is empty; copy or download it again")
        options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
        try:
            return av.open(
                self._file,
                mode="r",
                options=options,
                buffer_size=_BUFFER_BYTES,
                metadata_errors="replace",
            )
        except MemoryError:
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.check_io()
            head = _head(self.path)
            if any(b"sinf" in head and tag.encode() in head for tag in _ENCRYPTED_TAGS):
                raise EncryptedMediaError(f"{_shown(self.path)} is encrypted; supply it decrypted") from error
            raise UnreadableMediaError(
                f"{_shown(self.path)} is not a media file that can be read: {_reason(error)}; it begins with "
                f"{head[:16]!r}; check that it was copied or downloaded whole"
            ) from error

    def _check_limits(self) -> None:
        check_streams(_shown(self.path), len(self.container.streams))
        for stream in self.video_streams:
            if stream.codec_context is not None:
                check_size(_shown(self.path), stream.codec_context.width, stream.codec_context.height)

    def tags(self) -> dict[str, str]:
        """The container's tags, and the time code and reel that a track of it says, if any does."""
        found = dict(self.container.metadata)
        for stream in self.container.streams:
            for name in _TRACK_TAGS:
                if stream.metadata.get(name):
                    found.setdefault(name, stream.metadata[name])
        return found

    @property
    def bytes_read(self) -> int:
        """Bytes read from the file so far."""
        return self._file.bytes_read

    @property
    def size_bytes(self) -> int:
        """The file's size when it was opened."""
        return self._file.size_bytes

    @property
    def video_streams(self) -> list[VideoStream]:
        """Streams of moving pictures; no cover art, no thumbnails."""
        still = Disposition.attached_pic | Disposition.timed_thumbnails
        return [stream for stream in self.container.streams.video if not stream.disposition & still]

    @property
    def audio_streams(self) -> list[AudioStream]:
        """Streams of sound."""
        return list(self.container.streams.audio)

    def check_io(self) -> None:
        """Raise what went wrong while reading, if anything did.

        Raises:
            MediaIOError: A read failed.
        """
        error = self._file.error
        if error is not None:
            raise MediaIOError(f"{_shown(self.path)} cannot be read: {error.strerror or error}") from error

    def packets(self) -> "Iterator[Packet[Stream]]":
        """The packets of all video and audio streams, in file order.

        Raises:
            EncryptedMediaError: A stream is encrypted.
            MediaIOError: A read failed.
            UnreadableMediaError: The demuxer gave up; packets may have come before.
        """
        streams: list[Stream] = [*self.video_streams, *self.audio_streams]
        if not streams:
            raise NoMediaError(f"{_shown(self.path)} holds neither video nor audio")
        for stream in self.container.streams:
            if stream not in streams:
                stream.discard = Discard.all
        self._refuse_encrypted(streams)
        counted = {stream.index for stream in streams}
        # Only of these does libavformat say it packet by packet; asking all others costs a tenth of reading them.
        may_be_encrypted = "mov" in self.container.format.name
        try:
            for packet in self.container.demux(streams):
                # Streams that appear while reading were not there when it was decided which ones count.
                if packet.stream_index not in counted or not packet.size:
                    continue
                if may_be_encrypted and side_data(packet, "encryption_info") is not None:
                    raise EncryptedMediaError(f"{_shown(self.path)} is encrypted; supply it decrypted")
                yield packet
        except IndexError:
            # PyAV's end of a file in which such streams appeared; all packets were read.
            self.check_io()
            return
        except MemoryError:
            raise
        except (av.error.FFmpegError, OSError) as error:
            self.check_io()
            raise UnreadableMediaError(f"{_shown(self.path)} cannot be read on: {_reason(error)}") from error
        self.check_io()

    def _refuse_encrypted(self, streams: list[Stream]) -> None:
        for stream in streams:
            if _tag(stream) in _ENCRYPTED_TAGS:
                raise EncryptedMediaError(f"{_shown(self.path)} is encrypted; supply it decrypted")

    def close(self) -> None:
        """Close the file."""
        self.container.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def side_data(packet: "Packet[Stream]", kind: str) -> bytes | None:
    """What the demuxer says beside a packet, if it says that; asked this way it costs next to nothing."""
    for data in packet.iter_sidedata():
        if data.data_type == kind:
            return bytes(data)
    return None


def codec_name(stream: Stream) -> str:
    """The codec's name, whichever library decodes it."""
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"


def _tag(stream: Stream) -> str:
    """The four characters that the container names the codec by; empty where they are none."""
    try:
        return stream.codec_context.codec_tag if stream.codec_context is not None else ""
    except UnicodeDecodeError:
        return ""


def _shown(path: Path) -> str:
    return repr(str(path))


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    number = getattr(error, "errno", None)
    if number == errno.EINVAL:
        return "its format is not known, or one that is not allowed"
    if number in errno.errorcode:
        return "what it says of its content cannot be"
    return text[:1].lower() + text[1:]


def _head(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(_BUFFER_BYTES)

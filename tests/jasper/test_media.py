"""What is no media, or must not be read, is refused with a sentence that says what is wrong."""

import io
import shutil
import sys
from pathlib import Path

import pytest

import jasper
from jasper.errors import (
    DecoderStoppedError,
    EncryptedMediaError,
    MediaError,
    MediaIOError,
    NoMediaError,
    UnreadableMediaError,
)
from jasper.identity import identify
from jasper.media import MediaFile
from tests.jasper.making import ffmpeg, make_film, remux


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.mp4", b"", "is empty; copy or download it again"),
        ("text.mp4", b"Dear reader, this is no film.\n" * 50, "is not a media file that can be read"),
        ("zeros.mp4", bytes(5000), "is not a media file that can be read"),
        (
            "box.mp4",
            b"\x00\x00\x00\x18ftypisom" + bytes(500),
            "is not a media file that can be read|neither|no packets",
        ),
    ],
)
def test_what_is_no_media_is_said(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableMediaError, match=sentence) as raised:
        identify(path)
    assert name in str(raised.value)


def test_subtitles_alone_are_no_media(tmp_path: Path) -> None:
    lines, path = tmp_path / "lines.srt", tmp_path / "lines.mkv"
    lines.write_text("1\n00:00:00,000 --> 00:00:02,500\nHello\n")
    ffmpeg("-i", lines, "-c", "copy", path)
    with pytest.raises(NoMediaError, match="neither video nor audio"):
        identify(path)


def test_an_encrypted_film_is_said(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "encrypted.mp4"
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    remux(
        film, path, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid",
        "a7e61c373e219033c21091fa607bf3b8",
    )  # fmt: skip
    with pytest.raises(EncryptedMediaError, match="supply it decrypted"):
        identify(path)


def test_a_missing_file_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(MediaIOError, match="cannot be opened: No such file") as raised:
        identify(tmp_path / "missing.mp4")
    assert raised.value.retryable


class FailingFile(io.FileIO):
    """A disk that fails after its first 500,000 bytes."""

    def read(self, size: int = -1, /) -> bytes:
        if self.tell() + max(size, 0) > 500_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_an_error_while_reading_never_yields_a_hash(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", codec="ffv1", video=())
    with MediaFile(film) as media:
        media._file._file.close()
        media._file._file = FailingFile(film)
        media._file._file.seek(200_000)
        with pytest.raises(MediaIOError, match="cannot be read: Input/output error"):
            for _ in media.packets():
                pass


NAMES = ("-i.mp4", "a:b.mp4", "file:x.mp4", "q'u\"o.mp4", "new\nline.mp4", "100%d.mp4", "http:x", "ä ö.mp4")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_will_do(
    film: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(film, tmp_path / name)
    assert identify(Path(name)).frame_count == 72


def test_every_error_is_a_media_error_with_a_sentence_of_its_own() -> None:
    errors = [
        error
        for error in vars(jasper.errors).values()
        if isinstance(error, type) and issubclass(error, MediaError)
    ]
    assert len(errors) == 24
    for error in errors:
        assert str(error()) == (error.__doc__ or "").strip() != ""
        assert str(error("what happened")) == "what happened"
        assert error.retryable is (error in (MediaIOError, DecoderStoppedError))


def test_importing_jasper_loads_no_decoder() -> None:
    import subprocess

    code = "import jasper, sys; print(sorted({'av', 'cv2', 'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_package_says_what_it_has() -> None:
    for name in jasper.__all__:
        assert getattr(jasper, name) is not None
    with pytest.raises(AttributeError, match="it has: Counting, Frame, FrameBatch"):
        jasper.no_such_thing  # noqa: B018


def test_the_public_functions_are_those_of_the_sandbox_whatever_was_imported_before() -> None:
    for module in ("sandbox", "identity", "standard_form", "worker"):
        __import__(f"jasper.{module}")
    assert jasper.identify is jasper.sandbox.identify
    assert jasper.standardize is jasper.sandbox.standardize

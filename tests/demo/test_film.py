"""The film of the demo: fetched by the real pip from an archive made here, verified, and kept."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo import film

BYTES = b"not a film, but bytes that are looked at" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()

#: A build backend that needs nothing but itself, so that pip asks no registry.
BACKEND = """
def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    import os
    folder = os.path.join(metadata_directory, "moviepy-2.2.1.dist-info")
    os.mkdir(folder)
    with open(os.path.join(folder, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: moviepy\\nVersion: 2.2.1\\n")
    return "moviepy-2.2.1.dist-info"
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the archive, where pip looks instead of a registry."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as inner:
        inner.writestr("media/bbb.mp4", BYTES)
    place = "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip"
    members = {
        "moviepy-2.2.1/pyproject.toml": PROJECT.encode(),
        "moviepy-2.2.1/backend.py": BACKEND.encode(),
        "moviepy-2.2.1/PKG-INFO": b"Metadata-Version: 2.1\nName: moviepy\nVersion: 2.2.1\n",
        place: packed.getvalue(),
    }
    with tarfile.open(folder / "moviepy-2.2.1.tar.gz", "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class Fetches:
    """Counts how often the film was fetched."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def __call__(self) -> Iterator[film.Progress]:
        self.count += 1
        yield lambda done, total: None


def test_the_film_is_fetched_once_and_kept(shelf: Path, tmp_path: Path) -> None:
    fetches = Fetches()
    first = film.film(fetches, folder=tmp_path / "media", sha256=SHA256)
    assert first.read_bytes() == BYTES
    assert film.film(fetches, folder=tmp_path / "media", sha256=SHA256) == first
    assert fetches.count == 1
    assert list((tmp_path / "media").iterdir()) == [first]


def test_a_damaged_copy_is_fetched_again(shelf: Path, tmp_path: Path) -> None:
    fetches = Fetches()
    kept = film.film(fetches, folder=tmp_path / "media", sha256=SHA256)
    kept.write_bytes(BYTES[:-1])
    assert film.film(fetches, folder=tmp_path / "media", sha256=SHA256).read_bytes() == BYTES
    assert fetches.count == 2


def test_another_film_is_refused_and_not_kept(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(film.FilmError, match=f"has SHA-256 {SHA256}, expected {film.SHA256}; it is not used"):
        film.film(Fetches(), folder=tmp_path / "media")
    assert list((tmp_path / "media").iterdir()) == []


def test_a_download_that_fails_is_a_sentence(shelf: Path, tmp_path: Path) -> None:
    (shelf / "moviepy-2.2.1.tar.gz").unlink()
    with pytest.raises(
        film.FilmError, match=r"pip could not download moviepy==2.2.1: .*`make demo FILM=path`"
    ):
        film.film(Fetches(), folder=tmp_path / "media")

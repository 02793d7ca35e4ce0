"""A folder as a reader of the documents has it: a film, and the example files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.docs.book import ROOT

#: Three pictures of two seconds each, cut hard, with a tone.
_SOURCES = ("testsrc2", "mandelbrot", "smptebars")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three shots, six seconds long."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    inputs = [f"-f lavfi -t 2 -i {source}=size=320x180:rate=24".split() for source in _SOURCES]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *(word for words in inputs for word in words)]
    command += [
        "-f",
        "lavfi",
        "-t",
        "6",
        "-i",
        "sine=frequency=440",
        "-filter_complex",
        "concat=n=3:v=1:a=0[v]",
    ]
    command += [
        "-map",
        "[v]",
        "-map",
        "3:a",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "libx264",
        "-c:a",
        "aac",
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def desk(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the film, the examples, and a home of its own."""
    desk = tmp_path / "desk"
    shutil.copytree(ROOT / "docs" / "examples", desk, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(film, desk / "film.mp4")
    monkeypatch.setenv("AMBER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    return desk


Run = Callable[[list[str], str], subprocess.CompletedProcess[str]]


@pytest.fixture
def run(desk: Path, quick_commands: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a program on the desk with this on its standard input, and wants it to end well."""
    places = (str(quick_commands), str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(places))

    def run(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=desk, input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{text}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run

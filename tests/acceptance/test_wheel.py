"""The built wheel, in an environment without the repository."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from tests.acceptance.command import Command, names

ROOT = Path(__file__).resolve().parents[2]

_BRIGHTNESS = '''"""How bright each shot is: a whole new algorithm, in a file of its own."""

import numpy as np
from jaxtyping import Float32

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result


@result
class Brightness:
    """The mean brightness of each shot's first frame, 0 to 1."""

    mean: Float32[np.ndarray, " shot"]


@algorithm(version="1")
def brightness(film: Standard, shots: Shots, *, gamma: float = 1.0) -> Brightness:
    """Average the first frame of each shot."""
    with film.scan() as scan:
        frames = scan.frames_at(shots.start).data
    means = (frames / 255.0).mean(axis=(1, 2, 3)) ** gamma
    return Brightness(mean=means.astype(np.float32))
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `amber` of the wheel, alone in an environment.

    The libraries that it depends on are not installed a second time: a `.pth` file names the folder where they are.
    Python reads no further `.pth` files there, so the repository itself is not on the path.
    """
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv/bin/python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    where = _run(
        python,
        "-c",
        "import amber, jasper, algorithms; print(amber.__file__, jasper.__file__, algorithms.__file__)",
    )
    assert all(path.startswith(str(packages)) for path in where.split())
    return folder / "venv/bin/amber"


def _run(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_the_wheel_works_without_the_repository(installed: Path, clip: Path, tmp_path: Path) -> None:
    own = tmp_path / "brightness.py"
    own.write_text(_BRIGHTNESS)
    assert len(_BRIGHTNESS.splitlines()) <= 26
    specs = {"AMBER_ALGORITHMS": f"algorithms:ALGORITHMS,{own}"}
    amber = Command(tmp_path / "home", specs, program=(installed,))

    assert amber.run("migrate").code == 0
    (entry,) = amber("ingest", clip)
    assert entry["state"] == "new"
    first = amber("get", "brightness", clip)
    assert names(first["computed"]) == ["standard", "shots", "brightness"]
    assert len(first["rows"]) == 5
    again = amber("get", "brightness", entry["asset"])
    assert (again["computed"], again["hit"], again["value"]) == ([], True, first["value"])
    (listed,) = [entry for entry in amber("algorithms") if entry["name"] == "brightness"]
    assert (listed["version"], listed["settings"]) == ("1", {"gamma": 1.0})
    assert amber("verify")["ok"] is True

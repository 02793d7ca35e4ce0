"""What `amber doctor` looks at, one function a check."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from amber.errors import AmberError
from amber.wording import counted, size

_OLDEST_PYTHON = (3, 11)
#: Less free space than this is worth a word; a film's standard form takes about as much as the film.
_LEAST_FREE_BYTES = 2 << 30
#: How long Redis may take to answer here; elsewhere it is given up sooner.
_REDIS_SECONDS = 2.0
#: File systems on which SQLite's locks cannot be relied on.
_REMOTE_FILE_SYSTEMS = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "lustre",
    )
)


class Unfit(Exception):  # noqa: N818 - a finding, not a failure of the program
    """Something is not in order.

    Args:
        found: What there is.
        advice: What to do about it.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


@dataclass(frozen=True)
class Result:
    """What a check found."""

    name: str
    ok: bool
    found: str
    #: What to do; empty if it is in order.
    advice: str = ""


#: Says what it found, or raises `Unfit`.
Check = Callable[[], str]


def run_check(name: str, check: Check) -> Result:
    """The result of one check; whatever goes wrong in it is a result too."""
    try:
        return Result(name, True, check())
    except Unfit as error:
        return Result(name, False, error.found, error.advice)
    except AmberError as error:
        return Result(name, False, str(error), "see the message")
    except Exception as error:  # noqa: BLE001 - a library may fail to load in any way, and that is the finding
        return Result(
            name, False, f"{type(error).__name__}: {error}", "reinstall amber and what it depends on"
        )


def _home() -> Path:
    from amber.settings import Settings

    return Settings.read().home


def check_python() -> str:
    """The interpreter is recent enough."""
    found = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        raise Unfit(found, "install Python 3.11 or newer")
    return f"{found} at {sys.executable}"


def check_settings() -> str:
    """The environment and `amber.toml` can be used."""
    from amber.settings import Settings

    settings = Settings.read()
    return f"home {settings.home}, algorithms {', '.join(settings.algorithms)}"


def check_home() -> str:
    """The home can be written, is on a disk of this machine, and has room."""
    home = _home()
    folder = home
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise Unfit(f"{folder} cannot be written: {error}", "name a folder of yours in AMBER_HOME") from error
    kind = _file_system(folder)
    if kind in _REMOTE_FILE_SYSTEMS:
        raise Unfit(
            f"{home} is on {kind}",
            "set AMBER_HOME to a folder on a local disk: the catalogue needs its locks",
        )
    if free < _LEAST_FREE_BYTES:
        raise Unfit(f"{home} has {size(free)} left", "make room, or set AMBER_HOME to a larger disk")
    return f"{home}, {size(free)} free{f' on {kind}' if kind else ''}"


def _file_system(folder: Path) -> str:
    """The kind of file system that holds a folder, as Linux calls it; empty elsewhere."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    path = os.path.realpath(folder)
    holding = [(at, kind) for at, kind in mounts if path == at or path.startswith(at.rstrip("/") + "/")]
    return max(holding, key=lambda mount: len(mount[0]))[1] if holding else ""


def check_catalogue() -> str:
    """The catalogue has the schema of this release."""
    from amber.settings import Settings
    from amber.store.open import database_of

    settings = Settings.read()
    with closing(database_of(settings.home, settings.database_url)) as database:
        found = database.revision()
        if found is None and settings.database_url is None:
            return "none yet; the first ask makes it"
        try:
            database.check()
        except AmberError as error:
            raise Unfit(str(error), "amber migrate") from error
        return f"{database.where}, schema {found}"


def check_blobs() -> str:
    """Blobs can be written, read and removed where they are."""
    from amber.settings import Settings
    from amber.store.open import open_blobs

    settings = Settings.read()
    if not settings.blobs_url:
        return "files under the home"
    blobs = open_blobs(settings.home, settings.blobs_url, settings.copies_bytes)
    try:
        blob = blobs.put(b"written by amber doctor")
        blobs.check(blob.sha256)
        blobs.delete(blob.sha256)
    finally:
        blobs.close()
    return f"{settings.blobs_url}: written, read and removed"


def check_redis() -> str:
    """Redis answers, where one is configured."""
    from amber.settings import Settings
    from amber.store.redis_link import RedisLink

    url = Settings.read().redis_url
    if not url:
        return "none; values and wake-ups stay in this process"
    link = RedisLink(url)
    from redis import RedisError

    try:
        with link.client(patience_seconds=_REDIS_SECONDS) as client:
            client.ping()
    except (RedisError, OSError) as error:
        raise Unfit(
            f"{link.where} does not answer ({type(error).__name__})",
            "start it, or correct AMBER_REDIS_URL; without it everything works, only slower",
        ) from error
    return f"{link.where} answers"


def check_cluster() -> str:
    """The cluster that computes can be reached, where one is configured."""
    from amber.settings import Settings

    settings = Settings.read()
    if settings.executor == "local":
        return "none; this machine computes"
    from amber.engine.executors.cluster import Cluster, disconnect
    from amber.engine.executors.wire import Deployment

    try:
        most = Cluster(settings.ray_address, Deployment.of(settings)).largest()
    except AmberError as error:
        raise Unfit(
            str(error), "start it, or correct AMBER_RAY_ADDRESS; what is stored needs none"
        ) from error
    finally:
        disconnect()
    return (
        f"{settings.ray_address}; its machines have up to {most.cpus:g} processors, {most.gpus:g} accelerators "
        f"and {size(most.memory_bytes)}"
    )


def _library(module: str, distribution: str) -> Check:
    def check() -> str:
        try:
            loaded = importlib.import_module(module)
        except ImportError as error:
            raise Unfit(str(error), f"pip install {distribution}") from error
        return f"{getattr(loaded, '__version__', '') or importlib.metadata.version(distribution)}"

    return check


def check_decoding() -> str:
    """PyAV has the encoder and decoder that the standard form needs."""
    import av

    missing = [name for name in ("h264", "aac") if name not in av.codecs_available]
    if "libx264" not in av.codecs_available:
        missing.append("libx264")
    if missing:
        raise Unfit(f"PyAV {av.__version__} without {', '.join(missing)}", "pip install --force-reinstall av")
    return f"PyAV {av.__version__} with h264, libx264 and aac"


def check_algorithms() -> str:
    """The configured algorithms load and fit together."""
    from amber.registry import Registry, load_algorithms
    from amber.settings import Settings

    settings = Settings.read()
    try:
        registry = Registry(load_algorithms(settings.algorithms), settings.bindings)
    except AmberError as error:
        raise Unfit(str(error), "repair it, or set AMBER_ALGORITHMS to what shall be loaded") from error
    return f"{counted(len(registry.names()), 'algorithm')}: {', '.join(registry.names())}"


def check_weights() -> str:
    """Every weights file that comes with a package, and that the default settings want, is found and has its digest."""
    from amber.registry import load_algorithms
    from amber.settings import Settings
    from amber.weights import find_weights

    found = []
    for algorithm in load_algorithms(Settings.read().algorithms):
        defaults = {setting.name: setting.default for setting in algorithm.settings}
        for entry in algorithm.weights:
            if entry.weights.is_fetched or not entry.weights.wanted(defaults):
                continue
            try:
                find_weights(entry.weights, _home() / "weights")
            except AmberError as error:
                raise Unfit(str(error), "install or repair that source; `amber weights` lists all") from error
            found.append(entry.weights.name)
    return f"{', '.join(dict.fromkeys(found))}: digest as declared" if found else "none needed"


#: In the order in which they are told.
CHECKS: dict[str, Check] = {
    "Python": check_python,
    "settings": check_settings,
    "home": check_home,
    "catalogue": check_catalogue,
    "blobs": check_blobs,
    "Redis": check_redis,
    "cluster": check_cluster,
    "PyAV": check_decoding,
    "OpenCV": _library("cv2", "opencv-python-headless"),
    "PySceneDetect": _library("scenedetect", "scenedetect-headless"),
    "ONNX Runtime": _library("onnxruntime", "onnxruntime"),
    "torch": _library("torch", "torch"),
    "algorithms": check_algorithms,
    "weights": check_weights,
}

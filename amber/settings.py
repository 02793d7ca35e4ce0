"""The deployment's settings: environment first, then `amber.toml`, then what works with nothing set."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from amber.errors import ConfigurationError

#: What a deployment loads if it says nothing.
DEFAULT_ALGORITHMS = ("algorithms:ALGORITHMS",)
#: What `amber.toml` may hold.
_IN_TOML = (
    "home",
    "algorithms",
    "bindings",
    "database_url",
    "blobs_url",
    "redis_url",
    "copies_bytes",
    "auth",
    "media_roots",
    "watch",
    "rate_limit",
    "queue_limit",
    "request_limit",
    "upload_bytes",
    "memory_bytes",
    "cpus",
    "gpus",
    "concurrency",
    "executor",
    "ray_address",
)
#: Numbers, and the least that each may be.
_NUMBERS = {
    "rate_limit": 0,
    "queue_limit": 1,
    "request_limit": 1,
    "upload_bytes": 1,
    "memory_bytes": 0,
    "cpus": 0,
    "gpus": 0,
}
#: How much of blobs that are elsewhere a machine keeps as files, unless it says otherwise.
COPIES_BYTES = 20 << 30


@dataclass(frozen=True)
class Settings:
    """Where things are and what is loaded.

    A variable of the environment goes before its setting in `amber.toml`, which is looked for in the working directory and
    then in the home.
    """

    #: Folder of the catalogue and the blobs. `AMBER_HOME`.
    home: Path
    #: What to load: `module:NAME` or `file.py:NAME`. `AMBER_ALGORITHMS`, separated by commas.
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    #: Result type's name → algorithm that produces it. `[bindings]` in `amber.toml`.
    bindings: Mapping[str, str] = field(default_factory=dict)
    #: PostgreSQL for the catalogue: `postgresql://user:password@host:port/database`; unset: SQLite in the home. `AMBER_DATABASE_URL`.
    database_url: str | None = field(default=None, repr=False)
    #: Where blobs are, if not as files under the home: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///folder`.
    #: Endpoint, region and credentials come from the provider's own variables (`AWS_…`). `AMBER_BLOBS_URL`.
    blobs_url: str = field(default="", repr=False)
    #: A Redis that keeps values at hand and carries wake-ups: `redis://[:password@]host[:port][/database]`. `AMBER_REDIS_URL`.
    redis_url: str = field(default="", repr=False)
    #: How many bytes of blobs that are elsewhere this machine keeps as files. `AMBER_COPIES_BYTES`.
    copies_bytes: int = COPIES_BYTES
    #: The access token that a client sends to a service. `AMBER_TOKEN`.
    token: str = field(default="", repr=False)
    #: Whether the service wants access tokens: `off` or `token`. Beyond loopback it wants them always. `AMBER_AUTH`.
    auth: Literal["off", "token"] = "off"
    #: Folders that HTTP callers may name files of. `AMBER_MEDIA_ROOTS`, separated by colons.
    media_roots: tuple[Path, ...] = ()
    #: What workers watch for new media: absolute paths of folders of this machine, and `s3://bucket/prefix`, `gs://…`, `az://…`,
    #: whose credentials come from the provider's own variables. `AMBER_WATCH`, separated by commas.
    watch: tuple[str, ...] = ()
    #: How many requests a second the service takes of one caller; 0: any number. `AMBER_RATE_LIMIT`.
    rate_limit: int = 0
    #: How many jobs may wait before the service takes no more. `AMBER_QUEUE_LIMIT`.
    queue_limit: int = 10_000
    #: How many requests the service answers at once; those that wait for a job count. `AMBER_REQUEST_LIMIT`.
    request_limit: int = 2_000
    #: The most bytes that one upload may have. `AMBER_UPLOAD_BYTES`.
    upload_bytes: int = 500 << 30
    #: Memory that the steps of this machine may take together, as algorithms declare it; 0: four fifths of what it has.
    #: `AMBER_MEMORY_BYTES`.
    memory_bytes: int = 0
    #: Processors that the steps of this machine may take together; 0: those it has. `AMBER_CPUS`.
    cpus: int = 0
    #: Accelerators that the steps of this machine may take together; 0: those it has. `AMBER_GPUS`.
    gpus: int = 0
    #: Algorithm → how many of its steps this machine computes at once. `[concurrency]` in `amber.toml`, or
    #: `AMBER_CONCURRENCY`, as `standard=2,motion=1`.
    concurrency: Mapping[str, int] = field(default_factory=dict)
    #: What computes: `local`, the processes of this machine, or `ray`, the machines of a Ray cluster. `AMBER_EXECUTOR`.
    executor: Literal["local", "ray"] = "local"
    #: Where the cluster is: `host:port` of its head, `ray://host:port` from outside of it, or `auto`, the one of which this
    #: machine is a part. `AMBER_RAY_ADDRESS`.
    ray_address: str = "auto"

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, *, home: Path | None = None) -> "Settings":
        """The settings in force.

        Args:
            environment: The environment variables; those of the process, unless given.
            home: Goes before `AMBER_HOME`.

        Raises:
            ConfigurationError: A value or `amber.toml` cannot be used.
        """
        variables = os.environ if environment is None else environment
        chosen = home or Path(variables.get("AMBER_HOME") or "~/.amber")
        document = _document(Path("amber.toml")) or _document(chosen.expanduser() / "amber.toml")
        if home is None and not variables.get("AMBER_HOME") and "home" in document:
            chosen = Path(_typed(document, "home", str))
        named = variables.get("AMBER_ALGORITHMS")
        listed = named.split(",") if named else _typed(document, "algorithms", list)
        bindings = _typed(document, "bindings", dict)
        executor = _executor(variables.get("AMBER_EXECUTOR") or _typed(document, "executor", str) or "local")
        _check_texts("algorithms", listed)
        _check_texts("bindings", bindings.values())
        return cls(
            home=chosen.expanduser().absolute(),
            algorithms=tuple(spec.strip() for spec in listed if spec.strip()) or DEFAULT_ALGORITHMS,
            bindings=bindings,
            database_url=_database_url(
                variables.get("AMBER_DATABASE_URL") or _typed(document, "database_url", str)
            ),
            blobs_url=variables.get("AMBER_BLOBS_URL") or _typed(document, "blobs_url", str),
            redis_url=variables.get("AMBER_REDIS_URL") or _typed(document, "redis_url", str),
            copies_bytes=_number(variables, document, "copies_bytes", COPIES_BYTES),
            token=variables.get("AMBER_TOKEN") or "",
            auth=_auth(variables.get("AMBER_AUTH") or _typed(document, "auth", str) or "off"),
            watch=_watched(variables.get("AMBER_WATCH"), _typed(document, "watch", list)),
            media_roots=_roots(variables.get("AMBER_MEDIA_ROOTS"), _typed(document, "media_roots", list)),
            **{
                name: _number(variables, document, name, getattr(cls, name), least)
                for name, least in _NUMBERS.items()
            },
            concurrency=_concurrency(
                variables.get("AMBER_CONCURRENCY"), _typed(document, "concurrency", dict)
            ),
            executor=executor,
            ray_address=_ray_address(
                variables.get("AMBER_RAY_ADDRESS") or _typed(document, "ray_address", str), executor
            ),
        )


def _number(
    variables: Mapping[str, str], document: dict[str, Any], name: str, default: int, least: int = 0
) -> int:
    variable = f"AMBER_{name.upper()}"
    text = variables.get(variable)
    if not text and name not in document:
        return default
    number = _typed(document, name, int) if not text else int(text) if text.isdecimal() else -1
    if number < least:
        found = repr(text) if text else f"{number} in amber.toml"
        raise ConfigurationError(f"{variable} must be a whole number, {least} or more; found {found}")
    return int(number)


def _concurrency(named: str | None, listed: Mapping[str, Any]) -> dict[str, int]:
    """Algorithm → how many at once."""
    given = dict(listed)
    if named:
        words = [word.partition("=") for word in named.split(",") if word.strip()]
        given = {name.strip(): int(text) if text.isdecimal() else text for name, _, text in words}
    for name, most in given.items():
        if not name or isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ConfigurationError(
                f"AMBER_CONCURRENCY is written as standard=2,motion=1, from 1 on; found {name}={most}"
            )
    return given


def _auth(text: str) -> Literal["off", "token"]:
    if text == "off":
        return "off"
    if text == "token":
        return "token"
    raise ConfigurationError(f"AMBER_AUTH is off or token; found {text!r}")


def _executor(text: str) -> Literal["local", "ray"]:
    if text == "local":
        return "local"
    if text == "ray":
        return "ray"
    raise ConfigurationError(f"AMBER_EXECUTOR is local or ray; found {text!r}")


def _ray_address(text: str, executor: str) -> str:
    """Where the cluster is; a setting that would be passed over is refused."""
    if text and executor != "ray":
        raise ConfigurationError(
            "AMBER_RAY_ADDRESS is set, but this machine computes itself: set AMBER_EXECUTOR=ray too, or unset it"
        )
    if text and text != "auto" and not re.fullmatch(r"(ray://)?[^\s/@]+:\d+", text):
        raise ConfigurationError(f"AMBER_RAY_ADDRESS is host:port, ray://host:port or auto; found {text!r}")
    return text or "auto"


def _roots(named: str | None, listed: list[Any]) -> tuple[Path, ...]:
    """The folders, as they are really called."""
    texts = named.split(os.pathsep) if named else listed
    _check_texts("media_roots", texts)
    roots = [Path(text).expanduser() for text in texts if text]
    for root in roots:
        if not root.is_absolute():
            raise ConfigurationError(f"AMBER_MEDIA_ROOTS: {str(root)!r} is no absolute path")
    return tuple(Path(os.path.realpath(root)) for root in roots)


def _watched(named: str | None, listed: list[Any]) -> tuple[str, ...]:
    """The sources that are watched."""
    texts = [text.strip() for text in named.split(",")] if named else listed
    _check_texts("watch", texts)
    for text in filter(None, texts):
        if not text.startswith("/") and not _is_place(text):
            raise ConfigurationError(
                "AMBER_WATCH names absolute paths of folders, and s3://bucket/prefix, gs://… or az://… without credentials "
                f"or options; found {re.sub('//[^/@]*@', '//', text)!r}"
            )
    return tuple(filter(None, texts))


def _is_place(url: str) -> bool:
    """Whether a URL names a place among objects, and nothing more than that."""
    parts = urlsplit(url)
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in ("s3", "gs", "az") and bool(parts.netloc) and is_plain


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    unknown = sorted(set(document) - set(_IN_TOML))
    if unknown:
        raise ConfigurationError(
            f"{path} has unknown settings: {', '.join(unknown)}; there are: {', '.join(_IN_TOML)}"
        )
    return document


def _database_url(url: str) -> str | None:
    """The URL, if it is one of PostgreSQL; no message repeats it, for there may be a password in it."""
    if not url:
        return None
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(
            "AMBER_DATABASE_URL must begin with postgresql://; unset, the catalogue is an SQLite file under AMBER_HOME"
        )
    try:
        is_whole = urlsplit(url).port != 0 and rest.count("@") <= 1
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ConfigurationError(
            "AMBER_DATABASE_URL cannot be understood: write postgresql://user:password@host:port/database, "
            "with %-codes for odd characters in the password (%40 for @, %2F for /)"
        )
    return url


def _typed(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document.get(name, kind())
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} in amber.toml must be a {kind.__name__}; found {value!r}")
    return value


def _check_texts(name: str, values: Iterable[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} in amber.toml must hold strings; found {value!r}")

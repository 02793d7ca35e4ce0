"""The deployment's settings: environment first, then `amber.toml`, then what works with nothing set."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amber.errors import ConfigurationError

#: What a deployment loads if it says nothing.
DEFAULT_ALGORITHMS = ("algorithms:ALGORITHMS",)
#: Settings of rooms that this release does not have; it refuses them rather than pass them over.
_NOT_YET = ("AMBER_DATABASE_URL", "AMBER_BLOBS_URL", "AMBER_REDIS_URL", "AMBER_RAY_ADDRESS")


@dataclass(frozen=True)
class Settings:
    """Where things are and what is loaded.

    `AMBER_HOME` and `AMBER_ALGORITHMS` in the environment go before `home` and `algorithms` in `amber.toml`,
    which is looked for in the working directory and then in the home.
    """

    #: Folder of the catalogue and the blobs. `AMBER_HOME`.
    home: Path
    #: What to load: `module:NAME` or `file.py:NAME`. `AMBER_ALGORITHMS`, separated by commas.
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    #: Result type's name → algorithm that produces it. `[bindings]` in `amber.toml`.
    bindings: Mapping[str, str] = field(default_factory=dict)

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
        for name in _NOT_YET:
            if variables.get(name):
                raise ConfigurationError(
                    f"{name} is set, but this release keeps everything under AMBER_HOME (SQLite and files); unset it"
                )
        chosen = home or Path(variables.get("AMBER_HOME") or "~/.amber")
        document = _document(Path("amber.toml")) or _document(chosen.expanduser() / "amber.toml")
        if home is None and not variables.get("AMBER_HOME") and "home" in document:
            chosen = Path(_typed(document, "home", str))
        named = variables.get("AMBER_ALGORITHMS")
        listed = named.split(",") if named else _typed(document, "algorithms", list)
        bindings = _typed(document, "bindings", dict)
        _check_texts("algorithms", listed)
        _check_texts("bindings", bindings.values())
        return cls(
            home=chosen.expanduser().absolute(),
            algorithms=tuple(spec.strip() for spec in listed if spec.strip()) or DEFAULT_ALGORITHMS,
            bindings=bindings,
        )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    unknown = sorted(set(document) - {"home", "algorithms", "bindings"})
    if unknown:
        raise ConfigurationError(
            f"{path} has unknown settings: {', '.join(unknown)}; there are: home, algorithms, bindings"
        )
    return document


def _typed(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document.get(name, kind())
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} in amber.toml must be a {kind.__name__}; found {value!r}")
    return value


def _check_texts(name: str, values: Iterable[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} in amber.toml must hold strings; found {value!r}")

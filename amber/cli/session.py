"""Amber as a command opens it, and the assets and asks that a command line means."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.cli.progress import Watcher
    from amber.client import Amber
    from amber.engine.ask import Ask
    from amber.store.protocol import AssetRecord


@contextmanager
def opened() -> Iterator["Amber"]:
    """Amber on the configured home, closed at the end."""
    from amber.client import Amber

    with Amber.open() as amber:
        yield amber


@dataclass(frozen=True)
class Wanted:
    """What a command line asks for, as it was typed."""

    algorithm: str
    assets: Sequence[str]
    where: Sequence[str] | None = None
    version: str | None = None
    settings: Sequence[str] | None = None
    use: Sequence[str] | None = None

    def asks(self, amber: "Amber", watcher: "Watcher") -> list["Ask"]:
        """The asks that are meant; a path that is not known yet is ingested.

        Raises:
            NotFoundError, UsageError: What is asked for does not exist or cannot be meant.
        """
        settings, use = pairs("--set", self.settings), pairs("--use", self.use)
        loaded = self.version is None or self.version in amber.registry.versions(self.algorithm)
        # An ask that cannot be meant is refused before a film is read for it.
        amber.registry.closure(
            self.algorithm,
            version=self.version if loaded else None,
            settings=settings if loaded else None,
            use=use,
        )
        records = find_assets(amber, self.assets, self.where, watcher)
        return amber.asks(self.algorithm, records, version=self.version, settings=settings, use=use)


def find_assets(
    amber: "Amber", names: Sequence[str], where: Sequence[str] | None, watcher: "Watcher"
) -> list["AssetRecord"]:
    """The assets named, and those with all these labels.

    Raises:
        UsageError: Neither was given, or no asset has the labels.
        AssetNotFoundError, AmbiguousAssetError: A name fits none or several.
    """
    labels = pairs("--where", where)
    if not names and not labels:
        raise UsageError("say which ASSET, or choose by label with --where label=value")
    found = []
    for name in names:
        with watcher.task(f"read {Path(name).name}", "frames") as progress:
            found.append(amber.asset(name, progress=progress))
    if labels:
        found += amber.assets(labels)
    if not found:
        raise UsageError(
            f"no asset has the labels {', '.join(where or ())}; `amber assets` lists assets with their labels"
        )
    return list({record.asset: record for record in found}.values())


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """`name=value` words as a mapping.

    Raises:
        UsageError: A word has no `=`, no name, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in given or ():
        name, separator, value = word.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"{option} takes name=value; found {word!r}")
        if name.strip() in found:
            raise UsageError(f"{option} gives {name.strip()!r} twice")
        found[name.strip()] = value
    return found

"""Assets by the names that people give them: a hash, its first digits, or a title."""

import re

from amber.errors import AmbiguousAssetError
from amber.store.protocol import AssetRecord, Catalog

_HASH = re.compile("[0-9a-f]{64}")


def is_hash(name: str) -> bool:
    """Whether a name is a whole asset hash."""
    return _HASH.fullmatch(name) is not None


def find_asset(catalog: Catalog, name: str) -> AssetRecord | None:
    """The asset of that hash, of that prefix of six digits or more, or of that title; None if none fits.

    Raises:
        AmbiguousAssetError: Several do.
    """
    if is_hash(name):
        return catalog.asset(name)
    found = catalog.find_assets(name)
    if len(found) > 1:
        raise ambiguous(name, [(record.asset, record.title) for record in found])
    return found[0] if found else None


def ambiguous(name: str, found: list[tuple[str, str]]) -> AmbiguousAssetError:
    """The error that says which (hash, title) a name may mean."""
    listed = ", ".join(f"{asset[:12]} ({title})" for asset, title in found[:5])
    return AmbiguousAssetError(
        f"{len(found)} assets are called {name!r}: {listed}; say more digits of the hash"
    )

"""Which assets were taken down, so that nothing late brings them back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from amber.errors import AssetForgottenError
from amber.store.plans import forgotten_sentence
from amber.store.rows import digests
from amber.store.schema import forgotten
from amber.store.sql.session import chunks


def forgotten_among(connection: Connection, assets: Sequence[str]) -> dict[str, float]:
    """Those of the assets that were taken down, and when, in seconds since 1970."""
    return {
        asset.hex(): at
        for some in chunks(digests(assets))
        for asset, at in connection.execute(select(forgotten).where(forgotten.c.asset.in_(some)))
    }


def check_none_forgotten(connection: Connection, assets: Sequence[str]) -> None:
    """See that none of the assets was taken down.

    Raises:
        AssetForgottenError: One was.
    """
    error = forgotten_error(forgotten_among(connection, assets), assets)
    if error is not None:
        raise error


def forgotten_error(gone: Mapping[str, float], assets: Sequence[str]) -> AssetForgottenError | None:
    """The error of what wants to be written of some assets, if one of them was taken down."""
    for asset in assets:
        if asset in gone:
            return AssetForgottenError(forgotten_sentence(asset, datetime.fromtimestamp(gone[asset], UTC)))
    return None

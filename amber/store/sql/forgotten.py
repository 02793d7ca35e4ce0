"""Which assets were taken down, so that nothing late brings them back."""

from collections.abc import Sequence
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
    for asset, at in forgotten_among(connection, assets).items():
        raise AssetForgottenError(forgotten_sentence(asset, datetime.fromtimestamp(at, UTC)))

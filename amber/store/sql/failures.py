"""Remembered failures."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, select

from amber.store.protocol import Failure
from amber.store.rows import digests, packed, unpacked
from amber.store.schema import failure as failures
from amber.store.schema import job as jobs
from amber.store.sql.forgotten import forgotten_among
from amber.store.sql.session import Session, chunks, upsert


class FailureRows(Session):
    """The rows about what failed."""

    def failures(self, recipes: Sequence[str]) -> dict[str, Failure]:
        """See the protocol."""
        with self._reading() as connection:
            rows = [
                row
                for some in chunks(digests(recipes))
                for row in connection.execute(select(failures).where(failures.c.recipe.in_(some)))
            ]
        found = [
            Failure(**{**row._mapping, "recipe": row.recipe.hex(), "assets": unpacked(row.assets)})
            for row in rows
        ]
        return {one.recipe: one for one in found}

    def put_failure(self, failure: Failure) -> None:
        """See the protocol."""
        row: dict[str, Any] = {
            **vars(failure),
            "recipe": bytes.fromhex(failure.recipe),
            "assets": packed(failure.assets),
        }
        with self._writing() as connection:
            if not forgotten_among(connection, failure.assets):
                upsert(connection, failures, row, replacing=list(row))

    def clear_failures(self, *, algorithm: str | None = None, asset: str | None = None) -> int:
        """See the protocol."""
        with self._writing() as connection:
            return clear(connection, algorithm, None if asset is None else (asset,))


def clear(connection: Connection, algorithm: str | None, of: Collection[str] | None) -> int:
    """Forget the failures of an algorithm and some assets (None: of any), and the failed jobs; how many failures."""
    wanted = select(failures.c.recipe, failures.c.assets)
    if algorithm is not None:
        wanted = wanted.where(failures.c.algorithm == algorithm)
    failed = select(jobs.c.key, jobs.c.assets).where(jobs.c.state == "failed")
    cleared = remove(connection, failures, wanted, of)
    remove(connection, jobs, failed, of)
    return cleared


def remove(connection: Connection, table: Table, rows: Select[Any], of: Collection[str] | None) -> int:
    """Remove those rows (primary key, assets) whose assets are among these, in the order of their keys; how many."""
    covering = None if of is None else set(of)
    [key] = table.primary_key.columns
    found = [
        name
        for name, assets in connection.execute(rows)
        if covering is None or (assets is not None and not covering.isdisjoint(unpacked(assets)))
    ]
    for name in sorted(found):
        connection.execute(delete(table).where(key == name))
    return len(found)

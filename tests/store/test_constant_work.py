"""Disowning a million features writes what disowning ten writes, and takes as long."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from amber.store.catalog import SqlCatalog
from amber.store.open import CATALOG_NAME, open_store
from amber.store.protocol import Disowned
from amber.testing.rows import kept

FEW, MANY = 10, 1_000_000 if "AMBER_SOAK" in os.environ else 20_000
#: How far the time for many may be from that for few; a machine that is busy with other things is slower by more than a half.
NOISE = 3.0
_ALIKE = "making, reason, seconds, size_bytes, cpu_seconds, peak_memory_bytes, bytes_read, created_at"
_FILL = {
    "sqlite": f"""
        WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
        INSERT INTO trace (recipe, assets, sha256, {_ALIKE})
        SELECT randomblob(32), randomblob(32), randomblob(32), {_ALIKE} FROM n, trace WHERE trace.id = 1
    """,
    "postgresql": f"""
        INSERT INTO trace (recipe, assets, sha256, {_ALIKE})
        SELECT sha256(convert_to('r' || i, 'UTF8')), sha256(convert_to('a' || i, 'UTF8')),
               sha256(convert_to('v' || i, 'UTF8')), {_ALIKE}
        FROM generate_series(2, :many) AS i, (SELECT * FROM trace WHERE id = 1) AS trace
    """,
}
_FIND = "INSERT INTO trace_asset (asset, trace) SELECT assets, id FROM trace WHERE id > 1"


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SqlCatalog]]:
    """Makes empty catalogues of one kind."""
    made: list[SqlCatalog] = []

    def make() -> SqlCatalog:
        home = tmp_path / str(len(made))
        if request.param == "postgres":
            new = request.getfixturevalue("new_database")
            made.append(SqlCatalog.on_postgres(new(request.getfixturevalue("catalogue_template"))))
        else:
            open_store(home).close()
            made.append(SqlCatalog.at(home / CATALOG_NAME))
        return made[-1]

    yield make
    for catalog in made:
        catalog.close()


def _filled(catalog: SqlCatalog, many: int) -> SqlCatalog:
    """A catalogue with so many features of one version, each of another asset."""
    kept(catalog, "first")
    with catalog._writing(upkeep=True) as connection:
        connection.execute(text(_FILL[connection.dialect.name]), {"many": many})
        connection.execute(text(_FIND))
    return catalog


@contextmanager
def _written(catalog: SqlCatalog) -> Iterator[list[int]]:
    """The number of rows that each statement wrote."""
    rows: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE"):
            rows.append(max(0, cursor.rowcount))

    event.listen(catalog._engine, "after_cursor_execute", note)
    yield rows
    event.remove(catalog._engine, "after_cursor_execute", note)


def _disowned(catalog: SqlCatalog, many: int) -> tuple[list[int], float]:
    """The rows that an apply wrote, and the least seconds that applying and undoing took, of several times."""
    seconds = []
    for _ in range(7):
        plan = catalog.plan_invalidation(Disowned("shots", "1"), reason="wrong", who="tester")
        assert (plan.features, plan.size_bytes) == (many, many * 1234)
        with _written(catalog) as rows:
            start = time.perf_counter()
            catalog.apply_plan(plan.id, who="tester")
            catalog.undo_plan(plan.id, who="tester")
            seconds.append(time.perf_counter() - start)
    return rows, min(seconds)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_disowning_many_features_writes_what_disowning_few_writes(
    empty: Callable[[], SqlCatalog],
) -> None:
    few, few_seconds = _disowned(_filled(empty(), FEW), FEW)
    many, many_seconds = _disowned(_filled(empty(), MANY), MANY)
    assert many == few and 0 < sum(few) < 15
    assert many_seconds < NOISE * few_seconds + 0.02, (
        f"{FEW}: {few_seconds:.4f} s, {MANY}: {many_seconds:.4f} s"
    )
    print(f"{FEW}: {few_seconds:.4f} s, {MANY}: {many_seconds:.4f} s; rows {many}")


def test_thousands_of_assets_that_are_named_are_counted_in_sets(empty: Callable[[], SqlCatalog]) -> None:
    catalog = _filled(empty(), 4000)
    with catalog._reading() as connection:
        rows = connection.execute(text("SELECT asset FROM trace_asset ORDER BY trace LIMIT 3000"))
        assets = [row.asset.hex() for row in rows]
    catalog.invalidate([Disowned("shots", "1", tuple(assets[:1000]))], reason="wrong", who="tester")
    for named, left in ((None, 3000), (tuple(assets), 2000), (tuple(assets[:1000]), 0)):
        start = time.perf_counter()
        plan = catalog.plan_invalidation(Disowned("shots", "1", named), reason="wrong", who="tester")
        assert plan.features == left
        assert time.perf_counter() - start < 30
    applied = catalog.apply_plan(plan.id, who="tester").plan
    assert len(applied.assets or ()) == 1000

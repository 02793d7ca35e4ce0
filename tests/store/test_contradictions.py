"""Rows that cannot stand beside each other are told, each in a sentence."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amber.store.open import CATALOG_NAME, open_store
from amber.store.protocol import Blob, Store
from amber.store.verify import verify
from amber.testing.rows import FILM, OTHER, digest, kept

#: What went wrong → what does it to a store of two features, and a part of what is said.
DAMAGE = {
    "a link to nothing": ("UPDATE resolved SET trace = 99", "a link names the feature number 99"),
    "a feature that is gone": ("DELETE FROM trace WHERE id = 2", "names the feature number 2"),
    "lineage from nothing": (
        "UPDATE trace_input SET source = 99 WHERE trace = 2",
        "names a row of trace that is not there",
    ),
    "lineage of nothing": (
        "UPDATE trace_input SET trace = 99 WHERE trace = 2",
        "lineage names the feature number 99",
    ),
    "a file of nothing": ("UPDATE trace_file SET trace = 99", "a file names the feature number 99"),
    "no subject": (
        "DELETE FROM trace_subject WHERE trace = 1",
        "not found by its algorithm, version and assets",
    ),
    "a subject of another": (
        "UPDATE trace_subject SET subject = zeroblob(16) WHERE trace = 1",
        "not found by its algorithm",
    ),
    "an asset that does not find it": (
        f"DELETE FROM trace_asset WHERE asset = x'{OTHER}'",
        f"not found by its asset {OTHER}",
    ),
    "an asset that finds too much": (
        f"INSERT INTO trace_asset VALUES (x'{digest('else')}', 1)",
        "trace_asset has 4 rows, of which 3 belong to features",
    ),
    "a size that is not so": (
        "UPDATE trace SET size_bytes = 77 WHERE id = 1",
        "has 3 bytes, and its row says 77",
    ),
    "no way it was made": ("DELETE FROM making", "names a row of making that is not there"),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with two features, one made from the other."""
    made = open_store(tmp_path / "home")
    blobs = [made.blobs.put(data) for data in (b"one", b"two", b"file")]
    first = kept(made.catalog, "a", blobs[0].sha256, value_size=3, assets=(FILM, OTHER), files=(blobs[2],))
    kept(made.catalog, "b", blobs[1].sha256, value_size=3, made_from=(first,))
    yield made
    made.close()


def test_a_store_in_order_has_no_contradictions(store: Store) -> None:
    assert verify(store).is_clean
    assert verify(store).blobs == 3


@pytest.mark.parametrize("kind", DAMAGE)
def test_rows_that_contradict_each_other_are_told(store: Store, tmp_path: Path, kind: str) -> None:
    statement, sentence = DAMAGE[kind]
    with closing(sqlite3.connect(tmp_path / "home" / CATALOG_NAME)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    report = verify(store)
    assert not report.is_clean
    assert any(sentence in told for told in report.contradictions), report.contradictions


def test_verifying_says_how_far_it_is(store: Store) -> None:
    heard: list[tuple[int, int]] = []
    verify(store, lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_what_nothing_needs_is_left_alone(store: Store) -> None:
    left = store.blobs.put(b"left over")
    assert verify(store).orphans == (left,)
    assert store.blobs.read(left.sha256) == b"left over"
    assert left == Blob(left.sha256, 9)

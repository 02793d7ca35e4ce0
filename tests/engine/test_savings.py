"""What stored features save is counted by requester, across processes, without a transaction in a warm ask."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Source, algorithm, result
from amber.client import Amber
from amber.engine.ask import Ask
from amber.engine.executors.admission import Requester
from amber.engine.machines import machine_kind
from amber.engine.savings import Savings
from amber.registry import Registry
from amber.store.accounts import Account
from amber.store.memory import MemoryCatalog
from amber.store.open import open_store
from amber.store.protocol import Trace
from amber.testing.rows import feature

FILM = "a" * 64


@result
class Number:
    """A number."""

    number: Int64[np.ndarray, " row"]


@result
class Twice:
    """Twice the number."""

    number: Int64[np.ndarray, " row"]


@algorithm(version="1")
def number(source: Source) -> Number:
    return Number(number=np.array([1], np.int64))


@algorithm(version="2")
def twice(number: Number, *, times: int = 2) -> Twice:
    return Twice(number=number.number * times)


def test_spent_and_saved_are_told_by_algorithm_version_and_requester(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    with Amber(store, Registry([number, twice])) as amber:
        engine, ann, bob = amber.engine, Requester("ann"), Requester("bob")
        made = engine.get(Ask("twice", (FILM,)), requester=ann)
        for _ in range(3):
            assert engine.get(Ask("twice", (FILM,)), requester=bob).hit
        engine.get(Ask("twice", (FILM,), settings={"times": 3}), requester=bob)
        sums = {(one.algorithm, one.requester, one.machine): one for one in amber.costs()}
    here = machine_kind()
    assert {key: (one.computed, one.hits) for key, one in sums.items()} == {
        ("number", "ann", here): (1, 0),
        ("twice", "ann", here): (1, 0),
        ("number", "bob", ""): (0, 1),
        ("twice", "bob", here): (1, 0),
        ("twice", "bob", ""): (0, 3),
    }
    assert sums["twice", "ann", here].seconds == made.trace.seconds
    assert abs(sums["twice", "bob", ""].saved_seconds - 3 * made.trace.seconds) < 1e-9
    assert sums["twice", "bob", ""].saved_bytes == 3 * made.trace.value.size_bytes
    assert sums["twice", "ann", here].peak_memory_bytes > 10_000_000


def found(algorithm: str, seconds: float, size_bytes: int) -> Trace:
    """A stored feature, as it is found."""
    return feature("found", algorithm=algorithm, seconds=seconds, value_size=size_bytes).trace


def test_several_processes_add_up_and_nothing_counts_twice(tmp_path: Path) -> None:
    one, other = Savings(tmp_path / "savings"), Savings(tmp_path / "savings")
    one.note(found("shots", 2.0, 100), "ann")
    other.note(found("shots", 3.0, 10), "ann")
    other.note(found("motion", 1.0, 1), "ann")
    one.write()
    catalog = MemoryCatalog()
    other.settle(catalog)
    one.settle(catalog)
    assert catalog.accounts() == [
        Account("motion", "1", "ann", hits=1, saved_seconds=1.0, saved_bytes=1),
        Account("shots", "1", "ann", hits=2, saved_seconds=5.0, saved_bytes=110),
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_is_passed_over_and_one_of_an_earlier_release_counts(tmp_path: Path) -> None:
    (tmp_path / "savings").write_text(
        '["shots", "1", "ann", 2, 1.5]\n["shots", "1", "ann", 1, 0.5, 30]\n["shots", "1", "an'
    )
    catalog = MemoryCatalog()
    Savings(tmp_path / "savings").settle(catalog)
    assert catalog.accounts() == [Account("shots", "1", "ann", hits=3, saved_seconds=2.0, saved_bytes=30)]


@pytest.mark.parametrize("moment", ["before it is stored", "after it is stored"])
def test_who_dies_while_the_sums_are_stored_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, moment: str
) -> None:
    home, path = tmp_path / "home", tmp_path / "savings"
    open_store(home).close()
    script = f"""
import os
from pathlib import Path
from amber.engine.savings import Savings
from amber.store.open import open_store
from tests.engine.test_savings import found
store = open_store(Path({str(home)!r}))
add = store.catalog.add_accounts
def dying(accounts, *, batch=""):
    if {moment == "after it is stored"}:
        add(accounts, batch=batch)
    os.kill(os.getpid(), 9)
store.catalog.add_accounts = dying
one = Savings(Path({str(path)!r}))
one.note(found("shots", 2.0, 5), "ann")
one.settle(store.catalog)
"""
    died = subprocess.run([sys.executable, "-c", script], timeout=60)
    assert died.returncode == -9
    with closing(open_store(home)) as store:
        for _ in range(2):
            Savings(path).settle(store.catalog)
            assert store.catalog.accounts() == [
                Account("shots", "1", "ann", hits=1, saved_seconds=2.0, saved_bytes=5)
            ]
    assert [left.name for left in tmp_path.iterdir()] == ["home"]


def test_who_wrote_while_the_file_was_taken_is_counted(tmp_path: Path) -> None:
    catalog = MemoryCatalog()
    savings = [Savings(tmp_path / "savings") for _ in range(4)]

    def note_and_settle(one: Savings) -> None:
        for _ in range(50):
            one.note(found("shots", 1.0, 7), "ann")
            one.write()
            one.settle(catalog)

    with ThreadPoolExecutor(len(savings)) as pool:
        list(pool.map(note_and_settle, savings))
    assert catalog.accounts() == [
        Account("shots", "1", "ann", hits=200, saved_seconds=200.0, saved_bytes=1400)
    ]
    assert list(tmp_path.iterdir()) == []

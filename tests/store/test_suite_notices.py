"""The public suite notices a catalogue that breaks one promise, so a store that passes it keeps them."""

from collections.abc import Callable

import pytest

from amber.store.memory import MemoryCatalog
from amber.store.protocol import Catalog, Lease, NewTrace, Trace
from amber.testing import StoreTests
from tests.store import test_stores


class LastCommitWins(MemoryCatalog):
    """Replaces what is committed."""

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        with self._lock:
            super().commit(lease, new, key=key, epoch=epoch, lost=lost)
            self._keep(new)
            return self._rows.commits[new.trace.recipe].trace


class LinksWhateverTheEpoch(MemoryCatalog):
    """Links under a snapshot that is no longer the latest."""

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        with self._lock:
            return super().commit(lease, new, key=key, epoch=self._rows.epoch, lost=lost)


class IgnoresTheFence(MemoryCatalog):
    """Lets a worker commit that lost its lease to another."""

    def commit(self, lease: Lease, new: NewTrace, *, key: str, epoch: int, lost: str | None = None) -> Trace:
        with self._lock:
            held = self._rows.leases.get(new.trace.recipe, lease)
            return super().commit(held, new, key=key, epoch=epoch, lost=lost)


#: What is broken → the promise that notices.
BROKEN: dict[type[MemoryCatalog], Callable[[StoreTests, Catalog], None]] = {
    LastCommitWins: StoreTests.test_the_first_commit_of_a_recipe_wins,
    LinksWhateverTheEpoch: StoreTests.test_a_commit_after_the_epoch_moved_is_stored_and_not_linked,
    IgnoresTheFence: StoreTests.test_a_lease_that_was_taken_over_commits_nothing,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_suite_notices(broken: type[MemoryCatalog]) -> None:
    promise = BROKEN[broken]
    promise(test_stores.TestStores(), MemoryCatalog())
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        promise(test_stores.TestStores(), broken())

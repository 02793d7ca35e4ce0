"""How long a failure keeps others from trying again."""

import time

import pytest

from amber.engine.failures import LONGEST_AWAY_SECONDS, LONGEST_BACKOFF_SECONDS, remember
from amber.errors import StoreUnavailableError, WeightsMissingError
from amber.registry import Registry
from amber.store.protocol import Failure
from tests.engine.test_engine import Counting, ask


@pytest.mark.parametrize(
    ("error", "at_first", "at_last"),
    [
        (WeightsMissingError("gone"), 1.0, LONGEST_BACKOFF_SECONDS),
        (OSError("no memory"), 1.0, LONGEST_BACKOFF_SECONDS),
        (StoreUnavailableError("away"), 1.0, LONGEST_AWAY_SECONDS),
    ],
)
def test_a_machines_failure_waits_longer_each_time_and_a_store_that_was_away_never_long(
    error: Exception, at_first: float, at_last: float
) -> None:
    closure = Registry(Counting().algorithms()).closure("numbers")
    node, step = closure.nodes["numbers"], closure.step(ask("numbers").assets)

    def waits(attempts: int) -> float:
        before = None if attempts == 0 else _failed(attempts)
        failure = remember(error, "r", "f", node, step, before)
        assert failure.attempts == attempts + 1 and failure.retry_at is not None
        return failure.retry_at - time.time()

    def _failed(attempts: int) -> Failure:
        return Failure("r", "f", "machine", "", "", attempts, 0.0, "numbers", ())

    assert waits(0) == pytest.approx(at_first, abs=0.5)
    assert waits(1) == pytest.approx(2.0, abs=0.5)
    assert waits(5_000) == pytest.approx(at_last, abs=0.5)

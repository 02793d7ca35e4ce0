"""What is done for a whole catalogue is done in sets: twice the titles, at most twice the calls, and few of them."""

import pytest

from benchmarks.catalogue import MOST_ROWS, Simulated, catalogue, simulate

#: Titles, and twice as many: a set is 500, so the first are one set and the second are two.
TITLES = 300
#: Calls of the database for one set of one algorithm, whatever is done.
MOST_CALLS = 24


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> list[Simulated]:
    """Two catalogues of which everything was asked for, planned, computed, disowned and reconciled."""
    done = []
    for titles in (TITLES, 2 * TITLES):
        with catalogue(titles, tmp_path_factory.mktemp("catalogue")) as made:
            simulate(made)
        done.append(made)
    return done


def test_asking_planning_and_reconciling_take_few_calls_a_set(simulated: list[Simulated]) -> None:
    few, many = (made.calls for made in simulated)
    assert len(few) == 8
    for what, calls in few.items():
        assert calls <= 5 * MOST_CALLS, f"{what} called the database {calls} times for {TITLES} titles"
        assert many[what] <= 2 * calls, f"{what} grows faster than the catalogue"


def test_disowning_a_version_everywhere_writes_a_few_rows(simulated: list[Simulated]) -> None:
    few, many = simulated
    assert 0 < few.rows_written == many.rows_written <= MOST_ROWS
    assert few.calls["invalidate: applied"] == many.calls["invalidate: applied"]

"""The lock file says what the algorithms of this release are: a body that changes raises its version."""

from pathlib import Path

from algorithms import ALGORITHMS
from amber.lock import changed_without_version, read_lock

LOCK = Path(__file__).parents[2] / "algorithms.lock"


def test_no_algorithm_changed_under_its_version() -> None:
    changed = changed_without_version(ALGORITHMS, read_lock(LOCK))
    assert not changed, (
        f"{changed}: raise the version if the result may differ; "
        "`amber algorithms lock --same NAME` records a change that cannot matter"
    )


def test_every_algorithm_is_in_the_lock_file() -> None:
    assert {f"{a.name}@{a.version}" for a in ALGORITHMS} <= set(read_lock(LOCK))

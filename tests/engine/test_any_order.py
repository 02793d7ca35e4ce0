"""Whatever happens to a store, in whatever order, no answer is wrong or stale: in memory and on SQLite."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from amber.store.memory import MemoryCatalog
from amber.store.open import memory_store, open_store
from amber.store.protocol import Store
from tests.engine.upheaval import AnyOrder

EXAMPLES, STEPS = (300, 40) if "AMBER_SOAK" in os.environ else (6, 20)


def playing(examples: int, steps: int, **how: Any) -> settings:
    """So many histories of so many steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        **how,
    )


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with its tables, to be copied."""
    home = tmp_path_factory.mktemp("empty") / "home"
    open_store(home).close()
    return home


def _in_memory(folder: Path) -> Store:
    return memory_store()


def _copied(empty: Path, folder: Path) -> Store:
    return open_store(shutil.copytree(empty, folder))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_no_answer_is_wrong_or_stale_whatever_happens(kind: str, empty_home: Path) -> None:
    opening = _in_memory if kind == "memory" else partial(_copied, empty_home)
    run_state_machine_as_test(partial(AnyOrder, opening), settings=playing(EXAMPLES, STEPS))


def _applies_without_a_new_epoch(self: MemoryCatalog, plan_id: str, *, who: str) -> Any:
    before = self._rows.epoch
    applied = _APPLY(self, plan_id, who=who)
    self._rows.epoch = before
    return applied


def _collects_whatever_it_is_told(self: MemoryCatalog, digests: Any, delete: Any) -> Any:
    for sha256 in [*digests, *list(self._needed())[:1]]:
        delete(sha256)
    return list(digests)


def _lets_late_results_in(self: MemoryCatalog, assets: Any) -> None:
    return None


_APPLY = MemoryCatalog.apply_plan
#: What is broken → the method in whose place it stands.
MUTANTS = {
    "apply_plan": _applies_without_a_new_epoch,
    "collect": _collects_whatever_it_is_told,
    "_check_none_forgotten": _lets_late_results_in,
}


@pytest.mark.parametrize("method", MUTANTS)
def test_the_machine_notices(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryCatalog, method, MUTANTS[method])
    hunting = playing(300, 25, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(partial(AnyOrder, _in_memory), settings=hunting)

"""Stores and small algorithms for the engine's tests."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amber.store.open import memory_store, open_store
from amber.store.protocol import Store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made = memory_store() if request.param == "memory" else open_store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def in_threads() -> Callable[[list[Callable[[], object]]], list[object]]:
    """Run functions at the same time and return their results, in order; the first error is raised."""

    def run(functions: list[Callable[[], object]]) -> list[object]:
        results: list[object] = [None] * len(functions)
        errors: list[BaseException] = []

        def call(index: int) -> None:
            try:
                results[index] = functions[index]()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=call, args=(index,)) for index in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a thread hangs"
        if errors:
            raise errors[0]
        return results

    return run

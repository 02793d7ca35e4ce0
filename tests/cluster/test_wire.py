"""What is sent to a machine of a cluster, and what comes back, without one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amber.engine.compute import Entry, InputLostError, Task
from amber.engine.executors.wire import Deployment, commission, error_of, failed, task_of
from amber.errors import SourceLostError, WorkerUnfitError
from amber.keys import BoundInput, Node, Step, StepInput
from amber.registry import Registry, load_algorithms
from amber.settings import Settings
from jasper.errors import CorruptMediaError
from tests.cluster.conftest import WATCHED

FILM = "a" * 64


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The algorithms of the tests."""
    return Registry(load_algorithms([str(WATCHED)]))


@pytest.fixture
def task(registry: Registry) -> Task:
    """A step with an input."""
    node = Node(registry.get("odd"), {}, (BoundInput("data", "one", "many"),))
    entry = Entry(StepInput("data", FILM, Step("many", (FILM,))), "b" * 64, "c" * 64)
    types = {"data": registry.get("many").result, "blocks": registry.get("odd").result}
    return Task(node, Step("odd", (FILM,)), "d" * 64, (entry,), types, {"data": "1"})


def test_a_task_comes_through_as_it_is(task: Task, registry: Registry) -> None:
    there = task_of(commission(task, "one"), registry, "there")
    assert (there.step, there.recipe, there.entries) == (task.step, task.recipe, task.entries)
    assert (there.types, there.versions) == (task.types, task.versions)
    assert there.node.document() == task.node.document()


def test_what_differs_is_told(task: Task, registry: Registry) -> None:
    sent = commission(task, "one")
    other = {**sent.made_with, "amber": "9.9", "libraries": {"numpy": "1.0"}, "source": "another"}
    with pytest.raises(WorkerUnfitError) as told:
        task_of(replace(sent, made_with=other), registry, "there")
    assert str(told.value) == (
        "odd 1 is not computed on there: amber is 0.1.0 there and 9.9 here, numpy is None there and 1.0 here, "
        "its source differs; install the same wheel with the same constraints on all machines of the cluster"
    )


@pytest.mark.parametrize(
    "error",
    [
        SourceLostError("gone"),
        CorruptMediaError("cut off"),
        OSError(5, "no"),
        ValueError("bad"),
        KeyError("k"),
    ],
)
def test_errors_of_ours_and_of_the_language_stay_what_they_are(task: Task, error: Exception) -> None:
    made = error_of(failed(commission(task, "one"), "there", error), task)
    assert type(made) is type(error)
    assert str(error) in str(made)


def test_another_error_keeps_its_name_and_sentence(task: Task) -> None:
    class OddError(Exception):
        def __init__(self, first: str, second: str) -> None:
            super().__init__(f"{first} and {second}")

    made = error_of(failed(commission(task, "one"), "there", OddError("one", "two")), task)
    assert (type(made).__name__, str(made)) == ("OddError", "one and two")


def test_an_input_that_cannot_be_read_is_told_by_its_place(task: Task) -> None:
    made: Any = error_of(failed(commission(task, "one"), "there", InputLostError(task.entries[0])), task)
    assert isinstance(made, InputLostError) and made.entry is task.entries[0]


def test_a_deployment_shows_no_secret() -> None:
    chosen = Settings(
        Path("/home"),
        database_url="postgresql://u:secret@h/d",
        redis_url="redis://:secret@h",
        blobs_url="s3://secret",
    )
    assert "secret" not in repr(Deployment.of(chosen))

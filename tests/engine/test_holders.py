"""Who holds an accelerator: how many steps each has at hand, what that takes, and when it gives it back."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from amber.engine.executors import holders
from amber.engine.executors.admission import Resources
from amber.engine.executors.holders import Holders, at_hand
from amber.engine.executors.wire import Commission, Deployment
from amber.keys import Step

GB = 10**9


@pytest.mark.parametrize(
    ("wants", "there", "most"),
    [
        (Resources(2, 1), [Resources(16, 1, 128 * GB)], 5),
        (Resources(2, 1), [Resources(16, 4, 128 * GB)], 2),
        (Resources(2, 1), [Resources(2, 1, 16 * GB)], 2),
        (Resources(1, 1), [Resources(64, 1, 128 * GB)], 8),
        (Resources(0, 1), [Resources(1, 1, 16 * GB)], 8),
        (Resources(1, 1, 8 * GB), [Resources(16, 1, 64 * GB)], 4),
        (Resources(1, 0.25), [Resources(16, 1, 64 * GB)], 3),
        (Resources(1, 1), [Resources(16, 1, 64 * GB), Resources(6, 1, 64 * GB), Resources(2, 0, GB)], 4),
        (Resources(1, 1), [Resources(64, 0, 64 * GB)], 2),
        (Resources(1, 1), [], 2),
    ],
)
def test_as_many_steps_are_at_hand_as_half_of_the_machine_can_read_for(
    wants: Resources, there: list[Resources], most: int
) -> None:
    assert at_hand(wants, there) == most


@dataclass
class Actor:
    """A process that was started, and what it keeps."""

    options: dict[str, Any]
    steps: list[str] = field(default_factory=list)

    @property
    def compute(self) -> "Actor":
        """What is called there."""
        return self

    def remote(self, deployment: object, sent: list[Commission], board: object) -> str:
        """Compute."""
        self.steps += [one.id for one in sent]
        return sent[0].id


class OneMachine:
    """A cluster of a machine with eight processors and two accelerators."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.others_cpus = 0.0
        self._options: dict[str, Any] = {}

    def nodes(self) -> list[dict[str, Any]]:
        """As Ray tells of machines."""
        return [
            {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 64e9}},
            {"Alive": False, "Resources": {}},
        ]

    def available_resources(self) -> dict[str, float]:
        """What nobody has."""
        cpus = sum(one.options["num_cpus"] for one in self.actors) + self.others_cpus
        return {"CPU": 8.0 - cpus, "GPU": 2.0 - sum(one.options["num_gpus"] for one in self.actors)}

    def remote(self, *arguments: Any) -> Any:
        """A class, and then a process of it."""
        if isinstance(arguments[0], type):
            return self
        self.actors.append(Actor(self._options))
        return self.actors[-1]

    def options(self, **options: Any) -> "OneMachine":
        """What the next one takes."""
        self._options = options
        return self

    def kill(self, actor: Actor) -> None:
        """End one."""
        self.actors.remove(actor)


def _sent(number: int) -> Commission:
    return Commission(str(number), "embed", "1", {}, (), {}, Step("embed", ("a",)), "r", (), {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is; nobody waits."""
    now = [1000.0]
    monkeypatch.setattr(holders.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def cluster() -> OneMachine:
    """A cluster."""
    return OneMachine()


@pytest.fixture
def held(cluster: OneMachine, clock: list[float]) -> Holders:
    """Its processes with accelerators."""
    return Holders(cluster, Deployment("", "", (), (), 0), lambda: False)


WANTS = Resources(1.0, 1.0, GB)


def test_a_second_process_is_started_when_the_first_has_enough_at_hand(
    held: Holders, cluster: OneMachine
) -> None:
    for number in range(7):
        held.submit([_sent(number)], WANTS, None)
    assert [one.options["max_concurrency"] for one in cluster.actors] == [3, 3]
    assert [one.options["num_cpus"] for one in cluster.actors] == [2.0, 2.0]
    assert [one.options["memory"] for one in cluster.actors] == [3 * GB, 3 * GB]
    assert [one.steps for one in cluster.actors] == [["0", "1", "2", "6"], ["3", "4", "5"]]


def test_one_that_has_nothing_to_do_goes_after_a_minute(
    held: Holders, cluster: OneMachine, clock: list[float]
) -> None:
    _, holder = held.submit([_sent(0)], WANTS, None)
    clock[0] += 1000
    held.tidy()
    assert cluster.actors, "it has something to do"
    held.done(holder)
    clock[0] += 59
    held.tidy()
    assert cluster.actors
    clock[0] += 2
    held.tidy()
    assert not cluster.actors


@pytest.mark.parametrize(("cpus", "left"), [(1.0, 0), (0.0, 1)])
def test_it_goes_soon_while_others_may_wait_for_its_processors(
    cpus: float, left: int, held: Holders, cluster: OneMachine, clock: list[float]
) -> None:
    _, holder = held.submit([_sent(0)], Resources(cpus, 1.0, GB), None)
    held.done(holder)
    clock[0] += 6
    held.tidy()
    assert cluster.actors, "there are free ones"
    cluster.others_cpus = 8.0 - sum(one.options["num_cpus"] for one in cluster.actors)
    held.tidy()
    assert len(cluster.actors) == left

"""Who may begin on a machine: never more than it has, the urgent first, everybody in turn, and nobody starves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from amber.engine.executors.admission import (
    Capacity,
    Requester,
    Resources,
    Ticket,
    Used,
    admitted,
    promoted,
    ranked,
    total,
)
from amber.store.jobs import BACKGROUND, WAITED

NOW = 1000.0
GB = 10**9


def ticket(
    name: str,
    *,
    cpus: float = 1.0,
    memory_bytes: int = 0,
    who: str = "ann",
    priority: int = WAITED,
    came: float = 1.0,
    began: float = 0.0,
    algorithm: str = "shots",
) -> Ticket:
    wants = Resources(cpus, 0.0, memory_bytes)
    return Ticket(name, "me", algorithm, f"recipe {name}", wants, Requester(who, priority), came, NOW, began)


def machine(cpus: float = 2.0, memory_bytes: int = GB, **concurrency: int) -> Capacity:
    return Capacity(Resources(cpus, 0.0, memory_bytes), concurrency)


tickets = st.lists(
    st.builds(
        ticket,
        name=st.uuids().map(str),
        cpus=st.sampled_from([0.5, 1.0, 2.0]),
        memory_bytes=st.integers(0, GB),
        who=st.sampled_from(["ann", "bob", "eve"]),
        priority=st.sampled_from([BACKGROUND, WAITED]),
        came=st.floats(1.0, NOW),
        algorithm=st.sampled_from(["shots", "motion"]),
    ),
    max_size=12,
)


@given(tickets, st.integers(1, 3))
def test_what_runs_never_takes_more_than_there_is_and_all_come_to_run(
    waiting: list[Ticket], most: int
) -> None:
    capacity = machine(motion=most)
    there = {one.id: one for one in waiting}
    for _ in range(len(waiting) + 1):
        begin = admitted(list(there.values()), capacity, {}, NOW)
        assert begin or not there, "where nothing runs, somebody begins"
        there = {name: replace(one, began=NOW) if name in begin else one for name, one in there.items()}
        running = [one for one in there.values() if one.runs]
        assert total(running).fits(capacity.resources) or len(running) == 1
        assert sum(one.algorithm == "motion" for one in running) <= most
        there = {name: one for name, one in there.items() if not one.runs}


def test_who_waits_goes_before_a_backfill_that_came_earlier() -> None:
    backfill = [ticket(f"b{n}", priority=BACKGROUND, came=1.0) for n in range(5)]
    user = ticket("user", came=900.0)
    assert ranked([*backfill, user], {}, NOW)[0] == user
    assert user.id in admitted([*backfill, user], machine(cpus=1), {}, NOW)


def test_a_large_step_is_not_overtaken_for_ever_by_small_ones() -> None:
    small = ticket("small", cpus=1, came=2.0)
    large = ticket("large", cpus=2, came=1.0)
    runs = ticket("runs", cpus=1, began=5.0)
    assert admitted([runs, large, small], machine(), {}, NOW) == set()
    assert admitted([large, small], machine(), {}, NOW) == {"large"}


def test_whoever_used_less_lately_goes_first() -> None:
    ann = [ticket(f"a{n}", who="ann", came=1.0) for n in range(3)]
    bob = ticket("b", who="bob", came=2.0)
    assert ranked([*ann, bob], {"ann": Used(50.0, NOW)}, NOW)[0] == bob
    assert ranked([*ann, bob], {"ann": Used(50.0, NOW), "bob": Used(60.0, NOW)}, NOW)[0] == ann[0]
    long_ago = {"ann": Used(50.0, NOW), "bob": Used(60.0, NOW - 600.0)}
    assert ranked([*ann, bob], long_ago, NOW)[0] == bob, "what was used ten minutes ago counts half"
    runs = ticket("r", who="ann", began=NOW - 10)
    assert ranked([runs, *ann, bob], {}, NOW)[0] == bob, "what runs now counts as well"


def test_an_algorithm_that_runs_as_often_as_it_may_lets_others_pass() -> None:
    runs = ticket("m", algorithm="motion", began=1.0)
    more, other = ticket("m2", algorithm="motion", came=1.0), ticket("s", came=2.0)
    assert admitted([runs, more, other], machine(motion=1), {}, NOW) == {"s"}


def test_who_stands_still_holds_nobody_up() -> None:
    stopped = replace(ticket("stopped", cpus=2.0, came=1.0), looked=NOW - 60)
    assert admitted([stopped, ticket("next", came=2.0)], machine(), {}, NOW) == {"next"}


def test_a_step_that_somebody_now_waits_for_becomes_as_urgent() -> None:
    backfill = ticket("b", priority=BACKGROUND)
    [raised] = promoted([backfill], backfill.recipe, WAITED)
    assert raised.requester == Requester("ann", WAITED)
    assert list(promoted([backfill], "another", WAITED)) == [backfill]


def test_who_wants_more_processors_than_there_are_takes_all() -> None:
    assert machine().bounded(Resources(16, 1.0, GB)) == Resources(2.0, 0.0, GB)

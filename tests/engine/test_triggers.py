"""Standing orders end in the same state, whatever was lost, doubled or out of order; webhooks are told at least once."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amber.client import Amber
from amber.engine import webhooks
from amber.engine.steward import Steward
from amber.engine.triggers import AGAIN_SECONDS, arrived, is_to_ask, reconcile
from amber.engine.webhooks import MOST_ATTEMPTS, Webhooks, signature
from amber.store.backfills import Wish
from amber.store.jobs import Job
from amber.store.protocol import Disowned
from tests.engine.test_backfill import ASSETS, POISONED, World
from tests.servers.processes import until

FIRST = Wish("numbers", where={"half": "first"})


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.amber.close()


def _asked(amber: Amber) -> set[str]:
    return {job.assets[0] for job in amber.jobs()}


def test_an_order_asks_for_what_is_missing_of_the_assets_that_fit(world: World) -> None:
    world.amber.get("numbers", ASSETS[0])
    standing = world.amber.subscriptions.add(FIRST).standing
    assert (standing.wanted, standing.ready, standing.open, standing.failed) == (6, 1, 5, 0)
    assert standing.lag_seconds >= 0.0 and standing.checked_at > 0
    assert _asked(world.amber) == set(ASSETS[1:6])


def test_an_arrival_asks_at_once_and_twice_is_once(world: World) -> None:
    world.amber.subscriptions.add(FIRST)
    for job in world.amber.jobs():
        world.amber.store.catalog.end_job(job.key)
    assert arrived(world.amber.engine, ASSETS[2]) == arrived(world.amber.engine, ASSETS[2]) == 1
    assert arrived(world.amber.engine, ASSETS[9]) == 0
    assert arrived(world.amber.engine, "e" * 64) == 0
    assert _asked(world.amber) == {ASSETS[2]}


def test_a_label_that_now_fits_fires_and_one_that_does_not_matter_does_not(world: World) -> None:
    world.amber.subscriptions.add(Wish("numbers", where={"show": "one"}))
    world.amber.label(ASSETS[7], {"mood": "dark"})
    assert _asked(world.amber) == set()
    world.amber.label(ASSETS[7], {"show": "one"})
    assert _asked(world.amber) == {ASSETS[7]}


def test_what_was_disowned_is_asked_for_again(world: World) -> None:
    world.amber.get("numbers", ASSETS[0])
    world.amber.subscriptions.add(Wish("numbers", where={"half": "first"}))
    world.amber.store.catalog.invalidate([Disowned("numbers", "1")], reason="x", who="a")
    [order] = reconcile(world.amber.engine)
    assert (order.standing.ready, order.standing.open) == (0, 6)
    assert ASSETS[0] in _asked(world.amber)


def test_a_failure_is_left_alone_for_an_hour() -> None:
    now = time.time()
    job = Job("ab" * 32, "numbers", (ASSETS[0],), changed_at=now)
    assert is_to_ask(None, now)
    assert not is_to_ask(job, now) and not is_to_ask(replace(job, state="running"), now + AGAIN_SECONDS * 2)
    for state in ("failed", "cancelled"):
        assert not is_to_ask(replace(job, state=state), now)  # type: ignore[arg-type]
        assert is_to_ask(replace(job, state=state), now + AGAIN_SECONDS + 1)  # type: ignore[arg-type]


#: What may happen; each names an asset by its place.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["label", "unlabel", "arrive", "lose", "compute", "reconcile"]), st.integers(0, 11)
    ),
    max_size=25,
)


@given(events=EVENTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happened_a_look_at_everything_asks_for_exactly_what_is_missing(
    events: list[tuple[str, int]],
) -> None:
    world = World()
    amber, catalog = world.amber, world.amber.store.catalog
    wanted: set[str] = set()
    amber.subscriptions.add(Wish("numbers", where={"wanted": "yes"}))
    for what, at in events:
        asset = ASSETS[at]
        if what == "label":  # without telling anybody, as if the process had died
            catalog.set_labels(asset, {"wanted": "yes"})
            wanted.add(asset)
        elif what == "unlabel":
            catalog.set_labels(asset, {"wanted": None})
            wanted.discard(asset)
        elif what == "arrive":
            arrived(amber.engine, asset)
        elif what == "lose":
            for job in amber.jobs():
                catalog.end_job(job.key)
        elif what == "compute" and asset not in POISONED:
            amber.get("numbers", asset)
        elif what == "reconcile":
            reconcile(amber.engine)
    [order] = reconcile(amber.engine)
    there = {asset for asset in ASSETS if amber.state("numbers", asset) == "ready"}
    assert wanted - there <= _asked(amber)
    assert _asked(amber) & there == set(), "what is there is not asked for"
    assert (order.standing.wanted, order.standing.ready) == (len(wanted), len(wanted & there))
    before = amber.jobs()
    reconcile(amber.engine)
    assert amber.jobs() == before
    amber.close()


class Listener:
    """A webhook that answers as it is told to, and checks what it is sent."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.answers: list[int] = []
        self.heard: list[dict[str, str]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """See `Post`."""
        seconds, signed = (part.partition("=")[2] for part in headers["Amber-Signature"].split(","))
        assert signed == signature(self.secret, int(seconds), body)
        status = self.answers.pop(0) if self.answers else 204
        if status == 0:
            raise ConnectionRefusedError("nobody there")
        if status < 300:
            self.heard.append(json.loads(body))
        return status


def test_a_webhook_is_told_of_what_is_there_and_of_what_failed(world: World) -> None:
    order = world.amber.subscriptions.add(FIRST, webhook="http://127.0.0.1:1/told")
    listener = Listener(order.secret)
    hooks = Webhooks(world.amber.engine, listener)
    assert hooks.look() == 0
    world.amber.backfills.finish(world.amber.backfills.start(FIRST).id)
    assert hooks.look() == 6 and hooks.look() == 0
    events = {one["asset"]: one for one in listener.heard}
    assert {asset for asset, one in events.items() if one["event"] == "feature.failed"} == POISONED
    ready = events[ASSETS[0]]
    assert ready["value"] == world.amber.get("numbers", ASSETS[0]).trace.value.sha256
    assert (ready["event"], ready["subscription"], ready["algorithm"]) == (
        "feature.ready",
        order.id,
        "numbers",
    )
    assert "poisoned" in events[ASSETS[3]]["detail"]


def test_a_webhook_that_does_not_answer_is_told_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_SECONDS", 0.0)
    world.amber.get("numbers", ASSETS[0])
    one = Wish("numbers", where={"only": "this"})
    world.amber.label(ASSETS[0], {"only": "this"})
    order = world.amber.subscriptions.add(one, webhook="http://127.0.0.1:1/told")
    listener = Listener(order.secret)
    listener.answers = [500, 0]
    hooks = Webhooks(world.amber.engine, listener)
    assert [hooks.look() for _ in range(4)] == [0, 0, 1, 0]
    [delivery] = world.amber.store.catalog.deliveries()
    assert (delivery.state, delivery.attempts, delivery.problem) == ("sent", 3, "")


def test_a_webhook_that_never_answers_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_SECONDS", 0.0)
    world.amber.get("numbers", ASSETS[0])
    world.amber.label(ASSETS[0], {"only": "this"})
    order = world.amber.subscriptions.add(
        Wish("numbers", where={"only": "this"}), webhook="http://127.0.0.1:1/"
    )
    listener = Listener(order.secret)
    listener.answers = [404] * 99
    for _ in range(MOST_ATTEMPTS + 3):
        Webhooks(world.amber.engine, listener).look()
    [delivery] = world.amber.store.catalog.deliveries()
    assert (delivery.state, delivery.attempts) == ("refused", MOST_ATTEMPTS)
    assert delivery.problem == "the webhook answered 404"


def test_an_error_that_nobody_foresaw_is_told_and_the_steward_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Exception] = []
    steward = Steward(world.amber.engine, told.append, reconcile_seconds=0.0)
    turn, turns = steward.turn, iter([KeyError("unforeseen")])

    def once_wrong() -> float:
        for error in turns:
            raise error
        return turn()

    monkeypatch.setattr(steward, "turn", once_wrong)
    order = world.amber.subscriptions.add(FIRST)
    before = order.standing.checked_at
    steward.start()
    until(
        lambda: world.amber.subscriptions.all()[0].standing.checked_at > before,
        "it reconciles after the error",
    )
    steward.stop()
    assert [type(error) for error in told] == [KeyError]

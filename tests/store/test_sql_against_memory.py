"""The catalogue in SQL does, step by step, what the plain one in memory does."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from amber import keys
from amber.errors import AmberError
from amber.store import plans
from amber.store.jobs import Ending, Job, Progress
from amber.store.memory import MemoryCatalog
from amber.store.open import open_store
from amber.store.protocol import Blob, Catalog, Disowned, Lease, Location, NewTrace, Pin
from amber.testing.rows import FILM, OTHER, asset, digest, failed, feature, job, key_of

#: Histories to try.
EXAMPLES = 200 if os.environ.get("AMBER_SOAK") else 20
ASSETS = (FILM, OTHER)
ALGORITHMS = ("shots", "motion")
NAMES = ("a", "b", "c", "d")
#: Few values, so that features share them.
VALUES = tuple(digest("value", number) for number in range(3))
KEYS = tuple(digest("key", number) for number in range(5))
names, values, key_names = st.sampled_from(NAMES), st.sampled_from(VALUES), st.sampled_from(KEYS)
some_assets = st.sampled_from([(FILM,), (OTHER,), (FILM, OTHER)])
#: What a computation was made from: names of recipes, which may not be committed.
ingredients = st.lists(names, max_size=2, unique=True)
epochs_back = st.sampled_from([0, 0, 0, 1])


@cache
def _empty_home() -> Path:
    """A home with its tables, to be copied."""
    folder = tempfile.TemporaryDirectory(prefix="amber-test-")
    atexit.register(folder.cleanup)
    home = Path(folder.name) / "home"
    open_store(home).close()
    return home


def _plain(answer: Any) -> Any:
    """An answer without what differs from run to run: times."""
    if is_dataclass(answer) and not isinstance(answer, type):
        moments = {
            "created_at",
            "added_at",
            "seen_at",
            "at",
            "expires_at",
            "made_at",
            "applied_at",
            "undo_ended_at",
            "started_at",
            "changed_at",
        }
        return {name: value for name, value in asdict(answer).items() if name not in moments} | {
            "value": _plain(getattr(answer, "value", None)),
            "trace": _plain(getattr(answer, "trace", None)),
            "plan": _plain(getattr(answer, "plan", None)),
            "detail": _plain(getattr(answer, "detail", None)),
        }
    if isinstance(answer, list | tuple):
        return [_plain(one) for one in answer]
    if isinstance(answer, dict):
        return {name: _plain(one) for name, one in answer.items() if name != "before"}
    return answer


class SqlAgainstMemory(RuleBasedStateMachine):
    """Both catalogues are told the same; they answer the same, and refuse the same."""

    leases = Bundle("leases")
    ids = Bundle("ids")
    plan_ids = Bundle("plan_ids")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self._home = Path(tempfile.mkdtemp(prefix="amber-test-"))
        self._store = open_store(shutil.copytree(_empty_home(), self._home / "home"))
        self._memory: Catalog = MemoryCatalog()
        self._patch = pytest.MonkeyPatch()
        numbers = count()
        # Both make a plan one after the other, and shall give it the same id.
        self._patch.setattr(plans, "new_id", lambda: f"plan {next(numbers) // 2}")

    def teardown(self) -> None:
        for name in NAMES:
            self.look(name, KEYS[0])
        assert self._store.catalog.problems() == []
        self._patch.undo()
        self._store.close()
        shutil.rmtree(self._home)

    def _both(self, call: Callable[[Catalog], Any]) -> Any:
        """Call both; the answer (or error) of SQL, which is that of memory."""
        expected, found = _outcome(call, self._memory), _outcome(call, self._store.catalog)
        assert _plain(found) == _plain(expected)
        return found

    def _epoch(self) -> int:
        return self._memory.snapshot().epoch

    def _new(self, name: str, value: str, made_from: list[str]) -> NewTrace:
        """The feature of a name: its algorithm, assets and settings follow from the name, its inputs do not."""
        number = NAMES.index(name)
        there = self._memory.traces([digest(one) for one in made_from])
        others = [one for one in made_from if one != name]  # nothing is made from itself
        known = [there.get(digest(one)) or feature(one, VALUES[0]).trace for one in others]
        return feature(
            name,
            value,
            algorithm=ALGORITHMS[number % 2],
            assets=(ASSETS, ASSETS[:1], ASSETS[1:], ASSETS[:1])[number],
            settings=f'{{"x":{number}}}',
            made_from=known,
            files=(Blob(digest("file", value), 3),) if number == 0 else (),
        )

    @rule(
        target=leases,
        name=names,
        seconds=st.sampled_from([0.0, 600.0, 600.0]),
        despite=st.none() | st.integers(1, 9),
    )
    def take_lease(self, name: str, seconds: float, despite: int | None) -> Lease | None:
        of = ASSETS[: len(name) % 2 + 1] if despite is None else ()
        found = self._both(
            lambda c: c.take_lease(digest(name), "tester", seconds, assets=of, despite_fence=despite)
        )
        return found if isinstance(found, Lease) else None

    @rule(lease=leases, seconds=st.sampled_from([0.0, 600.0]))
    def renew(self, lease: Lease | None, seconds: float) -> None:
        self._both(lambda c: c.renew_leases([lease] if lease else [], seconds))

    @rule(lease=consumes(leases))
    def release(self, lease: Lease | None) -> None:
        if lease is not None:
            self._both(lambda c: c.release_lease(lease))

    @rule(
        lease=leases,
        value=values,
        made_from=ingredients,
        key=key_names,
        back=epochs_back,
        lost=st.none() | values,
    )
    def commit(
        self, lease: Lease | None, value: str, made_from: list[str], key: str, back: int, lost: str | None
    ) -> None:
        if lease is None:
            return
        name = next(name for name in NAMES if digest(name) == lease.recipe)
        new, epoch = self._new(name, value, made_from), self._epoch() - back
        self._both(lambda c: c.commit(lease, new, key=key, epoch=epoch, lost=lost))

    @rule(name=names, value=values, made_from=ingredients, key=key_names)
    def compute(self, name: str, value: str, made_from: list[str], key: str) -> None:
        """Take, commit and heal, as a worker that finds the stored value unreadable."""
        there = self._memory.traces([digest(name)]).get(digest(name))
        lost = there.value.sha256 if there is not None else None
        held = self._memory.holder(digest(name))
        despite = held.fence if held is not None else None
        lease = self._both(lambda c: c.take_lease(digest(name), "tester", 600.0, despite_fence=despite))
        new, epoch = self._new(name, value, made_from), self._epoch()
        if isinstance(lease, Lease):
            self._both(lambda c: c.commit(lease, new, key=key, epoch=epoch, lost=lost))

    @rule(key=key_names, name=names, back=epochs_back)
    def link(self, key: str, name: str, back: int) -> None:
        epoch = self._epoch() - back
        self._both(lambda c: c.link(key, digest(name), epoch))

    @rule(target=ids, algorithm=st.sampled_from(ALGORITHMS), assets=st.none() | some_assets)
    def invalidate(self, algorithm: str, assets: tuple[str, ...] | None) -> int:
        made = self._both(
            lambda c: c.invalidate([Disowned(algorithm, "1", assets)], reason="x", who="tester")
        )
        return int(made[0].id)

    @rule(number=ids | st.just(99))
    def undo(self, number: int) -> None:
        self._both(lambda c: c.undo([number], who="tester"))

    @rule(
        target=plan_ids,
        algorithm=st.sampled_from(ALGORITHMS),
        assets=st.none() | some_assets,
        with_dependants=st.booleans(),
        where=st.sampled_from([{}, {"x": "1"}]),
    )
    def plan(
        self, algorithm: str, assets: tuple[str, ...] | None, with_dependants: bool, where: dict[str, str]
    ) -> str:
        target = Disowned(algorithm, "1", assets)
        options: dict[str, Any] = {"with_dependants": with_dependants, "where": where if assets else {}}
        made = self._both(lambda c: c.plan_invalidation(target, reason="x", who="tester", **options))
        return str(made.id)

    @rule(target=plan_ids, asset=st.sampled_from(ASSETS))
    def plan_forget(self, asset: str) -> str:
        return str(self._both(lambda c: c.plan_forget(asset, reason="x", who="tester")).id)

    @rule(target=plan_ids, undo_seconds=st.sampled_from([0.0, 3600.0]))
    def plan_retention(self, undo_seconds: float) -> str:
        return str(self._both(lambda c: c.plan_retention(1, undo_seconds=undo_seconds, who="tester")).id)

    @rule(plan_id=plan_ids | st.just("nothing"))
    def apply_plan(self, plan_id: str) -> None:
        self._both(lambda c: c.apply_plan(plan_id, who="tester"))

    @rule(plan_id=plan_ids)
    def undo_plan(self, plan_id: str) -> None:
        self._both(lambda c: c.undo_plan(plan_id, who="tester"))

    @rule(name=names, is_pinned=st.booleans())
    def pin(self, name: str, is_pinned: bool) -> None:
        pin = Pin(digest(name), "x", "tester")
        self._both(lambda c: c.pin(pin) if is_pinned else c.unpin(pin.name))

    @rule(value=values)
    def mark(self, value: str) -> None:
        self._both(lambda c: c.mark_garbage([Blob(value, 1234), Blob(digest("left over"), 3)]))

    @rule()
    def collect(self) -> None:
        due = self._both(lambda c: c.garbage(0.0))
        self._both(lambda c: c.collect([blob.sha256 for blob in due], lambda *digests: None))

    @rule(name=names, algorithm=st.sampled_from(ALGORITHMS), assets=some_assets)
    def fail(self, name: str, algorithm: str, assets: tuple[str, ...]) -> None:
        self._both(lambda c: c.put_failure(failed(name, algorithm=algorithm, assets=assets)))
        self._both(lambda c: c.ask_job(job(name, assets=assets), "ann"))
        claim = self._both(lambda c: c.claim_job("tester", 600.0, key=key_of(name)))
        if claim is not None:
            self._both(lambda c: c.finish_job(claim, Ending("failed", error="SomeError")))

    @rule(name=names, closure=st.sampled_from("xy"), asker=st.sampled_from(["ann", "bob"]))
    def ask(self, name: str, closure: str, asker: str) -> None:
        self._both(lambda c: c.ask_job(job(name, closure=closure), asker))

    @rule(
        target=claims,
        name=st.none() | names,
        seconds=st.sampled_from([0.0, 600.0]),
        owner=st.sampled_from(["one", "two"]),
        dead=st.sampled_from([(), ("one",)]),
    )
    def claim(self, name: str | None, seconds: float, owner: str, dead: tuple[str, ...]) -> Job | None:
        if name is None:
            found = self._both(lambda c: c.claim_job(owner, seconds, closures=[digest("x")], dead=dead))
        else:
            found = self._both(lambda c: c.claim_job(owner, seconds, key=key_of(name), dead=dead))
        return found if isinstance(found, Job) else None

    @rule(claim=claims, how=st.sampled_from(["tell", "renew", "ready", "ready for ann", "hand back"]))
    def go_on(self, claim: Job | None, how: str) -> None:
        if claim is None:
            return
        ready = Ending("ready", digest("recipe"))
        does: dict[str, Callable[[Catalog], object]] = {
            "tell": lambda c: c.tell_job(claim, Progress("shots", 1, 2, "frames", 0, 3, 4.5)),
            "renew": lambda c: c.renew_jobs([claim], 600.0),
            "ready": lambda c: c.finish_job(claim, ready),
            "ready for ann": lambda c: c.finish_job(claim, ready, asker="ann"),
            "hand back": lambda c: c.hand_back_job(claim),
        }
        self._both(does[how])

    @rule(name=names, asker=st.sampled_from(["ann", "bob", None]))
    def withdraw(self, name: str, asker: str | None) -> None:
        self._both(lambda c: c.withdraw_job(key_of(name), asker))

    @rule(algorithm=st.none() | st.sampled_from(ALGORITHMS), of=st.none() | st.sampled_from(ASSETS))
    def clear_failures(self, algorithm: str | None, of: str | None) -> None:
        self._both(lambda c: c.clear_failures(algorithm=algorithm, asset=of))

    @rule(
        name=st.sampled_from(ASSETS),
        labels=st.dictionaries(st.sampled_from("xy"), st.none() | st.sampled_from("12")),
    )
    def record(self, name: str, labels: dict[str, str | None]) -> None:
        self._both(lambda c: c.set_labels(name, labels))
        self._both(lambda c: c.put_asset(asset(name)))

    @rule(uri=st.sampled_from(["/a", "/b"]), name=st.sampled_from(ASSETS), changed=st.booleans())
    def see(self, uri: str, name: str, changed: bool) -> None:
        self._both(lambda c: c.put_location(Location(uri, name, digest(uri), 1, 2, changed=changed)))

    @rule(uri=st.sampled_from(["/a", "/b"]))
    def mark_changed(self, uri: str) -> None:
        self._both(lambda c: c.mark_changed(uri))

    @invariant()
    def what_asks_read_agrees(self) -> None:
        self._both(lambda c: c.traces([digest(name) for name in NAMES]))
        self._both(lambda c: c.linked_values(KEYS))
        self._both(lambda c: c.made_values([digest(name) for name in NAMES]))
        self._both(lambda c: c.snapshot())

    @rule(name=names, key=key_names)
    def look(self, name: str, key: str) -> None:
        """Compare what can be read, as far as the invariant does not."""
        recipe = digest(name)
        self._both(lambda c: c.lookup(key))
        self._both(lambda c: [c.features(one) for one in ASSETS])
        self._both(lambda c: c.traces_of(keys.subject("shots", "1", ASSETS)))
        self._both(lambda c: c.traced_subjects([keys.subject(one, "1", [FILM]) for one in ALGORITHMS]))
        self._both(lambda c: [c.made_from(recipe), c.used_by(recipe), c.reason(recipe), c.cost(recipe)])
        self._both(lambda c: sorted({(blob.sha256, blob.size_bytes) for blob, _ in c.referenced_blobs()}))
        self._both(lambda c: [c.invalidations(), c.audits(), c.failure(recipe), c.holder(recipe)])
        self._both(lambda c: [c.assets(), c.assets({"x": "1"}), c.find_assets(FILM[:6])])
        self._both(lambda c: [c.plans(), c.pins(), c.usage()])
        self._both(lambda c: [c.job(key_of(name)), c.askers(key_of(name)), c.jobs(limit=2), c.open_jobs()])
        self._both(lambda c: [c.count_jobs(), c.job_owners(), c.jobs(after=key_of(name), ended=False)])
        self._both(lambda c: [[c.locations(one) for one in ASSETS], c.location("/a")])


def _outcome(call: Callable[[Catalog], Any], catalog: Catalog) -> Any:
    try:
        return call(catalog)
    except AmberError as error:
        return type(error)


TestSqlAgainstMemory = pytest.mark.soak(SqlAgainstMemory.TestCase)
TestSqlAgainstMemory.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)

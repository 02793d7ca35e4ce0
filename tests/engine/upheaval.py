"""Everything that can happen to a store, in any order, while asks are held against their definition.

No answer may be wrong or stale, and nothing is computed of which a readable value is stored.
"""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from amber.engine.ask import Ask
from amber.engine.invalidate import apply_plan, plan_forget, plan_invalidation, plan_retention, undo_plan
from amber.errors import AmberError, AssetForgottenError, BlobCorruptError, BlobMissingError, PlanStateError
from amber.store.collect import collect
from amber.store.protocol import Catalog, KeptPlan, Lease, NewTrace, Store, Trace
from amber.store.verify import verify
from amber.testing.rows import asset as record
from tests.engine.test_against_definition import History, worlds
from tests.engine.world import ASSETS, Declared, unpacked
from tests.store.combinations import spoil

numbers = st.integers(0, 10_000)


class NotingCatalog:
    """A catalogue that notes which recipes were committed."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.committed: Counter[str] = Counter()

    def commit(self, lease: Lease, new: NewTrace, **how: Any) -> Trace:
        made = self._catalog.commit(lease, new, **how)
        self.committed[new.trace.recipe] += 1
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)


class Upheaval(History):
    """A history on a store that things happen to."""

    def __init__(self, declared: dict[str, Declared], folder: Path, store: Store) -> None:
        self.noted = NotingCatalog(store.catalog)
        super().__init__(declared, folder, replace(store, catalog=self.noted))  # type: ignore[arg-type]
        self.plans: list[KeptPlan] = []

    def _ask(self, ask: Ask, planned: bool = True) -> None:
        self.world.seen = list(self.disowned.values())
        readable = self.readable()
        self.noted.committed.clear()
        feature = self.engine.get(ask, self.world.listen)
        assert unpacked(feature.value) == self.world.expected(ask), "a value is wrong or stale"
        committed = self.noted.committed
        assert set(committed.values()) <= {1}, "something was computed twice in one ask"
        if not planned:
            return  # the world changed within the ask
        assert not readable & committed.keys(), "a readable value is stored, and was computed again"
        again = self.engine.get(ask, self.world.listen)
        assert unpacked(again.value) == self.world.expected(ask)
        assert again.hit, "what was just computed is not there"

    def readable(self) -> set[str]:
        """The recipes whose values can be read."""
        found = set()
        for trace in self.store.catalog.find_traces(""):
            with contextlib.suppress(BlobMissingError, BlobCorruptError):
                self.store.blobs.check(trace.value.sha256)
                found.add(trace.recipe)
        return found

    def disown(self, number: int, *, with_dependants: bool) -> None:
        """Plan and apply."""
        names = sorted(self.world.declared)
        name = names[number % len(names)]
        assets = () if number % 3 == 0 else (ASSETS[number % len(ASSETS)],)
        target = (name, self.world.declared[name].version)
        plan = plan_invalidation(
            self.store, target, assets=assets, with_dependants=with_dependants, reason="test", who="test"
        )
        applied = apply_plan(self.store, plan.id, action="invalidate", who="test").plan
        self.plans.append(applied)
        for number_of, one in zip(applied.ids, applied.doomed, strict=True):
            self.disowned[number_of] = (one.algorithm, one.version, applied.assets, number_of)

    def take_back(self, number: int) -> None:
        """Undo one of the applied plans, if what it disowned is there still."""
        plan = self.plans.pop(number % len(self.plans))
        ended = [one.id for one in self.store.catalog.invalidations() if one.undo_ended_at is not None]
        if set(ended) & set(plan.ids):
            with contextlib.suppress(PlanStateError):
                undo_plan(self.store, plan.id, who="test")
                raise AssertionError("what was dropped was taken back")
            return
        undo_plan(self.store, plan.id, who="test")
        for number_of in plan.ids:
            del self.disowned[number_of]

    def forget(self, asset: str) -> None:
        """Take an asset down."""
        plan = plan_forget(self.store, asset, reason="test", who="test")
        apply_plan(self.store, plan.id, action="forget", who="test")
        assert self.store.catalog.features(asset) == []

    def refuse(self, ask: Ask) -> None:
        """An ask that must be refused, because an asset of it is taken down before it or while it computes."""
        self.world.seen = list(self.disowned.values())
        with contextlib.suppress(AmberError):
            self.engine.get(ask, self.world.listen)
            assert self.world.interruption is not None, "an asset that was taken down was answered for"

    def collect(self) -> None:
        """Collect at once."""
        broken = self._unreadable()
        collect(self.store, 0.0)
        assert verify(self.store).orphans == ()
        assert self._unreadable() == broken, "a blob that a feature needs is gone"

    def drop_superseded(self, number: int) -> None:
        """Plan and apply."""
        undo_seconds = 0.0 if number % 2 else 3600.0
        plan = plan_retention(self.store, 1 + number % 2, undo_seconds=undo_seconds, who="test")
        apply_plan(self.store, plan.id, action="retain", who="test")

    def damage(self, number: int, *, is_lost: bool) -> None:
        """Remove or spoil a blob."""
        digests = sorted(blob.sha256 for blob, _ in self.store.catalog.referenced_blobs())
        if not digests:
            return
        chosen = digests[number % len(digests)]
        if is_lost:
            self.store.blobs.delete(chosen)
        elif self.store.blobs.present([chosen]):
            spoil(self.store.blobs, chosen)
        self.engine._values.forget(chosen)

    def _unreadable(self) -> set[str]:
        report = verify(self.store)
        assert report.contradictions == ()
        return {damage.sha256 for damage in (*report.missing, *report.corrupt)}


class AnyOrder(RuleBasedStateMachine):
    """What can happen, in any order.

    Args:
        open_store: Opens an empty store in a folder.
        lose_redis: Empties the Redis in front, or fills it with lies; None where there is none.
    """

    def __init__(
        self, open_store: Callable[[Path], Store], lose_redis: Callable[[int], object] | None = None
    ) -> None:
        super().__init__()
        self._leaving = ExitStack()
        self._folder = Path(self._leaving.enter_context(tempfile.TemporaryDirectory(prefix="amber-test-")))
        self._open_store = open_store
        self._lose_redis = lose_redis

    @initialize(declared=worlds())
    def begin(self, declared: dict[str, Declared]) -> None:
        self._history = Upheaval(declared, self._folder, self._open_store(self._folder / "home"))
        self._leaving.callback(self._history.close)

    def teardown(self) -> None:
        with self._leaving:
            if hasattr(self, "_history"):
                self._finish()

    def _finish(self) -> None:
        """In the end everything can be asked for, and is there the second time."""
        for number in range(len(self._history.world.declared)):
            self.ask(number, "ask")
        self._history.collect()
        assert verify(self._history.store).contradictions == ()

    @rule(number=numbers, how=st.sampled_from(["ask", "ask", "ask", "setting", "bind"]))
    def ask(self, number: int, how: str) -> None:
        self._history.play(how, number)

    @rule(number=numbers, what=st.sampled_from(["version", "weight"]))
    def bump(self, number: int, what: str) -> None:
        self._history.play(what, number)

    @rule(number=numbers, with_dependants=st.booleans())
    def invalidate(self, number: int, with_dependants: bool) -> None:
        self._history.disown(number, with_dependants=with_dependants)

    @rule(number=numbers)
    def invalidate_within_an_ask(self, number: int) -> None:
        self._history.play("interrupted", number)

    @precondition(lambda self: self._history.plans)
    @rule(number=numbers)
    def undo(self, number: int) -> None:
        self._history.take_back(number)

    @rule(number=numbers)
    def forget(self, number: int) -> None:
        asset, history = ASSETS[number % len(ASSETS)], self._history
        history.forget(asset)
        history.world.seen = list(history.disowned.values())
        with _taken_down(history, asset):
            for name in sorted(history.world.declared):
                if not history.engine.closure(Ask(name, (asset,))).is_joint:
                    try:
                        history.engine.get(Ask(name, (asset,)), history.world.listen)
                    except AssetForgottenError:
                        continue
                    raise AssertionError("an asset that was taken down was answered for")

    @rule(number=numbers)
    def forget_within_an_ask(self, number: int) -> None:
        history = self._history
        names = sorted(history.world.declared)
        ask = history._asked(names[number % len(names)], number, "ask")
        asset = ask.assets[number // 29 % len(ask.assets)]
        history.world.interruption = lambda: history.forget(asset)
        with _taken_down(history, asset):
            history.refuse(ask)
            is_forgotten, history.world.interruption = history.world.interruption is None, None
            assert not is_forgotten or history.store.catalog.features(asset) == []

    @rule()
    def collect(self) -> None:
        self._history.collect()

    @rule(number=numbers)
    def drop_superseded(self, number: int) -> None:
        self._history.drop_superseded(number)

    @rule(number=numbers, is_lost=st.booleans())
    def damage(self, number: int, is_lost: bool) -> None:
        self._history.damage(number, is_lost=is_lost)

    @precondition(lambda self: self._lose_redis is not None)
    @rule(number=numbers)
    def lose_redis(self, number: int) -> None:
        assert self._lose_redis is not None, "the rule is for stores with Redis in front"
        self._lose_redis(number)

    @rule()
    def begin_anew(self) -> None:
        """As another process, which holds nothing in memory."""
        name = sorted(self._history.world.declared)[0]
        self._history._declare(name)


@contextlib.contextmanager
def _taken_down(history: Upheaval, asset: str) -> Iterator[None]:
    """An asset that is ingested again in the end."""
    yield
    history.store.catalog.put_asset(record(asset))

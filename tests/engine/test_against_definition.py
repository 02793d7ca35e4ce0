"""The engine held against its definition: every value equals computing from scratch, and nothing is computed twice."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from amber import keys
from amber.engine import resolve
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.keys import Closure, Node, Snapshot, canonical
from amber.store.open import memory_store
from amber.store.protocol import Disowned, Store, Trace
from tests.engine.world import ASSET, ASSETS, OTHER, TYPES, Declared, World, unpacked
from tests.unit.plainly import recipe_document

EXAMPLES = 120


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Declared]:
    """Random graphs: each algorithm takes the asset or results of earlier ones, some of them twice."""
    count = draw(st.integers(2, 5))
    declared: dict[str, Declared] = {"a0": Declared("a0", TYPES[0], (("source", ASSET),))}
    joint: set[int] = set()
    for number in range(1, count):
        arity = draw(st.sampled_from(["one", "one", "each", "pair"])) if number == count - 1 else "one"
        usable = [n for n in range(number) if n not in joint]
        chosen = draw(st.lists(st.sampled_from(usable), min_size=1, max_size=3))
        inputs = tuple((f"p{i}", n) for i, n in enumerate(chosen))
        if arity == "one" and draw(st.booleans()):
            inputs = (*inputs, ("source", ASSET))
        if arity != "one":
            joint.add(number)
        weight = draw(st.sampled_from([None, None, 1]))
        declared[f"a{number}"] = Declared(f"a{number}", TYPES[number], inputs, arity, "1", weight)
    declared["other"] = Declared("other", OTHER, (("source", ASSET),))
    return declared


operations = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "ask",
                "ask",
                "ask",
                "ask",
                "setting",
                "version",
                "weight",
                "bind",
                "invalidate",
                "undo",
                "interrupted",
            ]
        ),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=12,
)


class History:
    """Plays operations on an engine, over a store in memory unless one is given, and checks every answer."""

    def __init__(self, declared: dict[str, Declared], folder: Path, store: Store | None = None) -> None:
        self.world = World(declared, folder)
        self.store = store or memory_store()
        self.engine = Engine(self.store, self.world.registry())
        self.disowned: dict[int, tuple[str, str, tuple[str, ...] | None, int]] = {}

    def close(self) -> None:
        self.engine.close()
        self.store.close()

    def play(self, operation: str, number: int) -> None:
        names = sorted(self.world.declared)
        name = names[number % len(names)]
        if operation == "version":
            self._declare(name, version=str(int(self.world.declared[name].version) + 1))
        elif operation == "weight":
            if self.world.declared[name].weight is not None:
                self._declare(name, weight=1 + number % 3)
        elif operation == "invalidate":
            self._invalidate(name, number)
        elif operation == "undo":
            self._undo(number)
        elif operation == "interrupted":
            self.world.interruption = lambda: self._invalidate(names[number // 7 % len(names)], number // 11)
            self._ask(self._asked(name, number, "ask"), planned=False)
            self.world.interruption = None
            self._ask(self._asked(name, number, "ask"))
        else:
            self._ask(self._asked(name, number, operation))

    def _declare(self, name: str, **changes: Any) -> None:
        self.world.declared[name] = replace(self.world.declared[name], **changes)
        self.engine.close()
        self.engine = Engine(self.store, self.world.registry())

    def _asked(self, name: str, number: int, operation: str) -> Ask:
        joint = self.engine.closure(Ask(name, ASSETS[:1])).is_joint
        first = number // 13 % len(ASSETS)
        assets = ASSETS[first : first + 1 + number // 17 % 3] if joint else ASSETS[first : first + 1]
        closure = self.engine.closure(Ask(name, assets))
        below = sorted(closure.nodes)
        chosen = below[number // 19 % len(below)]
        changes = (
            {f"{chosen}.{'scale' if number % 2 else 'offset'}": 1 + number // 23 % 3}
            if operation == "setting"
            else {}
        )
        use = {"R0": "other"} if operation == "bind" else {}
        return Ask(name, assets, settings=changes, use=use)

    def _ask(self, ask: Ask, planned: bool = True) -> None:
        self.world.seen = list(self.disowned.values())
        before = self.world.calls.copy()
        plan = self.engine.plan([ask])
        feature = self.engine.get(ask, self.world.listen)
        assert unpacked(feature.value) == self.world.expected(ask), (
            "a value differs from computing it from scratch"
        )
        called = self.world.calls - before
        assert all(count == 1 for count in self.world.calls.values()), "something was computed twice"
        assert feature.hit == (not feature.computed)
        assert len(feature.computed) >= sum(called.values()), "a computation was not told"
        if planned:
            _check_plan(plan, feature)

    def _invalidate(self, name: str, number: int) -> None:
        assets = None if number % 3 == 0 else (ASSETS[number % len(ASSETS)],)
        version = self.world.declared[name].version
        (made,) = self.store.catalog.invalidate([Disowned(name, version, assets)], reason="test", who="test")
        self.disowned[made.id] = (name, version, assets, made.id)

    def _undo(self, number: int) -> None:
        if self.disowned:
            chosen = sorted(self.disowned)[number % len(self.disowned)]
            self.store.catalog.undo([chosen], who="test")
            del self.disowned[chosen]


def _check_plan(plan: Any, feature: Any) -> None:
    """What ran is what the plan said; `depends` may go either way."""
    computed = {c.step for c in feature.computed}
    planned = {p.step: p.mark for p in plan.steps}
    assert computed <= set(planned), "a step ran that was not planned"
    for step, mark in planned.items():
        assert mark == "depends" or (step in computed) == (mark == "miss"), f"{step} was planned {mark}"


def play(declared: dict[str, Declared], history: list[tuple[str, int]]) -> None:
    """Play a history, then ask for everything once more: all of it must be right, and be there."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        player = History(dict(declared), Path(folder))
        stack.callback(player.close)
        for operation, number in history:
            player.play(operation, number)
        for number, name in enumerate(sorted(player.world.declared)):
            ask = player._asked(name, number, "ask")
            player._ask(ask)
            again = player.engine.get(ask, player.world.listen)
            assert again.hit and not again.computed


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), operations)
def test_every_value_is_right_and_nothing_is_computed_twice_and_plans_come_true(
    declared: dict[str, Declared], history: list[tuple[str, int]]
) -> None:
    play(declared, history)


# Mutants: each breaks one rule of the keys or of the resolver; the property above must notice.


def _without(document: Any, *names: str) -> Any:
    return {key: value for key, value in document.items() if key not in names}


@contextlib.contextmanager
def _patched(owner: Any, name: str, broken: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, broken)
        yield


def _node_without(name: str) -> Any:
    whole = Node.document
    return lambda: _patched(Node, "document", lambda self: _without(whole(self), name))


def _node_without_one_setting() -> Any:
    whole = Node.document

    def document(self: Node) -> Any:
        made = whole(self)
        return {**made, "settings": _without(made["settings"], "offset")}

    return _patched(Node, "document", document)


def _recipe_changed(change: Any) -> Any:
    def text(*given: Any) -> str:
        return canonical(change(recipe_document(*given))).decode()

    return lambda: _patched(keys, "recipe_text", text)


def _inputs_without(position: int) -> Any:
    def change(document: Any) -> Any:
        inputs = [entry[:position] + entry[position + 1 :] for entry in document["inputs"]]
        return {**document, "inputs": sorted(inputs)}

    return change


def _not_transitive() -> Any:
    def below(self: Closure) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(sorted({name, *(i.producer for i in node.inputs if i.producer)}))
            for name, node in self.nodes.items()
        }

    return _patched(Closure, "below", property(below))


def _empty_is_absent() -> Any:
    whole = resolve.Run._is_usable

    async def usable(self: Any, trace: Trace) -> bool:
        return await whole(self, trace) and self._shop.values.read(trace.value.sha256).table.num_rows > 0

    return _patched(resolve.Run, "_is_usable", usable)


def _snapshot_taken_twice() -> Any:
    whole = resolve.Run.resolve

    def resolving(self: Any, step: Any) -> Any:
        self._snapshot = self._shop.store.catalog.snapshot()
        return whole(self, step)

    return _patched(resolve.Run, "resolve", resolving)


def _generation_ignored() -> Any:
    return _patched(Snapshot, "generation", lambda self, name, version, asset: 0)


MUTANTS = {
    "a setting left out of the resolved key": _node_without_one_setting,
    "settings left out of the recipe": _recipe_changed(
        lambda d: {**d, "settings": _without(d["settings"], "offset")}
    ),
    "weights digest left out of the resolved key": _node_without("weights"),
    "weights digest left out of the recipe": _recipe_changed(lambda d: _without(d, "weights")),
    "an input's parameter name left out": _recipe_changed(_inputs_without(0)),
    "an input's asset left out": _recipe_changed(_inputs_without(1)),
    "an input's value left out": _recipe_changed(_inputs_without(2)),
    "the result's own assets left out": _recipe_changed(lambda d: _without(d, "assets")),
    "version left out of the resolved key": _node_without("version"),
    "version left out of the recipe": _recipe_changed(lambda d: _without(d, "version")),
    "closure not transitive": _not_transitive,
    "an empty result treated as absent": _empty_is_absent,
    "a snapshot taken twice in one ask": _snapshot_taken_twice,
    "generations left out": _generation_ignored,
}


#: What takes the two values that are exchanged, and the asks that give them.
EXCHANGES = {
    "between titles": (
        [Declared("a0", TYPES[0], (("source", ASSET),)), Declared("a1", TYPES[1], (("p0", 0),), "each")],
        Ask("a1", ASSETS[:2]),
        (Ask("a0", ASSETS[:1]), Ask("a0", ASSETS[1:2])),
    ),
    "between parameters": (
        [
            Declared("a0", TYPES[0], (("source", ASSET),)),
            Declared("a1", TYPES[1], (("source", ASSET),)),
            Declared("a2", TYPES[2], (("p0", 0), ("p1", 1))),
        ],
        Ask("a2", ASSETS[:1]),
        (Ask("a0", ASSETS[:1]), Ask("a1", ASSETS[:1])),
    ),
}


def exchanged_values_are_told_apart(folder: Path, exchange: str) -> None:
    """Two values that change places are other inputs, although the names and the values are the same."""
    declared, ask, parts = EXCHANGES[exchange]
    world = World({one.name: one for one in declared}, folder)
    seen: set[tuple[int, ...]] = set()
    with contextlib.closing(memory_store()) as store:
        for version in range(1, 60):
            for part in parts:
                changed = replace(world.declared[part.algorithm], version=str(version))
                world.declared[part.algorithm] = changed
            with contextlib.closing(Engine(store, world.registry())) as engine:
                feature = engine.get(ask, world.listen)
            assert unpacked(feature.value) == world.expected(ask), (
                "a value differs from computing it from scratch"
            )
            seen.add(tuple(world.expected(part) for part in parts))
    assert any((b, a) in seen and a != b for a, b in seen), (
        "the exchange never happened, so nothing was tested"
    )


def far_changes_are_noticed(folder: Path, change: str) -> None:
    """What changes two steps below the asked algorithm changes its key and its value."""
    chain = [
        Declared("a0", TYPES[0], (("source", ASSET),), weight=1),
        Declared("a1", TYPES[1], (("p0", 0),), weight=1),
        Declared("a2", TYPES[2], (("p0", 1),)),
    ]
    world = World({one.name: one for one in chain}, folder)
    numbers: set[int] = set()
    with contextlib.closing(memory_store()) as store:
        for number in range(1, 30):
            ask = Ask("a2", ASSETS[:1], settings={"a0.offset": number} if change == "offset" else {})
            if change != "offset":
                value = number if change == "weight" else str(number)
                world.declared["a0"] = replace(world.declared["a0"], **{change: value})
            with contextlib.closing(Engine(store, world.registry())) as engine:
                feature = engine.get(ask, world.listen)
            assert unpacked(feature.value) == world.expected(ask), (
                "a value differs from computing it from scratch"
            )
            numbers.add(world.expected(ask))
    assert len(numbers) > 1, "the change never changed anything, so nothing was tested"


@pytest.mark.parametrize("change", ["offset", "version", "weight"])
def test_far_changes_are_noticed(tmp_path: Path, change: str) -> None:
    far_changes_are_noticed(tmp_path, change)


@pytest.mark.parametrize("exchange", sorted(EXCHANGES))
def test_exchanged_values_are_told_apart(tmp_path: Path, exchange: str) -> None:
    exchanged_values_are_told_apart(tmp_path, exchange)


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_the_property_notices(mutant: str, tmp_path: Path) -> None:
    hunting = settings(
        max_examples=1000,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with MUTANTS[mutant](), pytest.raises(AssertionError):
        for change in ("offset", "version", "weight"):
            far_changes_are_noticed(tmp_path, change)
        for exchange in EXCHANGES:
            exchanged_values_are_told_apart(tmp_path, exchange)
        hunting(given(worlds(), operations)(play))()

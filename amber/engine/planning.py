"""Plans asks of any number of assets: a few set queries for each algorithm of the graph, whatever their number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from amber.keys import Closure, Node, Snapshot, Step, is_merge, subject
from amber.plan import Plan, PlannedStep, Value, mark_missing, recipe_if_known
from amber.store.protocol import Store


def plan(
    store: Store, closure: Closure, snapshot: Snapshot, tops: Sequence[Step], *, check_blobs: bool = True
) -> Plan:
    """What asking for these steps would do.

    Args:
        store: Is only read.
        closure: The ask's algorithms.
        snapshot: The generations it would see.
        tops: The asked steps.
        check_blobs: Also see that stored values have their bytes, as an ask would; one look at the blobs a value.
    """
    return _Planner(store, closure, snapshot, check_blobs).plan(tops)


@dataclass(frozen=True)
class _Group:
    """Steps of one algorithm; those that merge blocks are a group of their own, as they come after the blocks."""

    node: Node
    steps: Sequence[Step]
    #: For each step, the value that is linked and there.
    linked: Sequence[Value]

    @cached_property
    def missing(self) -> list[Step]:
        """The steps that are not linked."""
        return [step for step, value in zip(self.steps, self.linked, strict=True) if value is None]


class _Planner:
    def __init__(self, store: Store, closure: Closure, snapshot: Snapshot, check_blobs: bool) -> None:
        self._store = store
        self._closure = closure
        self._snapshot = snapshot
        self._check_blobs = check_blobs
        #: What is needed of each algorithm, as far as is known.
        self._needed: dict[str, dict[Step, None]] = {name: {} for name in closure.nodes}
        #: The value of every step decided so far that has one.
        self._values: dict[Step, str] = {}

    def plan(self, tops: Sequence[Step]) -> Plan:
        self._needed[self._closure.asked] = dict.fromkeys(tops)
        groups = self._look_up()
        is_complete = not any(None in group.linked for group in groups)
        seconds = {} if is_complete else self._store.catalog.mean_seconds()
        planned: list[PlannedStep] = []
        for group in reversed(groups):
            planned += self._decide(group, seconds.get((group.node.name, group.node.version)))
        return Plan(tuple(planned))

    def _look_up(self) -> list[_Group]:
        """What is needed and whether it is linked, from the asked algorithm down: below what is linked nothing is needed."""
        groups: list[_Group] = []
        for name in reversed(list(self._closure.nodes)):
            node = self._closure.nodes[name]
            if node.algorithm.is_paired:
                merging = [step for step in self._needed[name] if is_merge(node, step)]
                groups.append(self._linked(node, merging))
                for step in merging:
                    del self._needed[name][step]
            groups.append(self._linked(node, list(self._needed.pop(name))))
        return groups

    def _linked(self, node: Node, steps: Sequence[Step]) -> _Group:
        keys = [self._closure.resolved_key(step, self._snapshot) for step in steps]
        values = self._there(self._store.catalog.linked_values(keys))
        group = _Group(node, steps, [values.get(key) for key in keys])
        for step in group.missing:
            for below in self._closure.steps_below(step):
                self._needed[below.algorithm][below] = None
        return group

    def _there(self, values: dict[str, str]) -> Mapping[str, str]:
        """Those of the values whose bytes are there."""
        if not self._check_blobs:
            return values
        there = self._store.blobs.present(values.values())
        return {key: value for key, value in values.items() if value in there}

    def _decide(self, group: _Group, seconds: float | None) -> Iterator[PlannedStep]:
        """The steps of a group, once those of all groups below it are decided."""
        node = group.node
        subjects = {step: subject(node.name, node.version, step.assets, step.part) for step in group.missing}
        ever = self._store.catalog.traced_subjects(list(subjects.values()))
        recipes = {
            step: recipe_if_known(self._closure, step, self._snapshot, self._values)
            for step, named in subjects.items()
            if named in ever
        }
        known = [recipe for recipe in recipes.values() if recipe is not None]
        made = self._there(self._store.catalog.made_values(known))
        for step, linked in zip(group.steps, group.linked, strict=True):
            if linked is not None:
                self._values[step] = linked
                yield PlannedStep(step, "hit", "stored", 0.0, linked)
                continue
            recipe = recipes.get(step)
            value = made.get(recipe) if recipe is not None else None
            mark, reason = mark_missing(
                node,
                step,
                has_recipe=recipe is not None,
                value=value,
                ever=step in recipes,
                open_inputs=self._open_inputs(step) if step in recipes and recipe is None else (),
            )
            if value is not None:
                self._values[step] = value
            yield PlannedStep(step, mark, reason, 0.0 if mark == "hit" else seconds, value)

    def _open_inputs(self, step: Step) -> list[Step]:
        return [below for below in self._closure.steps_below(step) if below not in self._values]

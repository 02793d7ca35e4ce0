"""Plans asks of any number of assets: a few set queries for each level of the graph, whatever their number."""

from collections.abc import Iterable, Sequence

from amber.keys import Closure, Snapshot, Step, is_merge, subject
from amber.plan import Plan, PlannedStep, Value, mark_missing, recipe_if_known
from amber.store.protocol import Store, Trace


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


class _Planner:
    def __init__(self, store: Store, closure: Closure, snapshot: Snapshot, check_blobs: bool) -> None:
        self._store = store
        self._closure = closure
        self._snapshot = snapshot
        self._check_blobs = check_blobs
        self._planned: dict[Step, PlannedStep] = {}
        self._values: dict[Step, Value] = {}

    def plan(self, tops: Sequence[Step]) -> Plan:
        missing = self._look_up(tops)
        seconds = self._store.catalog.mean_seconds() if missing else {}
        for group in self._groups(missing):
            self._decide(group, seconds)
        return Plan(tuple(self._planned.values()))

    def _look_up(self, tops: Sequence[Step]) -> list[Step]:
        """Note every linked step, level by level from the top; return the steps that are not linked."""
        missing: list[Step] = []
        level, seen = list(dict.fromkeys(tops)), set(tops)
        while level:
            keys = [self._closure.resolved_key(step, self._snapshot) for step in level]
            _, linked = self._store.catalog.lookup_many(keys)
            usable = self._usable(linked)
            below: list[Step] = []
            for step, key in zip(level, keys, strict=True):
                trace = usable.get(key)
                if trace is not None:
                    self._note(PlannedStep(step, "hit", "stored", 0.0, trace.value.sha256))
                    continue
                missing.append(step)
                for entry in self._closure.inputs(step):
                    if entry.step is not None and entry.step not in seen:
                        seen.add(entry.step)
                        below.append(entry.step)
            level = below
        return missing

    def _usable(self, traces: dict[str, Trace]) -> dict[str, Trace]:
        if not self._check_blobs:
            return traces
        there = self._store.blobs.present({trace.value.sha256 for trace in traces.values()})
        return {key: trace for key, trace in traces.items() if trace.value.sha256 in there}

    def _groups(self, missing: Iterable[Step]) -> list[list[Step]]:
        """The missing steps, inputs first: by algorithm, and blocks before what merges them."""
        order = {name: number for number, name in enumerate(self._closure.nodes)}
        groups: dict[tuple[int, bool], list[Step]] = {}
        for step in missing:
            merges = is_merge(self._closure.nodes[step.algorithm], step)
            groups.setdefault((order[step.algorithm], merges), []).append(step)
        return [groups[key] for key in sorted(groups)]

    def _decide(self, group: list[Step], seconds: dict[tuple[str, str], float]) -> None:
        recipes = {step: recipe_if_known(self._closure, step, self._snapshot, self._values) for step in group}
        known = [made for made in recipes.values() if made is not None]
        traces = self._usable(self._store.catalog.traces(known)) if known else {}
        node = self._closure.nodes[group[0].algorithm]
        subjects = {step: subject(node.name, node.version, step.assets, step.part) for step in group}
        ever = self._store.catalog.traced_subjects(list(subjects.values()))
        for step, made in recipes.items():
            trace = traces.get(made) if made else None
            open_inputs = [
                entry
                for entry in self._closure.inputs(step)
                if entry.step is not None and entry.step not in self._values
            ]
            mark, reason = mark_missing(
                node,
                step,
                has_recipe=made is not None,
                value=trace.value.sha256 if trace else None,
                ever=subjects[step] in ever,
                open_inputs=open_inputs,
            )
            cost = 0.0 if mark == "hit" else seconds.get((node.name, node.version))
            self._note(PlannedStep(step, mark, reason, cost, trace.value.sha256 if trace else None))

    def _note(self, planned: PlannedStep) -> None:
        self._planned[planned.step] = planned
        if planned.value is not None:
            self._values[planned.step] = planned.value

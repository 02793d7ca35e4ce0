"""What an ask would do, step by step: the decisions, without any I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from amber.keys import Closure, Node, Snapshot, Step, recipe

#: `hit`: stored. `miss`: will be computed. `depends`: computed unless its inputs come out as they once were.
Mark = Literal["hit", "miss", "depends"]

#: The value digest of an input, None while it is not known.
Value = str | None


class PlannedStep(NamedTuple):
    """What will happen to one step, why, and what it is expected to cost."""

    step: Step
    mark: Mark
    #: A sentence.
    reason: str
    #: Expected wall seconds, from measured history; None if it was never measured, 0 for a hit.
    seconds: float | None
    #: Digest of the value, where it is known.
    value: Value = None


@dataclass(frozen=True)
class Plan:
    """The steps of one or several asks, inputs first."""

    steps: tuple[PlannedStep, ...]

    @property
    def seconds(self) -> float:
        """Expected wall seconds of all steps, as far as they were ever measured."""
        return sum(planned.seconds or 0.0 for planned in self.steps)

    def marked(self, mark: Mark) -> list[PlannedStep]:
        """The steps with this mark."""
        return [planned for planned in self.steps if planned.mark == mark]


def recipe_if_known(
    closure: Closure, step: Step, snapshot: Snapshot, values: Mapping[Step, Value]
) -> str | None:
    """The recipe of a step, or None while the value of one of its inputs is not known."""
    entries = []
    for entry in closure.inputs(step):
        value = entry.label if entry.step is None else values.get(entry.step)
        if value is None:
            return None
        entries.append((entry.parameter, entry.label, value))
    return recipe(closure.nodes[step.algorithm], step, snapshot, entries)


def mark_missing(
    node: Node, step: Step, *, has_recipe: bool, value: Value, ever: bool, open_inputs: Sequence[Step]
) -> tuple[Mark, str]:
    """The mark and reason of a step whose resolved key is not linked.

    Args:
        node: Its algorithm.
        step: The step.
        has_recipe: Whether the values of all its inputs are known.
        value: The value stored for that recipe, if there is one.
        ever: Whether this version was ever computed for these assets, whatever from.
        open_inputs: The steps below it that are not hits.
    """
    if value is not None:
        return "hit", "made from the same inputs before; only linked"
    if not ever:
        return "miss", f"{node.name} {node.version} was never computed for {_titles(step)}"
    if has_recipe:
        return "miss", "nothing is stored that was made with these settings and inputs"
    names = ", ".join(sorted({below.algorithm for below in open_inputs}))
    return "depends", f"computed only if {names} comes out different from before"


def _titles(step: Step) -> str:
    return "this asset" if len(step.assets) == 1 else f"these {len(step.assets)} assets"

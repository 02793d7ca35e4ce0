"""What is decided about a step that is not linked, without any I/O."""

import pytest

from amber.keys import Snapshot, Step, recipe
from amber.plan import Plan, PlannedStep, mark_missing, recipe_if_known
from tests.unit import films
from tests.unit.films import A, B

CLEAN = Snapshot()
VECTORS = Step("vectors", (A,))
CLOSURE = films.registry().closure("pairs")
NODE = CLOSURE.nodes["vectors"]
OPEN = [Step("shots", (A,))]


def test_a_step_whose_recipe_has_a_value_is_a_hit() -> None:
    marked = mark_missing(NODE, VECTORS, has_recipe=True, value="1" * 64, ever=True, open_inputs=())
    assert marked == ("hit", "made from the same inputs before; only linked")


@pytest.mark.parametrize("has_recipe", [True, False])
def test_a_step_that_was_never_computed_is_a_miss_whatever_its_inputs_become(has_recipe: bool) -> None:
    marked = mark_missing(NODE, VECTORS, has_recipe=has_recipe, value=None, ever=False, open_inputs=OPEN)
    assert marked == ("miss", "vectors 2 was never computed for this asset")


def test_a_step_whose_known_inputs_are_new_is_a_miss() -> None:
    mark, reason = mark_missing(NODE, VECTORS, has_recipe=True, value=None, ever=True, open_inputs=())
    assert mark == "miss"
    assert reason == "nothing is stored that was made with these settings and inputs"


def test_a_step_of_unknown_inputs_that_was_computed_before_depends_on_them() -> None:
    inputs = [*OPEN, Step("fine_shots", (A,))]
    marked = mark_missing(NODE, VECTORS, has_recipe=False, value=None, ever=True, open_inputs=inputs)
    assert marked == ("depends", "computed only if fine_shots, shots comes out different from before")


def test_several_titles_are_counted_in_the_reason() -> None:
    node = CLOSURE.nodes["pairs"]
    _, reason = mark_missing(
        node, Step("pairs", (A, B)), has_recipe=False, value=None, ever=False, open_inputs=()
    )
    assert reason == "pairs 1 was never computed for these 2 assets"


def test_a_recipe_is_known_once_the_values_of_all_inputs_are() -> None:
    found, described = Step("shots", (A,)), VECTORS
    step = Step("pairs", (A,))
    assert recipe_if_known(CLOSURE, step, CLEAN, {found: "1"}) is None
    assert recipe_if_known(CLOSURE, step, CLEAN, {found: "1", described: None}) is None
    known = recipe_if_known(CLOSURE, step, CLEAN, {found: "1", described: "2"})
    assert known == recipe(CLOSURE.nodes["pairs"], step, CLEAN, [("found", A, "1"), ("described", A, "2")])


def test_the_recipe_of_what_reads_the_asset_is_known_from_the_asset() -> None:
    found = Step("shots", (A,))
    known = recipe_if_known(CLOSURE, found, CLEAN, {})
    assert known == recipe(CLOSURE.nodes["shots"], found, CLEAN, [("source", A, A)])


def test_a_plan_adds_up_what_was_measured() -> None:
    steps = (
        PlannedStep(Step("shots", (A,)), "hit", "stored", 0.0, "1"),
        PlannedStep(VECTORS, "miss", "new", 2.5),
        PlannedStep(Step("pairs", (A,)), "depends", "perhaps", None),
        PlannedStep(Step("pairs", (B,)), "miss", "new", 0.25),
    )
    plan = Plan(steps)
    assert plan.seconds == 2.75
    assert plan.marked("miss") == [steps[1], steps[3]]
    assert plan.marked("hit") == [steps[0]]
    assert Plan(()).seconds == 0.0

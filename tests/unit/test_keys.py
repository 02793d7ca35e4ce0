"""The two keys: what they cover, and the exact bytes that they hash."""

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.algorithm import WeightsInput
from amber.keys import (
    BLOCKS,
    Closure,
    Node,
    Part,
    Snapshot,
    Step,
    StepInput,
    canonical,
    recipe,
    recipe_text,
    subject,
)
from amber.weights import Weights
from tests.unit import films, plainly
from tests.unit.films import A, B, C

CLEAN = Snapshot()


def closure(name: str = "pairs", **given: Any) -> Closure:
    """The closure of an ask."""
    return films.registry().closure(name, **given)


def key(made: Closure, *assets: str, snapshot: Snapshot = CLEAN) -> str:
    """The resolved key of the asked step."""
    return made.resolved_key(made.step(assets), snapshot)


# Canonical JSON


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ({"rate": 0.9, "count": 1.0}, '{"count":1.0,"rate":0.9}'),
        ({"ß": "日本"}, '{"ß":"日本"}'),
        ([1e16, 1e-7, 0.1 + 0.2], "[1e+16,1e-07,0.30000000000000004]"),
        ('"\\\n', r'"\"\\\n"'),
    ],
)
def test_a_document_has_one_text(document: Any, text: str) -> None:
    assert canonical(document) == text.encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_text(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        canonical({"x": number})


# The resolved key

#: The document that names an ask for `vectors` of one asset, written by hand, so that a changed format is noticed.
VECTORS_DOCUMENT = (
    '{"algorithms":['
    '{"bindings":{"source":""},"name":"shots","settings":{"threshold":3.0},"version":"1","weights":{}},'
    '{"bindings":{"found":"shots"},"name":"vectors","settings":{},"version":"2","weights":{"encoder":"%s"}}],'
    '"asked":"vectors","assets":["%s"],"generations":%s,"part":"whole"}'
)


def test_the_resolved_key_is_the_digest_of_this_text() -> None:
    text = VECTORS_DOCUMENT % (films.DIGEST, A, "[]")
    assert key(closure("vectors"), A) == hashlib.sha256(text.encode()).hexdigest()
    assert key(closure("vectors"), A) == "c143d475ae572e3e7e29153b76f7289d7e8c92e865aa9a53f9b72ae5546da85e"


def test_generations_are_in_the_resolved_key_where_an_invalidation_covers_it() -> None:
    snapshot = Snapshot(3, {("vectors", "2"): 5}, {("shots", "1"): {A: 7, B: 9}})
    text = VECTORS_DOCUMENT % (films.DIGEST, A, f'[["shots","1","{A}",7],["vectors","2","{A}",5]]')
    assert key(closure("vectors"), A, snapshot=snapshot) == hashlib.sha256(text.encode()).hexdigest()


def test_the_text_is_canonical() -> None:
    text = VECTORS_DOCUMENT % (films.DIGEST, A, "[]")
    assert canonical(json.loads(text)) == text.encode()


def test_the_order_and_repetition_of_assets_does_not_matter() -> None:
    made = closure()
    keys = {key(made, *order) for order in itertools.permutations([A, B, C])}
    assert keys == {key(made, A, B, C, A)}
    assert made.step([C, A, C]) == Step("pairs", (A, C))


def test_two_asks_share_a_key_only_if_they_are_the_same_ask() -> None:
    asks = {
        "plain": key(closure(), A),
        "other asset": key(closure(), B),
        "two assets": key(closure(), A, B),
        "other algorithm": key(closure("shots"), A),
        "own setting": key(closure(settings={"pairs.depth": 11}), A),
        "setting of an input's input": key(closure(settings={"shots.threshold": 3.5}), A),
        "binding": key(closure(use={"Shots": "fine_shots"}), A),
        "block": closure().resolved_key(Step("pairs", (A, B), "block"), CLEAN),
    }
    assert len(set(asks.values())) == len(asks)
    assert key(closure(settings={"depth": 10}), A) == asks["plain"]


def changed_node(made: Closure, name: str, /, **changes: Any) -> Closure:
    """The closure with another declaration of one algorithm."""
    node = made.nodes[name]
    changed = Node(replace(node.algorithm, **changes), node.settings, node.inputs)
    return Closure(made.asked, {**made.nodes, name: changed})


def test_every_version_and_weights_digest_below_is_in_the_key() -> None:
    plain = closure("ranking")
    weights = (WeightsInput("encoder", films.Encoder, Weights("some-net", sha256="cd" * 32)),)
    found = [key(changed_node(plain, name, version="99"), A) for name in plain.nodes]
    found.append(key(changed_node(plain, "vectors", weights=weights), A))
    assert len({key(plain, A), *found}) == len(plain.nodes) + 2


def test_where_weights_come_from_and_resources_are_in_no_key() -> None:
    plain = closure("vectors")
    weights = (WeightsInput("encoder", films.Encoder, Weights("renamed", sha256=films.DIGEST)),)
    other = changed_node(
        plain, "vectors", weights=weights, cpus=64.0, gpus=8.0, memory_bytes=1, libraries=("x",)
    )
    assert key(other, A) == key(plain, A)


def test_what_is_not_below_the_asked_algorithm_is_not_in_its_key() -> None:
    made = closure("ranking")
    alone = closure("shots")
    assert made.resolved_key(Step("shots", (A,)), CLEAN) == key(alone, A)
    snapshot = Snapshot(1, {("ranking", "1"): 3, ("pairs", "1"): 4})
    assert made.resolved_key(Step("shots", (A,)), snapshot) == key(alone, A)


def test_an_invalidation_that_does_not_cover_an_ask_leaves_its_key() -> None:
    plain = key(closure("vectors"), A)
    for elsewhere in (
        Snapshot(2, {}, {("shots", "1"): {B: 1}}),
        Snapshot(2, {("shots", "2"): 1}),
        Snapshot(2, {("fine_shots", "7"): 1}),
        Snapshot(2, {("pairs", "1"): 1}),
    ):
        assert key(closure("vectors"), A, snapshot=elsewhere) == plain
    assert key(closure("vectors"), A, snapshot=Snapshot(2, {("shots", "1"): 1})) != plain


# The quicker way

HASHES = st.sampled_from([A, B, C, "0123456789abcdef" * 4])
SETTINGS = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
#: An identifier may have letters of any script.
PARAMETERS = st.sampled_from(["found", "größe", "名"])


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    """An algorithm of any version, with settings of any value."""
    plain = closure().nodes[draw(st.sampled_from(["shots", "vectors", "pairs"]))]
    declared = replace(plain.algorithm, version=draw(st.text(min_size=1)))
    return Node(declared, draw(st.dictionaries(PARAMETERS, SETTINGS, max_size=3)), plain.inputs)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Invalidations of what the closures of these tests have, or of nothing."""
    names = st.sampled_from([(n, node.version) for n, node in closure("ranking").nodes.items()])
    numbers = st.integers(1, 10**12)
    somewhere = st.dictionaries(names, st.dictionaries(HASHES, numbers, max_size=3), max_size=3)
    return Snapshot(1, draw(st.dictionaries(names, numbers, max_size=2)), draw(somewhere))


assets_of_steps = st.lists(HASHES, min_size=1, max_size=4, unique=True).map(lambda some: tuple(sorted(some)))
parts = st.sampled_from(["whole", "block"])


@settings(deadline=None)
@given(st.sampled_from(["shots", "vectors", "pairs", "ranking"]), assets_of_steps, parts, snapshots())
def test_a_resolved_key_is_the_digest_of_the_document_written_plainly(
    name: str, assets: tuple[str, ...], part: Part, snapshot: Snapshot
) -> None:
    made, step = closure("ranking"), Step(name, assets, part)
    document = canonical(plainly.resolved_document(made, step, snapshot))
    assert made.resolved_key(step, snapshot) == hashlib.sha256(document).hexdigest()


@settings(deadline=None)
@given(
    nodes(), assets_of_steps, parts, snapshots(), st.lists(st.tuples(PARAMETERS, HASHES, HASHES), max_size=4)
)
def test_a_recipe_is_the_digest_of_the_document_written_plainly(
    node: Node, assets: tuple[str, ...], part: Part, snapshot: Snapshot, inputs: list[tuple[str, str, str]]
) -> None:
    step = Step(node.name, assets, part)
    document = canonical(plainly.recipe_document(node, step, snapshot, inputs))
    assert recipe_text(node, step, snapshot, inputs).encode() == document
    assert recipe(node, step, snapshot, inputs) == hashlib.sha256(document).hexdigest()


@settings(deadline=None)
@given(st.text(), st.text(), assets_of_steps, parts)
def test_a_subject_is_the_digest_of_the_document_written_plainly(
    algorithm: str, version: str, assets: tuple[str, ...], part: Part
) -> None:
    document = canonical(plainly.subject_document(algorithm, version, assets, part))
    assert subject(algorithm, version, assets, part) == hashlib.sha256(document).hexdigest()


def test_the_steps_below_are_those_of_the_inputs() -> None:
    made = closure("ranking")
    for step in made.steps(made.step([A, B, C])):
        assert made.steps_below(step) == [entry.step for entry in made.inputs(step) if entry.step is not None]


# Generations


def test_the_generation_is_the_latest_invalidation_that_covers_the_asset_else_0() -> None:
    snapshot = Snapshot(9, {("shots", "1"): 4}, {("shots", "1"): {A: 2, B: 7}, ("shots", "2"): {A: 8}})
    assert [snapshot.generation("shots", "1", asset) for asset in (A, B, C)] == [4, 7, 4]
    assert [snapshot.generation("shots", "2", asset) for asset in (A, B)] == [8, 0]
    assert snapshot.generation("vectors", "2", A) == 0
    assert not snapshot.is_clean
    assert CLEAN.is_clean


# The recipe


def vectors_recipe(**changes: Any) -> str:
    """The recipe of `vectors` of A, changed in one respect."""
    given: dict[str, Any] = {
        "node": closure("vectors").nodes["vectors"],
        "step": Step("vectors", (A,)),
        "snapshot": CLEAN,
        "inputs": [("found", A, "1" * 64)],
    }
    return recipe(*{**given, **changes}.values())


RECIPE_TEXT = (
    '{"assets":[["%s",0]],"inputs":[["found","%s","%s"]],"name":"vectors","part":"whole",'
    '"settings":{},"version":"2","weights":{"encoder":"%s"}}'
)


def test_the_recipe_is_the_digest_of_this_text() -> None:
    text = RECIPE_TEXT % (A, A, "1" * 64, films.DIGEST)
    assert vectors_recipe() == hashlib.sha256(text.encode()).hexdigest()
    assert vectors_recipe() == "1efbec30b771e4b87bc6b988084cfe5c72c5a8f3f8bcdb62d316b86ac919d977"


def test_a_recipe_covers_all_that_a_feature_is_made_from() -> None:
    node = closure("vectors").nodes["vectors"]
    plain = closure("vectors")
    weights = (WeightsInput("encoder", films.Encoder, Weights("some-net", sha256="cd" * 32)),)
    recipes = [
        vectors_recipe(),
        vectors_recipe(node=Node(node.algorithm, {"x": 1}, node.inputs)),
        vectors_recipe(node=changed_node(plain, "vectors", version="3").nodes["vectors"]),
        vectors_recipe(node=changed_node(plain, "vectors", name="other").nodes["vectors"]),
        vectors_recipe(node=changed_node(plain, "vectors", weights=weights).nodes["vectors"]),
        vectors_recipe(step=Step("vectors", (B,))),
        vectors_recipe(step=Step("vectors", (A, B))),
        vectors_recipe(step=Step("vectors", (A,), "block")),
        vectors_recipe(snapshot=Snapshot(1, {("vectors", "2"): 1})),
        vectors_recipe(inputs=[("found", A, "2" * 64)]),
        vectors_recipe(inputs=[("found", B, "1" * 64)]),
        vectors_recipe(inputs=[("other", A, "1" * 64)]),
        vectors_recipe(inputs=[("found", A, "1" * 64), ("found", B, "1" * 64)]),
    ]
    assert len(set(recipes)) == len(recipes)


def test_a_recipe_does_not_say_how_its_inputs_were_made() -> None:
    below = Snapshot(1, {("shots", "1"): 1}, {("vectors", "2"): {B: 2}})
    bound = closure("vectors", use={"Shots": "fine_shots"}).nodes["vectors"]
    assert vectors_recipe(snapshot=below) == vectors_recipe(node=bound) == vectors_recipe()


@settings(deadline=None)
@given(st.permutations([("found", A, "1"), ("found", B, "2"), ("described", A, "3"), ("described", B, "2")]))
def test_the_order_of_inputs_does_not_matter(inputs: list[tuple[str, str, str]]) -> None:
    node = closure().nodes["pairs"]
    step = Step("pairs", (A, B), "block")
    assert recipe(node, step, CLEAN, inputs) == recipe(node, step, CLEAN, sorted(inputs))


def test_swapped_values_of_two_titles_are_another_recipe() -> None:
    node = closure().nodes["pairs"]
    step = Step("pairs", (A, B), "block")
    one = recipe(node, step, CLEAN, [("found", A, "1"), ("found", B, "2")])
    assert recipe(node, step, CLEAN, [("found", A, "2"), ("found", B, "1")]) != one


def test_a_subject_is_the_algorithm_version_and_exactly_these_assets() -> None:
    assert subject("shots", "1", (A,)) == hashlib.sha256(f'["shots","1","whole","{A}"]'.encode()).hexdigest()
    subjects = {
        subject("shots", "1", (A,)),
        subject("shots", "2", (A,)),
        subject("vectors", "1", (A,)),
        subject("shots", "1", (B,)),
        subject("shots", "1", (A, B)),
        subject("shots", "1", (A, B), "block"),
    }
    assert len(subjects) == 6


# Steps


def test_a_step_of_one_title_takes_inputs_of_that_title() -> None:
    made = closure()
    assert made.inputs(Step("shots", (A,))) == [StepInput("source", A, None)]
    assert made.inputs(Step("vectors", (A,))) == [StepInput("found", A, Step("shots", (A,)))]
    assert made.inputs(Step("pairs", (A,))) == [
        StepInput("found", A, Step("shots", (A,))),
        StepInput("described", A, Step("vectors", (A,))),
    ]


def test_a_block_takes_inputs_of_both_titles() -> None:
    assert closure().inputs(Step("pairs", (A, B), "block")) == [
        StepInput("found", A, Step("shots", (A,))),
        StepInput("found", B, Step("shots", (B,))),
        StepInput("described", A, Step("vectors", (A,))),
        StepInput("described", B, Step("vectors", (B,))),
    ]


def test_several_titles_are_merged_from_a_block_for_each_pair_a_title_with_itself_included() -> None:
    assert closure().inputs(Step("pairs", (A, B))) == [
        StepInput(BLOCKS, A, Step("pairs", (A,))),
        StepInput(BLOCKS, f"{A}+{B}", Step("pairs", (A, B), "block")),
        StepInput(BLOCKS, B, Step("pairs", (B,))),
    ]


def test_what_is_made_from_a_joint_feature_takes_it_whole() -> None:
    assert closure("ranking").inputs(Step("ranking", (A, B))) == [
        StepInput("described", A, Step("vectors", (A,))),
        StepInput("described", B, Step("vectors", (B,))),
        StepInput("best", f"{A}+{B}", Step("pairs", (A, B))),
    ]


def test_steps_come_each_once_and_inputs_first() -> None:
    made = closure("ranking")
    steps = list(made.steps(made.step([A, B, C])))
    assert len(steps) == len(set(steps))
    places = {step: place for place, step in enumerate(steps)}
    for step in steps:
        for entry in made.inputs(step):
            assert entry.step is None or places[entry.step] < places[step]
    assert Counter(step.algorithm for step in steps) == {"shots": 3, "vectors": 3, "pairs": 7, "ranking": 1}
    assert steps[-1] == made.step([A, B, C])


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_one_more_title_among_n_costs_n_plus_1_blocks(count: int) -> None:
    titles = [f"{n:064x}" for n in range(count + 1)]
    made = closure()

    def blocks(assets: list[str]) -> set[Step]:
        top = made.step(assets)
        found = {s for s in made.steps(top) if s.algorithm == "pairs"}
        return found if len(assets) == 1 else found - {top}

    before, after = blocks(titles[:-1]), blocks(titles)
    assert before <= after
    assert len(after - before) == count + 1


def test_a_block_is_the_same_feature_in_every_ask_that_has_it() -> None:
    made = closure()
    of_two = {e.step for e in made.inputs(made.step([A, B]))}
    of_three = {e.step for e in made.inputs(made.step([C, B, A]))}
    assert of_two < of_three

"""How loaded algorithms fit together: producers, bindings, circles, versions, arities and settings."""

from typing import Any

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Algorithm, Each, Pair, Source, algorithm, result
from amber.errors import (
    AlgorithmNotFoundError,
    BindingError,
    CycleError,
    DeclarationError,
    InputArityError,
    InvalidResultTypeError,
    MissingProducerError,
    SettingError,
    TwoProducersError,
    VersionNotFoundError,
)
from amber.keys import BoundInput
from amber.registry import Registry
from tests.unit import films
from tests.unit.films import FineShots, Pairs, Ranking, Shots, Vectors


def declared(function: Any, version: str = "1", **given: Any) -> Algorithm[..., Any]:
    """The function as an algorithm."""
    return algorithm(version=version, **given)(function)


def made_by(name: str, produced: type, **inputs: Any) -> Algorithm[..., Any]:
    """An algorithm of that name, inputs and result, which computes nothing."""
    scope: dict[str, Any] = {"__name__": __name__}
    exec(f"def {name}({', '.join(inputs)}): ...", scope)
    made = scope[name]
    made.__annotations__ = {**inputs, "return": produced}
    return declared(made)


# Producers


def test_an_input_comes_from_the_producer_of_its_exact_type() -> None:
    closure = films.registry().closure("vectors")
    assert list(closure.nodes) == ["shots", "vectors"]
    assert closure.nodes["vectors"].inputs == (BoundInput("found", "one", "shots"),)
    assert closure.nodes["shots"].inputs == (BoundInput("source", "one", ""),)


def test_a_closure_has_inputs_before_what_is_made_from_them_and_each_once() -> None:
    assert list(films.registry().closure("ranking").nodes) == ["shots", "vectors", "pairs", "ranking"]


def test_an_input_that_nobody_produces_is_refused() -> None:
    with pytest.raises(MissingProducerError) as caught:
        Registry([films.vectors])
    assert str(caught.value) == (
        "input 'found' of algorithm vectors is a Shots, which no loaded algorithm produces; loaded are: vectors"
    )


def test_a_subclass_is_no_producer_of_its_base() -> None:
    with pytest.raises(MissingProducerError, match="is a Shots, which no loaded algorithm produces; "):
        Registry([films.vectors, films.fine_shots])


def test_a_namesake_of_the_missing_type_is_pointed_out() -> None:
    namesake = result(
        type(
            "Shots", (), {"__annotations__": {"start": Int64[np.ndarray, " shot"]}, "__module__": "elsewhere"}
        )
    )
    with pytest.raises(MissingProducerError, match=r"\(that of other is another class, from elsewhere\)"):
        Registry([films.vectors, made_by("other", namesake, source=Source)])


def test_a_type_has_one_producer() -> None:
    with pytest.raises(TwoProducersError) as caught:
        Registry([films.shots, made_by("shots_again", Shots, source=Source)])
    assert str(caught.value) == (
        "both shots and shots_again produce Shots; let one of them return a subclass of Shots, and bind it where it is wanted"
    )


def test_a_result_type_that_cannot_be_stored_is_refused_when_algorithms_load() -> None:
    wrong = result(type("Wrong", (), {"__annotations__": {"x": dict[str, int]}}))
    with pytest.raises(InvalidResultTypeError, match="field 'x' of result type Wrong"):
        Registry([made_by("find", wrong, source=Source)])


def test_algorithms_that_need_each_other_are_refused() -> None:
    with pytest.raises(CycleError) as caught:
        Registry(
            [
                made_by("ranking", Ranking, first=Shots),
                made_by("shots", Shots, found=Vectors),
                made_by("vectors", Vectors, found=Shots),
            ]
        )
    assert str(caught.value) == "algorithms depend on each other in a circle: shots → vectors → shots"


def test_an_algorithm_that_needs_itself_is_refused() -> None:
    with pytest.raises(CycleError, match="in a circle: shots → shots"):
        Registry([made_by("shots", Shots, before=Shots)])


# Bindings


def test_a_binding_of_the_deployment_redirects_every_parameter_of_the_type() -> None:
    closure = films.registry(Shots="fine_shots").closure("pairs")
    assert list(closure.nodes) == ["fine_shots", "vectors", "pairs"]
    assert closure.nodes["vectors"].inputs == (BoundInput("found", "one", "fine_shots"),)
    assert closure.nodes["pairs"].inputs[0] == BoundInput("found", "pair", "fine_shots")


def test_a_binding_of_one_ask_goes_before_the_deployments() -> None:
    registry = films.registry(Shots="fine_shots")
    assert list(registry.closure("vectors", use={"Shots": "shots"}).nodes) == ["shots", "vectors"]
    assert list(registry.closure("vectors").nodes) == ["fine_shots", "vectors"]
    assert list(films.registry().closure("vectors", use={"Shots": "fine_shots"}).nodes) == [
        "fine_shots",
        "vectors",
    ]


def test_what_is_asked_for_by_name_is_not_redirected() -> None:
    assert list(films.registry(Shots="fine_shots").closure("shots").nodes) == ["shots"]


def test_a_binding_may_give_a_type_its_only_producer() -> None:
    registry = Registry([films.vectors, films.fine_shots], {"Shots": "fine_shots"})
    assert list(registry.closure("vectors").nodes) == ["fine_shots", "vectors"]


def test_a_binding_to_what_is_no_such_type_is_refused() -> None:
    with pytest.raises(BindingError) as caught:
        films.registry(Shots="vectors")
    assert str(caught.value) == "vectors produces Vectors, which is no Shots; it cannot be bound to it"
    with pytest.raises(BindingError, match="shots produces Shots, which is no FineShots"):
        films.registry().closure("vectors", use={"FineShots": "shots"})


def test_a_binding_of_an_unknown_type_lists_the_types_there_are() -> None:
    with pytest.raises(BindingError) as caught:
        films.registry().closure("vectors", use={"Shotz": "shots"})
    assert str(caught.value) == (
        "no loaded type is called 'Shotz'; there are: FineShots, Pairs, Ranking, Shots, Vectors"
    )


def test_a_binding_to_an_unknown_algorithm_lists_the_algorithms_there_are() -> None:
    with pytest.raises(AlgorithmNotFoundError) as caught:
        films.registry(Shots="shotz")
    assert str(caught.value) == "no algorithm 'shotz'; there are: fine_shots, pairs, ranking, shots, vectors"


def test_two_types_of_one_name_cannot_be_bound() -> None:
    namesake = result(
        type(
            "Shots", (), {"__annotations__": {"start": Int64[np.ndarray, " shot"]}, "__module__": "elsewhere"}
        )
    )
    registry = Registry([*films.ALL, made_by("other", namesake, source=Source)])
    assert list(registry.closure("vectors").nodes) == ["shots", "vectors"]
    with pytest.raises(
        BindingError, match=r"several types are called Shots \(in elsewhere, tests.unit.films\); "
    ):
        registry.closure("vectors", use={"Shots": "fine_shots"})


def test_a_binding_that_closes_a_circle_is_refused() -> None:
    refined = made_by("refine", FineShots, rough=Shots)
    registry = Registry([films.shots, films.vectors, refined])
    with pytest.raises(CycleError, match="in a circle: refine → refine"):
        registry.closure("vectors", use={"Shots": "refine"})
    with pytest.raises(CycleError, match="in a circle: refine → refine"):
        Registry([films.shots, films.vectors, refined], {"Shots": "refine"})


# Versions


def test_several_versions_count_as_one_producer_and_the_last_listed_is_the_default() -> None:
    one, two = made_by("shots", Shots, source=Source), declared(films.shots.function, "10")
    registry = Registry([two, one, films.vectors])
    assert registry.versions("shots") == ["10", "1"]
    assert registry.get("shots").version == "1"
    assert registry.get("shots", "10") is two
    assert registry.closure("vectors").nodes["shots"].version == "1"
    assert registry.closure("shots", version="10").nodes["shots"].algorithm is two


def test_a_named_version_of_what_is_asked_for_leaves_the_rest_at_the_default() -> None:
    registry = Registry(
        [*films.ALL, declared(films.vectors.function, "3"), declared(films.shots.function, "2")]
    )
    closure = registry.closure("vectors", version="2")
    assert {name: node.version for name, node in closure.nodes.items()} == {"shots": "2", "vectors": "2"}


def test_an_unknown_version_lists_those_there_are() -> None:
    registry = Registry([*films.ALL, declared(films.shots.function, "2")])
    with pytest.raises(VersionNotFoundError) as caught:
        registry.closure("shots", version="3")
    assert str(caught.value) == "no version '3' of shots is loaded; there are: 1, 2"


def test_one_version_is_not_loaded_twice() -> None:
    again = declared(films.shots.function)
    with pytest.raises(DeclarationError) as caught:
        Registry([films.shots, again])
    assert str(caught.value) == (
        "algorithm shots version 1 is loaded twice, from tests.unit.films and tests.unit.films"
    )
    assert Registry([films.shots, films.shots]).versions("shots") == ["1"]


def test_versions_of_one_algorithm_produce_one_type() -> None:
    with pytest.raises(
        DeclarationError, match=r"versions 1 and 2 of algorithm shots produce different types \(Shots, FineSh"
    ):
        Registry([films.shots, declared(films.fine_shots.function, "2", name="shots")])


def test_an_unknown_algorithm_lists_those_there_are() -> None:
    with pytest.raises(AlgorithmNotFoundError) as caught:
        films.registry().closure("shotz")
    assert str(caught.value) == "no algorithm 'shotz'; there are: fine_shots, pairs, ranking, shots, vectors"
    with pytest.raises(AlgorithmNotFoundError, match="there are: none"):
        Registry([]).get("shots")
    assert films.registry().names() == ["fine_shots", "pairs", "ranking", "shots", "vectors"]


# One title or several


def pair_and_one(found: Pair[Shots], described: Vectors) -> Pairs: ...  # type: ignore[empty-body]
def pair_alone(found: Pair[Shots]) -> Pairs: ...  # type: ignore[empty-body]
def joint_and_one(best: Pairs, found: Shots) -> Ranking: ...  # type: ignore[empty-body]
def joint_and_source(found: Each[Shots], source: Source) -> Ranking: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            declared(pair_and_one),
            "algorithm pair_and_one takes a Pair; then every input must be a Pair",
        ),
        (
            declared(pair_alone),
            r"algorithm pair_alone takes a Pair; say how blocks are merged: @algorithm\(..., merge=…\)",
        ),
        (
            declared(joint_and_one),
            r"joint_and_one makes one feature of several titles, but its input 'found' is of one title",
        ),
        (
            declared(joint_and_source),
            r"joint_and_source makes one feature of several titles, but its input 'source' is of one",
        ),
    ],
)
def test_inputs_of_one_title_and_of_several_are_not_mixed(wrong: Algorithm[..., Any], sentence: str) -> None:
    kept = [a for a in films.ALL if a.result is not wrong.result and a.name != "ranking"]
    with pytest.raises(InputArityError, match=sentence):
        Registry([*kept, wrong])


def test_what_is_made_by_each_or_pair_or_from_such_is_joint() -> None:
    registry = films.registry()
    assert [name for name in registry.names() if registry.closure(name).is_joint] == ["pairs", "ranking"]


def test_a_binding_of_one_ask_is_checked_for_titles_too() -> None:
    def count(found: Shots, source: Source) -> Ranking: ...  # type: ignore[empty-body]
    def other(found: Each[Vectors]) -> FineShots: ...  # type: ignore[empty-body]

    registry = Registry(
        [films.shots, declared(count), made_by("vectors", Vectors, s=Source), declared(other)]
    )
    with pytest.raises(
        InputArityError, match="count makes one feature of several titles, but its input 'source'"
    ):
        registry.closure("count", use={"Shots": "other"})


# Settings


def test_every_setting_is_filled_in() -> None:
    nodes = films.registry().closure("pairs").nodes
    assert nodes["shots"].settings == {"threshold": 3.0}
    assert nodes["pairs"].settings == {"depth": 10, "weight": 1.0}


def test_a_setting_reaches_the_algorithm_that_has_it_parsed() -> None:
    closure = films.registry().closure("pairs", settings={"shots.threshold": "2.50", "depth": "5"})
    assert closure.nodes["shots"].settings == {"threshold": 2.5}
    assert closure.nodes["pairs"].settings == {"depth": 5, "weight": 1.0}
    assert films.registry().closure("shots", settings={"threshold": 0.90}).nodes["shots"].settings_text == (
        films.registry().closure("shots", settings={"shots.threshold": "0.9"}).nodes["shots"].settings_text
    )


def two_thresholds(found: Shots, finer: FineShots, *, depth: int = 1) -> Ranking: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"threshold": 1},
            "setting 'threshold' is ambiguous: fine_shots, shots have it; say which",
        ),
        (
            {"width": 1},
            (
                "setting 'width' is unknown: there are: "
                "fine_shots.fine, fine_shots.threshold, shots.threshold, two_thresholds.depth"
            ),
        ),
        (
            {"shots.depth": 1},
            (
                "setting 'shots.depth' is unknown: there are: "
                "fine_shots.fine, fine_shots.threshold, shots.threshold, two_thresholds.depth"
            ),
        ),
        (
            {"pairs.depth": 1},
            "setting 'pairs.depth': 'pairs' is not part of this ask; that is: fine_shots, shots, two_thresholds",
        ),
        ({"depth": 1, "two_thresholds.depth": 1}, "setting two_thresholds.depth is given twice"),
        ({"depth": "many"}, "setting 'depth' must be an int; found 'many'"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(given: dict[str, object], sentence: str) -> None:
    kept = [a for a in films.ALL if a.name != "ranking"]
    registry = Registry([*kept, declared(two_thresholds)])
    with pytest.raises(SettingError) as caught:
        registry.closure("two_thresholds", settings=given)
    assert str(caught.value) == sentence


def test_a_bare_name_that_only_one_algorithm_of_the_ask_has_is_enough() -> None:
    assert films.registry().closure("vectors", settings={"threshold": 1}).nodes["shots"].settings == {
        "threshold": 1.0
    }

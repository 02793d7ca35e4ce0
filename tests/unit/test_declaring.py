"""What `@algorithm` makes of a function, and what it refuses, each with its own sentence."""

import inspect
from typing import Annotated, Any

import pytest

from amber.algorithm import Each, Input, Pair, Source, algorithm
from amber.errors import (
    DeclarationError,
    InvalidResultTypeError,
    SettingWithoutDefaultError,
    UntypedParameterError,
    WeightsUnpinnedError,
)
from amber.weights import Weights
from tests.unit import films
from tests.unit.films import Encoder, Pairs, Shots, Vectors


def declared(function: Any, **given: Any) -> Any:
    """The function as an algorithm of version 1."""
    return algorithm(version="1", **given)(function)


def test_positional_parameters_are_inputs_and_keyword_only_ones_settings() -> None:
    assert films.pairs.inputs == (Input("found", Shots, "pair"), Input("described", Vectors, "pair"))
    assert [(s.name, s.default) for s in films.pairs.settings] == [("depth", 10), ("weight", 1.0)]
    assert films.pairs.result is Pairs
    assert films.ranking.inputs == (Input("described", Vectors, "each"), Input("best", Pairs, "one"))
    assert films.shots.inputs == (Input("source", Source, "one"),)


def test_a_parameter_annotated_with_weights_is_a_model_and_no_input() -> None:
    assert [i.name for i in films.vectors.inputs] == ["found"]
    (model,) = films.vectors.weights
    assert (model.name, model.opener, model.weights.sha256) == ("encoder", Encoder, films.DIGEST)


def test_an_algorithm_stays_a_plain_function() -> None:
    found = films.shots(Source("a" * 64, ()))
    assert films.vectors(found, Encoder()).vectors.shape == (3, 2)
    assert films.vectors.__doc__ == "Vectors."
    assert films.vectors.__name__ == "vectors"
    assert films.vectors.__module__ == "tests.unit.films"
    assert list(inspect.signature(films.pairs).parameters) == ["found", "described", "depth", "weight"]


def test_the_name_is_the_functions_unless_it_is_said() -> None:
    def find(source: Source) -> Shots:
        return films.shots(source)

    assert declared(find).name == "find"
    assert declared(find, name="find_again").name == "find_again"
    assert repr(declared(find)) == "<algorithm find@1>"


def test_resources_are_said_beside_the_settings() -> None:
    def find(source: Source) -> Shots:
        return films.shots(source)

    made = declared(find, cpus=4, gpus=0.5, memory_bytes=1 << 30, libraries=("numpy",))
    assert (made.cpus, made.gpus, made.memory_bytes, made.libraries) == (4, 0.5, 1 << 30, ("numpy",))
    assert made.settings == ()


def test_an_accelerator_may_be_wanted_with_some_settings_and_with_what_is_installed() -> None:
    def find(source: Source, *, model: str = "small") -> Shots:
        return films.shots(source)

    assert declared(find, gpus=1).gpus_with({"model": "small"}) == 1
    some = declared(find, gpus=1, gpus_when={"model": "large"})
    assert (some.gpus_with({"model": "small"}), some.gpus_with({"model": "large"})) == (0, 1)
    assert declared(find, gpus=1, gpus_need="numpy").gpus_with({"model": "small"}) == 1
    assert declared(find, gpus=1, gpus_need="no-such-library").gpus_with({"model": "small"}) == 0
    with pytest.raises(
        DeclarationError, match=r"accelerators of algorithm find depend on .* no setting: flow"
    ):
        declared(find, gpus=1, gpus_when={"flow": "raft"})


def test_one_library_is_a_tuple_too() -> None:
    with pytest.raises(DeclarationError, match=r"are a tuple of names, such as .*; found 'av'"):
        algorithm(version="1", libraries="av")(films.shots.function)  # type: ignore[call-overload]


def no_type(source: Source, other) -> Shots: ...  # type: ignore[no-untyped-def,empty-body]
def no_setting_type(source: Source, *, threshold=1.0) -> Shots: ...  # type: ignore[no-untyped-def,empty-body]
def no_default(source: Source, *, threshold: float) -> Shots: ...  # type: ignore[empty-body]
def no_result(source: Source): ...  # type: ignore[no-untyped-def]
def returns_none(source: Source) -> None: ...
def returns_int(source: Source) -> int: ...  # type: ignore[empty-body]
def several(*sources: Source) -> Shots: ...  # type: ignore[empty-body]
def anything(source: Source, **settings: float) -> Shots: ...  # type: ignore[empty-body]
def before_slash(source: Source, /) -> Shots: ...  # type: ignore[empty-body]
def forgot_the_star(source: Source, threshold: float = 1.0) -> Shots: ...  # type: ignore[empty-body]
def list_setting(source: Source, *, sizes: list[int] = []) -> Shots: ...  # type: ignore[empty-body]  # noqa: B006
def wrong_default(source: Source, *, size: int = 1.5) -> Shots: ...  # type: ignore[empty-body,assignment]
def nan_default(source: Source, *, size: float = float("nan")) -> Shots: ...  # type: ignore[empty-body]
def each_source(sources: Each[Source]) -> Shots: ...  # type: ignore[empty-body]
def pair_of_source(sources: Pair[Source]) -> Shots: ...  # type: ignore[empty-body]
def unknown_name(source: "Nowhere") -> Shots: ...  # type: ignore[empty-body,name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "kind", "sentence"),
    [
        (no_type, UntypedParameterError, "parameter 'other' of algorithm no_type has no type"),
        (
            no_setting_type,
            UntypedParameterError,
            "parameter 'threshold' of algorithm no_setting_type has no type",
        ),
        (
            no_default,
            SettingWithoutDefaultError,
            "setting 'threshold' of algorithm no_default has no default",
        ),
        (no_result, InvalidResultTypeError, "must return a type declared with @result; it says nothing"),
        (returns_none, InvalidResultTypeError, "must return a type declared with @result; it says nothing"),
        (returns_int, InvalidResultTypeError, "must return a type declared with @result; it says int"),
        (several, DeclarationError, r"takes \*sources: .*; inputs and settings are named one by one"),
        (anything, DeclarationError, r"takes \*\*settings: float; inputs and settings are named one by one"),
        (before_slash, DeclarationError, "'source' of algorithm before_slash stands before a `/`"),
        (
            forgot_the_star,
            DeclarationError,
            r"input 'threshold' of .* is float; .* settings are keyword-only \(after \*\)",
        ),
        (
            list_setting,
            DeclarationError,
            r"setting 'sizes' of .* is list\[int\]; a setting is a bool, int, float, str",
        ),
        (
            wrong_default,
            DeclarationError,
            "default of a setting of algorithm wrong_default: setting 'size' must be an int; found 1.5",
        ),
        (nan_default, DeclarationError, "setting 'size' must be a finite float; found nan"),
        (each_source, DeclarationError, "input 'sources' of algorithm each_source is Source; an input is"),
        (pair_of_source, DeclarationError, "input 'sources' of algorithm pair_of_source is Source"),
        (
            unknown_name,
            DeclarationError,
            "types of algorithm unknown_name cannot be found: name 'Nowhere' is not defined",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_own_sentence(
    function: Any, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        declared(function)
    assert type(caught.value) is kind


@pytest.mark.parametrize("version", ["", None, 1])
def test_the_version_is_said(version: Any) -> None:
    def find(source: Source) -> Shots:
        return films.shots(source)

    with pytest.raises(DeclarationError, match=r"algorithm find needs a version, a non-empty string; found "):
        algorithm(version=version)(find)


def test_a_name_that_keys_and_commands_could_not_hold_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'shots@2' needs a name of letters, digits and underscores"):
        declared(films.shots.function, name="shots@2")


def test_a_result_type_that_only_inherits_is_no_result_type() -> None:
    class Finer(Shots):
        """Without @result."""

    def returns(source: Source) -> Finer: ...  # type: ignore[empty-body]
    def takes(found: Finer) -> Shots: ...  # type: ignore[empty-body]

    sentence = "Finer, which inherits from Shots but is not declared with @result itself"
    with pytest.raises(InvalidResultTypeError, match=sentence):
        declared(returns)
    with pytest.raises(DeclarationError, match=sentence):
        declared(takes)


def test_weights_without_a_digest_are_refused_when_the_algorithm_is_declared() -> None:
    def embed(found: Shots, net: Annotated[Encoder, Weights("some-net")]) -> Vectors: ...  # type: ignore[empty-body]

    with pytest.raises(
        WeightsUnpinnedError, match=r"weights 'some-net' have no digest; .* efficientnet-lite0"
    ):
        declared(embed)


def test_weights_need_a_class_that_opens_them() -> None:
    def embed(found: Shots, net: Annotated[dict, Weights("n", sha256=films.DIGEST)]) -> Vectors: ...  # type: ignore[empty-body,type-arg]

    with pytest.raises(DeclarationError, match=r"opened by dict, which has no classmethod `open\(path\)`"):
        declared(embed)


def test_a_merge_gets_only_the_settings_that_it_names() -> None:
    assert films.pairs.merge_settings == ("depth",)
    assert films.shots.merge_settings == ()


def test_a_merge_that_could_not_be_called_is_refused() -> None:
    function = films.pairs.function
    for wrong in (
        lambda blocks, *, width: blocks,
        lambda: None,
        lambda blocks, **settings: blocks,
        lambda blocks, *, depth, found: blocks,
    ):
        with pytest.raises(
            DeclarationError, match=r"settings of the algorithm by name \(depth, weight\); found "
        ):
            declared(function, merge=wrong)


def test_a_merge_without_a_pair_is_refused() -> None:
    with pytest.raises(DeclarationError, match="algorithm shots has a merge function but no Pair input"):
        declared(films.shots.function, merge=films.merge)


def test_each_is_a_mapping_by_asset_in_the_order_of_the_hashes() -> None:
    each = Each({films.A: 1, films.B: 2})
    assert list(each.items()) == [(films.A, 1), (films.B, 2)]
    assert (each[films.B], len(each)) == (2, 2)


def test_a_pair_knows_whether_it_is_of_one_title() -> None:
    assert Pair((films.A, films.A), 1, 1).is_self
    assert not Pair((films.A, films.B), 1, 1).is_self


def test_a_lost_source_says_what_was_tried() -> None:
    from pathlib import Path

    lost = Source("ab" * 32, ()).lost({Path("film.mp4"): "no such file"})
    assert str(lost).startswith("asset abababababab cannot be read any more (film.mp4: no such file); ")
    assert "no location is recorded" in str(Source("ab" * 32, ()).lost({}))

"""Which classes may be results, and what is said of those that may not."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest
from jaxtyping import BFloat16, Complex64, Float, Float32, Int32

from amber.algorithm import File, is_result, result
from amber.codec import columns
from amber.errors import InvalidResultTypeError
from tests.unit.films import FineShots, Shots, Vectors


def test_a_result_is_frozen_and_compared_by_identity() -> None:
    one, two = Shots(start=np.zeros(1, np.int64)), Shots(start=np.zeros(1, np.int64))
    assert one != two
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.start = two.start  # type: ignore[misc]


def test_each_column_has_a_name_a_dtype_and_axes() -> None:
    (column,) = columns(Vectors)
    assert (column.name, column.kind, column.dtype, column.axes) == (
        "vectors",
        "array",
        np.float32,
        ("shot", "2"),
    )
    assert [column.name for column in columns(FineShots)] == ["start", "score"]


def test_only_a_class_that_is_declared_itself_is_a_result() -> None:
    class Inherits(Shots):
        """Without @result."""

    assert is_result(Shots)
    assert is_result(FineShots)
    assert not is_result(Inherits)
    assert not is_result(int)
    assert not is_result("Shots")


def test_class_variables_are_no_columns() -> None:
    @result
    class Named:
        unit: ClassVar[str] = "frames"
        start: Int32[np.ndarray, " shot"]

    assert [column.name for column in columns(Named)] == ["start"]


def refused(**fields: Any) -> str:
    """What is said of a result type with these fields."""
    made = result(type("Wrong", (), {"__annotations__": fields}))
    with pytest.raises(InvalidResultTypeError) as caught:
        columns(made)
    return str(caught.value)


@pytest.mark.parametrize(
    "hint",
    [
        np.ndarray,
        list,
        list[int],
        list[str | None],
        dict[str, int],
        bytes,
        int | str,
        list[str] | None,
        Float32[np.ndarray, " shot"] | None,
        Float[np.ndarray, " shot"],
        Complex64[np.ndarray, " shot"],
        BFloat16[np.ndarray, " shot"],
        Float32[np.ndarray, ""],
        Float32[np.ndarray, "..."],
        Float32[np.ndarray, "*batch shot"],
        Float32[np.ndarray, "shot _"],
        Float32[np.ndarray, "shot n+1"],
    ],
    ids=str,
)
def test_a_field_that_is_no_column_is_refused(hint: Any) -> None:
    said = refused(value=hint)
    assert said.startswith("field 'value' of result type Wrong is ")
    assert "it must be an array with one dtype and named or sized axes" in said


def test_columns_and_scalars_are_not_mixed() -> None:
    assert refused(name=list[str], count=int).startswith("result type Wrong mixes columns and scalars; ")


def test_columns_share_their_first_axis() -> None:
    said = refused(a=Int32[np.ndarray, " shot"], b=Int32[np.ndarray, "frame shot"])
    assert said == "the columns of Wrong must share their first axis; found frame, shot"


def test_a_type_without_fields_is_refused() -> None:
    with pytest.raises(InvalidResultTypeError, match="result type Empty has no fields"):

        @result
        class Empty:
            """Nothing."""


def test_a_class_that_cannot_be_frozen_is_refused_with_the_reason() -> None:
    @dataclasses.dataclass
    class Loose:
        count: int

    with pytest.raises(
        InvalidResultTypeError, match=r"result type Tight cannot be a dataclass: .* non-frozen"
    ):

        @result
        class Tight(Loose):
            """Cannot be."""

    with pytest.raises(InvalidResultTypeError, match=r"cannot be a dataclass: mutable default"):

        @result
        class Defaulted:
            names: list[str] = []  # noqa: RUF012


def test_a_field_that_could_not_be_read_back_is_refused() -> None:
    @result
    class Derived:
        count: int
        double: int = dataclasses.field(init=False, default=0)

    with pytest.raises(
        InvalidResultTypeError, match=r"field 'double' of result type Derived cannot be given"
    ):
        columns(Derived)


def test_a_type_hint_that_names_nothing_is_refused() -> None:
    assert "the types of Wrong's fields cannot be found: name 'Nowhere' is not defined" in refused(
        x="Nowhere"
    )


def test_scalars_may_be_none_where_their_type_says_so() -> None:
    made = result(type("Fine", (), {"__annotations__": {"a": File | None, "b": float, "c": "int | None"}}))
    assert [column.nullable for column in columns(made)] == [True, False, True]

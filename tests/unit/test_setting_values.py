"""How a setting's value is read from a command line or from Python, by its annotation."""

import enum
import math
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.algorithm import Source, algorithm, parse_setting
from amber.errors import DeclarationError, SettingError
from tests.unit.films import Shots


class Colour(enum.StrEnum):
    """A str that is more than a str."""

    RED = "red"


class Small(enum.IntEnum):
    """An int that is more than an int."""

    ONE = 1


@pytest.mark.parametrize(
    ("annotation", "value", "parsed"),
    [
        (float, 0.9, 0.9),
        (float, "0.9", 0.9),
        (float, "0.90", 0.9),
        (float, "9e-1", 0.9),
        (float, 1, 1.0),
        (float, "-0.0", 0.0),
        (int, "7", 7),
        (int, 7, 7),
        (int, 7.0, 7),
        (int, 10**400, 10**400),
        (int, Small.ONE, 1),
        (bool, True, True),
        (bool, "false", False),
        (bool, "True", True),
        (str, "none", "none"),
        (str, "0.90", "0.90"),
        (str, Colour.RED, "red"),
        (Literal["fast", "slow"], "slow", "slow"),
        (Literal[1, 2], "2", 2),
        (float | None, "none", None),
        (float | None, None, None),
        (Optional[float], "0.5", 0.5),  # noqa: UP045 - people write it
        (int | float, "1", 1),
        (int | float, "1.5", 1.5),
        (bool | int, "1", 1),
        (Literal["auto"] | int, "auto", "auto"),
        (Literal["auto"] | int, "3", 3),
        (Literal["auto", None], "none", None),
        (Literal["auto", None], "auto", "auto"),
    ],
)
def test_a_value_is_parsed_by_its_annotation(annotation: Any, value: object, parsed: object) -> None:
    found = parse_setting("x", value, annotation)
    assert found == parsed
    assert type(found) is type(parsed)
    assert math.copysign(1, found) == math.copysign(1, parsed) if isinstance(parsed, float) else True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (float, "nan", "a finite float"),
        (float, math.nan, "a finite float"),
        (float, math.inf, "a finite float"),
        (float, "-inf", "a finite float"),
        (float, "1e999", "a finite float"),
        (float, 10**400, "a finite float"),
        (float, 2**53 + 1, "a finite float"),
        (float, True, "a finite float"),
        (float, None, "a finite float"),
        (float, "", "a finite float"),
        (int, True, "an int"),
        (int, 1.5, "an int"),
        (int, "1.5", "an int"),
        (int, math.inf, "an int"),
        (bool, 1, "true or false"),
        (bool, "yes", "true or false"),
        (str, 1, "a text"),
        (str, "\udcff", "a text"),
        (Literal["fast", "slow"], "medium", "'fast' or 'slow'"),
        (int | None, "x", "an int or none"),
        (Literal["auto", None], "x", "'auto' or none"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(annotation: Any, value: object, expected: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_setting("x", value, annotation)
    assert str(caught.value) == f"setting 'x' must be {expected}; found {value!r}"


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_the_same_from_text(number: float) -> None:
    assert parse_setting("x", repr(number), float) == parse_setting("x", number, float) == number


@settings(deadline=None)
@given(st.integers())
def test_an_int_reads_the_same_from_text(number: int) -> None:
    assert parse_setting("x", str(number), int) == parse_setting("x", number, int) == number


def test_a_described_setting_is_read_as_the_type_that_is_described() -> None:
    @algorithm(version="1")
    def find(source: Source, *, least: Annotated[float, "from 0 to 1"] = 1) -> Shots: ...  # type: ignore[empty-body]

    (setting,) = find.settings
    assert (setting.annotation, setting.default, setting.parse("0.50")) == (float, 1.0, 0.5)


def test_a_choice_that_no_key_can_hold_is_refused() -> None:
    def find(source: Source, *, mode: Literal[b"raw"] = b"raw") -> Shots: ...  # type: ignore[empty-body]

    with pytest.raises(DeclarationError, match="setting 'mode' of algorithm find is"):
        algorithm(version="1")(find)

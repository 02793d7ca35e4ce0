"""A timing class is found through a container's rounding, and not where there is none."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jasper.timing import STANDARD_RATES, presented_ticks, timing_class

CLOCKS = (Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 24000), Fraction(1, 15360))


@given(
    st.sampled_from(STANDARD_RATES),
    st.integers(150, 2000),
    st.sampled_from(CLOCKS),
    st.integers(0, 10**6),
    st.randoms(),
)
def test_a_rate_is_found_in_every_clock_from_any_start(rate, frame_count, clock, start, shuffler) -> None:
    ticks = [round((start + index / rate) / clock) for index in range(frame_count)]
    shuffler.shuffle(ticks)
    assert timing_class(ticks, clock) == rate


@pytest.mark.parametrize("late", [3, 100, -40])
def test_one_frame_out_of_place_is_no_rate(late: int) -> None:
    ticks = [index * 40 for index in range(100)]
    ticks[50] += late
    assert timing_class(ticks, Fraction(1, 1000)) is None


def test_rounding_within_a_millisecond_and_a_tick_is_allowed() -> None:
    ticks = [index * 40 for index in range(100)]
    ticks[50] += 2
    assert timing_class(ticks, Fraction(1, 1000)) == 25


def test_a_missing_frame_is_no_rate() -> None:
    assert timing_class([index * 40 for index in range(100) if index != 30], Fraction(1, 1000)) is None


def test_neighbouring_rates_are_told_apart() -> None:
    for rate in (Fraction(24), Fraction(24000, 1001)):
        ticks = [round(index / rate * 90000) for index in range(12)]
        assert timing_class(ticks, Fraction(1, 90000)) == rate


def test_no_frames_have_no_rate_and_one_frame_has_the_first() -> None:
    assert timing_class([], Fraction(1, 1000)) is None
    assert timing_class([77], Fraction(1, 1000)) == STANDARD_RATES[0]


def test_presented_ticks_count_from_the_first() -> None:
    assert presented_ticks([30, 10, 20]).tolist() == [0, 10, 20]

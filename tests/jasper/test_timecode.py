"""Time codes count as SMPTE says, and every frame of a day has one of its own."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jasper.errors import TimecodeError
from jasper.timecode import Counting

FILM, TAPE = Fraction(24000, 1001), Fraction(30000, 1001)
COUNTINGS = [
    Counting(FILM),
    Counting(Fraction(24)),
    Counting(Fraction(25)),
    Counting(TAPE),
    Counting(TAPE, True),
    Counting(Fraction(30)),
    Counting(Fraction(50)),
    Counting(Fraction(60000, 1001), True),
    Counting(Fraction(120)),
]


@pytest.mark.parametrize(
    ("counting", "frames", "code"),
    [
        # SMPTE ST 12-1: frames 0 and 1 of a minute are not counted, but for minutes 00, 10, 20, 30, 40 and 50.
        (Counting(TAPE, True), 0, "00:00:00;00"),
        (Counting(TAPE, True), 1799, "00:00:59;29"),
        (Counting(TAPE, True), 1800, "00:01:00;02"),
        (Counting(TAPE, True), 17981, "00:09:59;29"),
        (Counting(TAPE, True), 17982, "00:10:00;00"),
        (Counting(TAPE, True), 107892, "01:00:00;00"),
        (Counting(TAPE, True), 2589407, "23:59:59;29"),
        (Counting(TAPE, True), 2589408, "00:00:00;00"),
        (Counting(Fraction(60000, 1001), True), 3600, "00:01:00;04"),
        (Counting(Fraction(60000, 1001), True), 215784, "01:00:00;00"),
        (Counting(TAPE), 108000, "01:00:00:00"),
        (Counting(FILM), 86400, "01:00:00:00"),
        (Counting(Fraction(25)), 90001, "01:00:00:01"),
        (Counting(Fraction(24)), 23, "00:00:00:23"),
        (Counting(Fraction(120)), 119, "00:00:00:119"),
        (Counting(Fraction(25)), -1, "23:59:59:24"),
    ],
)
def test_frames_have_the_codes_that_the_standard_gives(counting: Counting, frames: int, code: str) -> None:
    assert counting.code(frames) == code
    assert counting.frames(code) == frames % counting.frames_a_day


@pytest.mark.parametrize("counting", COUNTINGS, ids=str)
@given(frames=st.integers(0, 10**8))
def test_a_code_names_its_frame(counting: Counting, frames: int) -> None:
    assert counting.frames(counting.code(frames)) == frames % counting.frames_a_day


@pytest.mark.parametrize("counting", COUNTINGS, ids=str)
@given(frames=st.integers(0, 10**7))
def test_codes_rise_with_their_frames(counting: Counting, frames: int) -> None:
    here, there = counting.code(frames), counting.code(frames + 1)
    as_numbers = [tuple(map(int, code.replace(";", ":").split(":"))) for code in (here, there)]
    assert as_numbers[0] < as_numbers[1] or as_numbers[1] == (0, 0, 0, 0)


@given(st.integers(0, 2589407))
def test_drop_frame_keeps_to_the_clock(frames: int) -> None:
    """A code lags by two frames at the end of a minute, and by 86 ms at the end of a day."""
    hours, minutes, seconds, part = map(int, Counting(TAPE, True).code(frames).replace(";", ":").split(":"))
    told = (hours * 60 + minutes) * 60 + seconds + part / 30
    assert abs(told - float(frames / TAPE)) < 2 / 30 + 0.09


def test_twenty_minutes_of_drop_frame_miss_no_number_but_those_that_are_skipped() -> None:
    codes = {Counting(TAPE, True).code(frames) for frames in range(35964)}
    wanted = {
        f"00:{minute:02}:{second:02};{frame:02}"
        for minute in range(20)
        for second in range(60)
        for frame in range(30)
        if second or frame > 1 or minute % 10 == 0
    }
    assert codes == wanted


def test_how_a_code_is_written_says_how_it_counts() -> None:
    assert Counting.of(TAPE, "01:00:00;00") == Counting(TAPE, True)
    assert Counting.of(TAPE, "01:00:00:00") == Counting(TAPE)
    assert Counting(TAPE, True).frames("00:01:00.02") == 1800


@pytest.mark.parametrize(
    ("counting", "code"),
    [
        (Counting(TAPE, True), "00:01:00;01"),
        (Counting(TAPE, True), "00:02:00:02"),
        (Counting(Fraction(25)), "00:00:00:25"),
        (Counting(Fraction(25)), "00:00:00;24"),
        (Counting(Fraction(24)), "24:00:00:00"),
        (Counting(Fraction(24)), "00:60:00:00"),
        (Counting(Fraction(24)), "one o'clock"),
        (Counting(Fraction(24)), "1:00:00:00"),
    ],
)
def test_what_is_no_code_is_refused(counting: Counting, code: str) -> None:
    with pytest.raises(TimecodeError):
        counting.frames(code)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30), Fraction(25), FILM, Fraction(1, 2)])
def test_drop_frame_is_for_two_rates(rate: Fraction) -> None:
    with pytest.raises(TimecodeError):
        Counting(rate, True)

"""Local days: they turn at six, have 23 to 25 hours, and hold each hour once."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.detection.localtime import HOUR_MS, LocalTime, current_hour

LONDON = LocalTime("Europe/London", 6)
HOURS = st.integers(0, 700_000)


def hour_at(year: int, month: int, day: int, hour: int, zone: str = "Europe/London") -> int:
    return int(dt.datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)).timestamp()) // 3600


@given(hour=HOURS, zone=st.sampled_from(["Europe/London", "America/Chicago", "Asia/Kathmandu", "Etc/UTC"]))
def test_an_hour_lies_in_its_day(hour: int, zone: str) -> None:
    local = LocalTime(zone, 6)
    day = local.day_of(hour)

    assert local.first_hour(day) <= hour < local.first_hour(day + 1)
    assert len(local.cells(day)) == local.first_hour(day + 1) - local.first_hour(day)


@pytest.mark.parametrize(
    ("date", "hours"), [((2024, 3, 30), 23), ((2024, 10, 26), 25), ((2024, 7, 1), 24), ((2024, 12, 31), 24)]
)
def test_a_day_is_as_long_as_the_clock_says(date: tuple[int, int, int], hours: int) -> None:
    day = LONDON.day_of(hour_at(*date, 12))

    assert len(LONDON.cells(day)) == hours


def test_a_night_belongs_to_the_day_before() -> None:
    friday = LONDON.day_of(hour_at(2024, 6, 7, 22))

    assert LONDON.day_of(hour_at(2024, 6, 8, 5)) == friday
    assert LONDON.day_of(hour_at(2024, 6, 8, 6)) == friday + 1


def test_the_same_local_hour_keeps_its_cell_over_a_change_of_the_clock() -> None:
    before, after = LONDON.day_of(hour_at(2024, 3, 24, 12)), LONDON.day_of(hour_at(2024, 3, 31, 12))
    place = hour_at(2024, 3, 24, 20) - LONDON.first_hour(before), hour_at(2024, 3, 31, 20) - LONDON.first_hour(after)

    assert LONDON.cells(before)[place[0]] == LONDON.cells(after)[place[1]]


def test_a_whole_hour_belongs_to_the_hour_that_has_ended() -> None:
    assert current_hour(5 * HOUR_MS) == 4
    assert current_hour(5 * HOUR_MS + 1) == 5

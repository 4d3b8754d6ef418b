from __future__ import annotations

import datetime as dt
import doctest
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ingest import objects, times
from streams.ingest.times import time_parser

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONES = [
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/St_Johns",  # until 2011 its clocks changed one minute after midnight
    "Australia/Lord_Howe",  # its clocks change by half an hour
    "Asia/Kathmandu",
    "Pacific/Apia",  # had no 30 December 2011
]
SOME_ZONE = st.sampled_from(ZONES).map(ZoneInfo)
SOME_INSTANT = st.integers(min_value=315_532_800_000, max_value=2_114_380_800_000)


def at(instant: int, zone: ZoneInfo) -> dt.datetime:
    return (EPOCH + dt.timedelta(milliseconds=instant)).astimezone(zone)


def utc(text: str) -> int:
    return int((dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) - EPOCH) / dt.timedelta(milliseconds=1))


@given(SOME_INSTANT, SOME_ZONE, SOME_ZONE)
def test_a_time_with_offset_is_its_instant_whatever_the_zone(instant: int, zone: ZoneInfo, other: ZoneInfo) -> None:
    text = at(instant, zone).isoformat(timespec="milliseconds")

    assert time_parser("auto", other)(text) == instant


@given(SOME_INSTANT, SOME_ZONE)
def test_wall_time_is_the_first_instant_at_which_clocks_show_it(instant: int, zone: ZoneInfo) -> None:
    text = at(instant, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    found = time_parser("auto", zone)(text)

    assert found <= instant
    assert at(found, zone).replace(tzinfo=None, fold=0) == at(instant, zone).replace(tzinfo=None, fold=0)
    assert all(at(found - half * 1_800_000, zone).strftime("%F %T") != text[:19] for half in range(1, 5))


@given(SOME_INSTANT, SOME_ZONE)
def test_an_own_format_says_the_same_as_iso(instant: int, zone: ZoneInfo) -> None:
    wall = at(instant, zone).replace(tzinfo=None)

    own = time_parser("%d/%m/%Y %I:%M:%S %p", zone)(wall.strftime("%d/%m/%Y %I:%M:%S %p"))

    assert own == time_parser("iso", zone)(wall.isoformat(timespec="seconds"))


@given(st.lists(st.tuples(SOME_INSTANT, st.integers(0, 119)), min_size=1), SOME_ZONE)
def test_what_was_parsed_before_makes_no_difference(instants: list[tuple[int, int]], zone: ZoneInfo) -> None:
    texts = [
        at(instant + minute * 60_000, zone).strftime("%Y-%m-%d %H:%M") for instant, minute in instants for _ in range(2)
    ]
    parse = time_parser("iso", zone)

    assert [parse(text) for text in texts] == [time_parser("iso", zone)(text) for text in texts]


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/London", "2020-03-29 00:59", "2020-03-29T00:59"),
        ("Europe/London", "2020-03-29 01:30", "2020-03-29T01:30"),
        ("Europe/London", "2020-03-29 02:00", "2020-03-29T01:00"),
        ("Europe/London", "2020-10-25 00:59", "2020-10-24T23:59"),
        ("Europe/London", "2020-10-25 01:30", "2020-10-25T00:30"),
        ("Europe/London", "2020-10-25 02:00", "2020-10-25T02:00"),
        ("America/New_York", "2016-03-13 02:30", "2016-03-13T07:30"),
        ("America/New_York", "2016-11-06 01:30", "2016-11-06T05:30"),
        ("America/St_Johns", "2008-03-09 00:00:59", "2008-03-09T03:30:59"),
        ("America/St_Johns", "2008-03-09 01:01", "2008-03-09T03:31"),
        ("America/St_Johns", "2008-11-02 00:00:30", "2008-11-02T02:30:30"),
        ("America/St_Johns", "2008-11-02 00:02", "2008-11-02T03:32"),
        ("Australia/Lord_Howe", "2020-04-05 01:45", "2020-04-04T14:45"),
    ],
)
def test_where_clocks_change_the_first_of_two_is_meant_and_the_skipped_moves_on(
    zone: str, wall: str, instant: str
) -> None:
    assert time_parser("auto", ZoneInfo(zone))(wall) == utc(instant)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/London", "2020-03-29"),
        ("Europe/London", "2020-10-25"),
        ("America/St_Johns", "2008-11-02"),
        ("Australia/Lord_Howe", "2020-04-05"),
        ("Australia/Lord_Howe", "2020-10-04"),
    ],
)
def test_every_minute_of_a_day_on_which_clocks_change_is_as_the_zone_says(zone: str, day: str) -> None:
    parse = time_parser("iso", ZoneInfo(zone))
    texts = [f"{day} {minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]

    found = [parse(text) for text in texts]

    said = [dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000 for text in texts]
    assert found == said


def test_numbers_are_milliseconds_unless_seconds_are_asked_for() -> None:
    zone = ZoneInfo("UTC")

    assert time_parser("auto", zone)("0") == 0
    assert time_parser("auto", zone)("-1") == -1
    assert time_parser("epoch_ms", zone)("1593601200000") == 1_593_601_200_000
    assert time_parser("epoch_s", zone)("1593601200") == 1_593_601_200_000
    assert time_parser("epoch_s", zone)("1593601200.5") == 1_593_601_200_500
    assert time_parser("iso", zone)("20200701") == utc("2020-07-01")


@pytest.mark.parametrize("form", ["auto", "iso", "epoch_ms", "epoch_s", "%Y-%m-%d"])
@pytest.mark.parametrize("text", ["soon", "2020-13-01", "2020-02-30", "12:00", "²", "1e5", "0001-01-01T00:00+23:00x"])
def test_what_is_no_time_is_an_error(form: str, text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        time_parser(form, ZoneInfo("Europe/London"))(text)


@pytest.mark.parametrize("form", ["isoo", "", "%Q", "%"])
def test_what_is_no_format_is_an_error(form: str) -> None:
    with pytest.raises(ValueError, match=r"format|none of"):
        time_parser(form, ZoneInfo("UTC"))


@pytest.mark.parametrize("module", [times, objects], ids=lambda module: str(module.__name__))
def test_the_examples_in_the_documentation_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module

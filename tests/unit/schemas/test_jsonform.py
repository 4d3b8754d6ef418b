"""JSON in and out."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import data

from schemas.errors import Malformed
from schemas.events import AlertEvent, Command, Reason, Rejection
from schemas.jsonform import alert_event_json, command_from_json, instant, iso, rejection_json

YEAR_9999 = 253_402_300_799_999


def event(**given_: Any) -> AlertEvent:
    plain = {
        "event_id": "e",
        "alert_id": "a",
        "kind": "OPENED",
        "tense": "ACTUAL",
        "region": "london",
        "level": "borough",
        "group": "robbery",
        "area": "E09000012",
        "areas": ("E09000012",),
        "severity": "ALERT",
        "opened_at": 1_577_836_800_000,
        "clock": 1_577_836_805_000,
        "window": 6,
        "observed": 4,
        "expected": 0.1 + 0.2,
        "lower": 0,
        "upper": 2,
        "score": 5.0,
        "chance_days": None,
        "completeness": 1.0,
        "data_age_s": None,
        "incidents": ("s|1",),
        "reason": "FIRST",
        "changed": "",
        "stands_without_newest": True,
        "inhibited_by": "",
        "silenced_by": "",
        "actor": "",
        "text": "",
        "outcome": "",
        "action": "",
        "model": "m/1",
        "calibration": "c",
    }
    return AlertEvent(**{**plain, **given_})


@given(st.integers(0, YEAR_9999))
def test_an_instant_is_told_in_utc_and_read_back(at: int) -> None:
    told = iso(at)

    expected = dt.datetime.fromtimestamp(at // 1000, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert told == f"{int(expected[: expected.index('-')]):04d}{expected[expected.index('-') :]}.{at % 1000:03d}Z"
    assert instant(told) == at


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_in_any_zone_is_the_same_instant(at: dt.datetime) -> None:
    since = at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

    expected = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    assert instant(at.isoformat()) == expected


def test_an_alert_event_is_one_line_with_the_fields_in_their_fixed_order() -> None:
    line = alert_event_json(event())

    told = json.loads(line)
    assert list(told) == [field.name for field in dataclasses.fields(AlertEvent)]
    assert "\n" not in line
    assert (told["opened_at"], told["clock"]) == ("2020-01-01T00:00:00.000Z", "2020-01-01T00:00:05.000Z")
    assert told["areas"] == ["E09000012"]
    assert told["stands_without_newest"] is True
    assert told["chance_days"] is None


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333"),
        (5, "5.0"),
        (-1e-9, "0.0"),
        (-0.0, "0.0"),
        (123456.7890004, "123456.789"),
    ],
)
def test_numbers_with_a_fraction_are_rounded_to_six_decimals(number: float, told: str) -> None:
    line = alert_event_json(event(score=number))

    assert f'"score":{told},' in line


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_no_word_for_is_a_fault(number: float) -> None:
    with pytest.raises(ValueError, match="score"):
        alert_event_json(event(score=number))


def test_a_rejection_line_holds_key_and_value_to_send_again() -> None:
    rejection = Rejection(
        reason=Reason.CORRUPT,
        detail="d",
        topic="incidents.raw",
        partition=1,
        offset=2,
        received_at=0,
        source="s",
        key=b"s|\xff",
        value=b"\0\1",
    )

    told = json.loads(rejection_json(rejection))

    assert told["reason"] == "corrupt"
    assert told["received_at"] == "1970-01-01T00:00:00.000Z"
    assert told["key"] == "s|\\xff"
    assert base64.b64decode(told["key_base64"]) == rejection.key
    assert base64.b64decode(told["value_base64"]) == rejection.value


def test_a_rejection_without_key_and_value_says_null() -> None:
    rejection = Rejection(
        reason="null_value", detail="", topic="t", partition=0, offset=0, received_at=0, source="", key=None, value=None
    )

    told = json.loads(rejection_json(rejection))

    assert (told["key"], told["key_base64"], told["value_base64"]) == (None, None, None)


@given(data("Inbox").filter(lambda datum: datum["command"] is not None))
def test_a_command_is_read_from_json(datum: Any) -> None:
    expected = Command(**{**datum["command"], "incidents": tuple(datum["command"]["incidents"])})

    assert command_from_json(json.loads(json.dumps(datum["command"]))) == expected


def test_a_command_needs_its_actor_and_takes_defaults_for_the_rest() -> None:
    plain = {"command_id": "c", "kind": "NOTE", "region": "london", "alert_id": "a", "actor": "duty.1"}

    command = command_from_json({**plain, "issued_at": "1970-01-01T00:00:01Z"})

    assert command == Command("c", "NOTE", "london", "a", "duty.1", 1000)
    with pytest.raises(Malformed, match="issued_at is missing"):
        command_from_json(plain)

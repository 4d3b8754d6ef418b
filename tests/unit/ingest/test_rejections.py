"""Which rejections are meant, and how their content is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOON, notification

from schemas.events import Reason, Rejection
from schemas.wire import Wire
from streams.ingest.rejections import Found, Wanted, decoded, described, printable


def found(**changed: object) -> Found:
    fields: dict[str, object] = {
        "reason": Reason.BAD_JSON,
        "detail": "not JSON",
        "topic": "incidents.raw",
        "partition": 3,
        "offset": 17,
        "received_at": NOON,
        "source": "met.cad",
        "key": b"met.cad|1",
        "value": b"{",
    }
    return Found(2, 1041, NOON, Rejection(**{**fields, **changed}))  # type: ignore[arg-type]  # by name


@given(st.text())
def test_what_is_printed_moves_no_cursor_and_turns_no_line(text: str) -> None:
    shown = printable(text)

    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert shown.isascii() or shown.isprintable()
    if text.isprintable():
        assert shown == text


@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_shown(value: bytes) -> None:
    lines = [line for _, line in described(found(value=value, key=value, source=value.decode("latin-1")))]

    assert all(line.isprintable() for line in lines)
    assert len(lines) < 60


def test_a_notification_is_shown_by_its_fields() -> None:
    value = Wire.builtin().encode_notification(notification(source_ref="7", longitude=-0.5))

    lines = list(decoded(value))

    assert {"source_ref = 7", "longitude = -0.5", "kind = REPORTED", "area_code = A"} <= set(lines)
    assert not any(line.startswith("latitude") for line in lines)


def test_json_is_shown_by_its_fields_text_by_its_lines_and_the_rest_by_its_bytes() -> None:
    assert list(decoded(b'{"a": 1, "b\\u001b": "\\u202e"}')) == ["a = 1", "b\\x1b = \\u202e"]
    assert list(decoded(b"1,2\n3\t4")) == ["1,2", "3\\t4"]
    assert list(decoded(b"\x00\x00\x00\x00\x09abc")) == [
        "000000  00 00 00 00 09 61 62 63                          .....abc"
    ]
    assert list(decoded(b"")) == []


def test_a_source_that_could_not_be_read_is_taken_from_the_key() -> None:
    assert found(source="").source == "met.cad"
    assert found(source="", key=b"met.cad").source == ""
    assert found(source="", key=None).source == ""
    assert found(source="las", key=b"met.cad|1").source == "las"


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Wanted(), True),
        (Wanted(reasons={"bad_json", "corrupt"}), True),
        (Wanted(reasons={"corrupt"}), False),
        (Wanted(sources={"met.cad"}), True),
        (Wanted(sources={"las"}), False),
        (Wanted(numbers={"2-1041"}), True),
        (Wanted(numbers={"3-17"}), False),
        (Wanted(since=NOON), True),
        (Wanted(since=NOON + 1), False),
        (Wanted(until=NOON + 1), True),
        (Wanted(until=NOON), False),
        (Wanted(reasons={"bad_json"}, sources={"las"}), False),
    ],
)
def test_every_condition_must_hold(wanted: Wanted, matches: bool) -> None:
    assert wanted.matches(found()) is matches
    assert wanted.is_everything is (wanted == Wanted())

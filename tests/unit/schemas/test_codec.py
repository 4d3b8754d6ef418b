"""The compiled codecs against the Avro library: equal on every record, and on everything that is none."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.judge import WIRE, good, prefix, read
from support.records import RECORDS, accepted, as_datum, as_value, data, decoded, encoded

from schemas.errors import Malformed
from schemas.events import (
    Alert,
    AlertEvent,
    AreaCount,
    Command,
    Contribution,
    Counted,
    HourCount,
    Incident,
    Notification,
    Reason,
    Rejection,
    Tick,
)

NESTED = {"was": Counted, "contributions": Contribution}
CLASSES = {"AreaCount": AreaCount, "AlertEvent": AlertEvent, "Alert": Alert, "Rejection": Rejection}


def value_of(record: str, datum: Any) -> Any:
    """The product's value of what the library holds as dictionaries."""
    if record == "Notification":
        return as_value(Notification, datum, NESTED)
    if record == "Incident":
        return as_value(Incident, {**datum, "notification": encoded("Notification", datum["notification"])}, NESTED)
    if record != "Inbox":
        return as_value(CLASSES[record], datum, NESTED)
    if datum["kind"] == "COUNT":
        head = {name: datum[name] for name in ("origin_partition", "clock")}
        return as_value(HourCount, {**head, **datum["count"]}, NESTED)
    if datum["kind"] == "HEARTBEAT":
        return Tick(datum["origin_partition"], datum["clock"])
    return as_value(Command, datum["command"], NESTED)


RECORD = st.one_of([st.tuples(st.just(record), data(record)) for record in RECORDS])


@st.composite
def altered(draw: st.DrawFn) -> tuple[str, bytes]:
    """The bytes of a record with something done to them."""
    record, datum = draw(RECORD)
    octets = bytearray(encoded(record, datum))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(octets)))
        new = draw(st.binary(max_size=3) | st.sampled_from([b"\0", b"\1", b"\2", b"\x80\0", b"\xff" * 9 + b"\1"]))
        octets[at : at + draw(st.integers(0, 3))] = new
    return record, bytes(octets)


@given(RECORD)
def test_a_record_is_written_as_the_avro_library_writes_it(drawn: tuple[str, Any]) -> None:
    record, datum = drawn

    octets = WIRE.encode(value_of(record, datum))

    assert octets == prefix(record) + encoded(record, datum)


@given(RECORD)
def test_a_record_is_read_as_the_avro_library_reads_it(drawn: tuple[str, Any]) -> None:
    record, datum = drawn

    value = read(record, encoded(record, datum))

    assert value == value_of(record, decoded(record, encoded(record, datum))[0])


@given(RECORD, st.data())
def test_a_torn_record_is_refused_by_both(drawn: tuple[str, Any], more: st.DataObject) -> None:
    record, datum = drawn
    octets = encoded(record, datum)
    torn = octets[: more.draw(st.integers(0, len(octets) - 1))]

    with pytest.raises(Malformed) as refused:
        read(record, torn)

    # a letter of several bytes that is cut in two is first seen as no letter
    assert refused.value.reason in {Reason.TRUNCATED, Reason.CORRUPT}
    assert not accepted(record, torn)


@given(RECORD, st.binary(min_size=1, max_size=20))
def test_bytes_after_the_record_are_refused(drawn: tuple[str, Any], more: bytes) -> None:
    record, datum = drawn

    with pytest.raises(Malformed) as refused:
        read(record, encoded(record, datum) + more)

    assert refused.value.reason == Reason.CORRUPT


@given(altered())
@example(("Inbox", b"\2\0\0\0\0\0"))
@example(("Notification", b""))
def test_altered_bytes_are_read_only_if_they_are_what_a_writer_writes(drawn: tuple[str, bytes]) -> None:
    record, octets = drawn
    fit = good(record, octets)

    if not fit:
        with pytest.raises(Malformed):
            read(record, octets)
        return

    value = read(record, octets)

    assert WIRE.encode(value) == prefix(record) + octets


@given(st.sampled_from(RECORDS), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_as_malformed(record: str, octets: bytes) -> None:
    fit = good(record, octets)

    try:
        read(record, octets)
    except Malformed:
        assert not fit
    else:
        assert fit


@given(data("Incident"))
def test_an_enriched_record_is_its_prefix_and_the_notifications_own_bytes(datum: Any) -> None:
    incident = value_of("Incident", datum)

    octets = WIRE.encode_incident(incident)

    assert octets.endswith(incident.notification)
    assert as_datum(WIRE.notification_from_incident(incident)) == datum["notification"]


@given(data("Incident"), st.binary(max_size=40))
def test_the_body_of_an_enriched_record_is_read_only_when_asked(datum: Any, body: bytes) -> None:
    incident = value_of("Incident", datum)._replace(notification=body)

    octets = WIRE.encode_incident(incident)

    assert WIRE.decode_incident(octets) == incident
    if not accepted("Notification", body):
        with pytest.raises(Malformed):
            WIRE.decode_incident(octets, whole=True)


@pytest.mark.parametrize(
    ("octets", "word"),
    [
        (b"\x80\0", "padded"),
        (b"\xff" * 9 + b"\x02", "64 bits"),
        (b"\xff" * 200_000, "64 bits"),
    ],
)
def test_a_number_that_nobody_writes_is_refused_at_once(octets: bytes, word: str) -> None:
    datum = {"kind": "HEARTBEAT", "origin_partition": 1, "clock": 1, "count": None, "command": None}
    start = encoded("Inbox", datum)[:2]

    with pytest.raises(Malformed, match=word) as refused:
        read("Inbox", start + octets + b"\0\0")

    assert refused.value.reason == Reason.CORRUPT


def test_a_length_that_promises_more_than_there_is_is_a_torn_record() -> None:
    # kind REPORTED, then a source of 2**63 - 1 bytes
    octets = b"\0" + b"\xfe" + b"\xff" * 8 + b"\x01" + b"abc"

    with pytest.raises(Malformed) as refused:
        read("Notification", octets)

    assert refused.value.reason == Reason.TRUNCATED


@given(st.floats(allow_nan=True, width=64))
def test_a_position_keeps_every_bit(number: float) -> None:
    given_ = Notification("REPORTED", "s", "1", 1, None, None, number, -number, None, "c", "x")

    read_back = WIRE.notification.decode(WIRE.encode_notification(given_))

    assert struct.pack("<2d", read_back.longitude, read_back.latitude) == struct.pack("<2d", number, -number)

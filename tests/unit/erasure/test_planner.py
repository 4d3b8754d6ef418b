"""What an erasure finds, and what it says is left."""

from __future__ import annotations

import io

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.erasure.planner import Found, Held, Row, Search, is_left, marks, reference, row_of, withdrawal
from schemas.events import DAY, Kind, Millis
from schemas.settings import from_env
from schemas.wire import Wire

INCIDENT = "met.cad|24-117"
CATALOGUE = from_env({}).catalogue()
DAY_ONE: Millis = 1_700_000_000_000


def searched(topic: str, *records: Held) -> Found:
    search = Search(CATALOGUE[topic], INCIDENT)
    for each in records:
        search.take(each)
    return search.found()


@given(st.text(min_size=1, max_size=200))
def test_an_id_is_found_as_avro_json_and_messagepack_write_it(incident: str) -> None:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "array", "items": "string"}, ["before", incident, "after"])
    avro, json, packed, _ = marks(incident)

    assert avro in written.getvalue()
    assert json in msgspec.json.encode({"incidents": [incident]})
    assert packed in msgspec.msgpack.encode([1, (incident, 2)])


@pytest.mark.parametrize("other", ["met.cad|24-1175", "met.cad|24-11", "xmet.cad|24-117"])
def test_an_incident_with_a_longer_or_shorter_id_is_not_taken_for_it(other: str) -> None:
    values = [msgspec.json.encode([other]), msgspec.msgpack.encode([other]), marks(other)[0]]

    assert searched("detect.inbox", *(Held(DAY_ONE, None, each) for each in values)).records == 0


def test_a_notification_under_a_wrong_key_is_found_by_source_and_reference() -> None:
    told = Wire.builtin().encode_notification(withdrawal(INCIDENT, Row(1, True), DAY_ONE))

    assert searched("incidents.rejected", Held(DAY_ONE, b"wrong", told)).records == 1


@pytest.mark.parametrize(("text", "records"), [(f"of {INCIDENT}, a|7", 1), (f"{INCIDENT}5", 0), (f"x{INCIDENT}", 0)])
def test_in_json_an_incident_is_found_among_other_words(text: str, records: int) -> None:
    assert searched("audit", Held(DAY_ONE, None, msgspec.json.encode({"text": text}))).records == records


def test_a_raw_record_is_found_by_its_key_and_goes_within_retention_and_one_segment() -> None:
    found = searched(
        "incidents.raw",
        Held(DAY_ONE, INCIDENT.encode(), b"bytes that nobody can read"),
        Held(DAY_ONE + DAY, b"met.cad|other", b"{}"),
    )

    assert found == Found(records=1, superseded=0, until=DAY_ONE + (14 + 7) * DAY)


def test_in_a_compacted_topic_what_a_later_record_of_the_key_replaces_is_superseded() -> None:
    named, free = msgspec.msgpack.encode([INCIDENT]), msgspec.msgpack.encode([])
    cell, other = b"A1|knife|5", b"A2|knife|5"

    found = searched("count.journal", Held(1, cell, named), Held(2, other, named), Held(3, cell, free))

    assert found == Found(records=2, superseded=1, until=None)


def test_a_tombstone_supersedes_and_is_not_itself_a_record_of_the_incident() -> None:
    found = searched(
        "enrich.journal",
        Held(1, INCIDENT.encode(), msgspec.msgpack.encode((1, True, ("x",)))),
        Held(2, INCIDENT.encode(), None),
    )

    assert found == Found(records=1, superseded=1, until=None)


def test_the_row_of_the_first_stage_says_revision_and_whether_content_is_left() -> None:
    assert row_of(msgspec.msgpack.encode((7, True, ("london",)))) == Row(7, True)
    assert row_of(msgspec.msgpack.encode((8, False, None))) == Row(8, False)


def test_a_withdrawal_is_a_later_cancellation_that_says_nothing_of_the_incident_and_can_be_read() -> None:
    wire = Wire.builtin()
    told = withdrawal(INCIDENT, Row(7, True), DAY_ONE)

    read, _ = wire.decode_notification(INCIDENT.encode(), wire.encode_notification(told))

    assert (read.kind, read.incident_id, read.revision) == (Kind.CANCELLED, INCIDENT, 8)
    assert (read.category, read.longitude, read.latitude) == ("", None, None)
    assert (read.area_code, read.occurred_at) == (None, None)


def test_nothing_is_left_when_only_the_bare_row_of_the_first_stage_is() -> None:
    nothing, one = Found(records=0, superseded=0, until=None), Found(records=1, superseded=0, until=None)
    two = Found(records=2, superseded=1, until=None)

    assert not is_left([("incidents.raw", nothing), ("enrich.journal", one)], Row(8, False), 0)
    assert is_left([("incidents.raw", nothing), ("enrich.journal", one)], Row(8, True), 0)
    assert is_left([("enrich.journal", two)], Row(8, False), 0)
    assert is_left([("incidents.raw", one)], None, 0)
    assert is_left([("incidents.raw", nothing)], None, 3)


def test_the_reference_in_the_audit_is_the_hash_and_not_the_incident() -> None:
    assert reference("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

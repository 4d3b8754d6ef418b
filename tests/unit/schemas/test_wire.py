"""What comes in on the topics: prefixes, keys, sizes, JSON, other versions, and each way to be refused."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import data, encoded

from schemas.definitions import Json, Known, built_in_id, released, schema
from schemas.errors import Malformed, UsageError
from schemas.events import AreaCount, Command, Incident, Kind, Notification, Reason, Tick
from schemas.wire import Wire

WIRE = Wire.builtin()
NOON = 1_700_049_600_000
PLAIN = Notification("REPORTED", "met.cad", "CAD 7", 1, NOON, NOON, -0.1, 51.5, None, "VAP", "mps")
KEY = b"met.cad|CAD 7"


def refusal(key: bytes | None, value: bytes | None, wire: Wire = WIRE) -> Malformed:
    with pytest.raises(Malformed) as refused:
        wire.decode_notification(key, value)
    return refused.value


def as_json(**given_: Any) -> bytes:
    plain = {"kind": "REPORTED", "source": "met.cad", "source_ref": "CAD 7", "revision": 1}
    return json.dumps({**plain, "category": "VAP", "scheme": "mps", **given_}).encode()


def test_a_notification_comes_with_its_own_bytes_for_carrying_on() -> None:
    value = WIRE.encode_notification(PLAIN)

    notification, body = WIRE.decode_notification(KEY, value)

    assert notification == PLAIN
    assert body == value[5:]


def test_the_prefix_is_a_zero_byte_and_the_built_in_schema_id() -> None:
    value = WIRE.encode_notification(PLAIN)

    assert struct.unpack(">bI", value[:5]) == (0, 0x46420101)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (KEY, None, Reason.NULL_VALUE),
        (None, WIRE.encode_notification(PLAIN), Reason.NULL_KEY),
        (b"", WIRE.encode_notification(PLAIN), Reason.KEY_MISMATCH),
        (b"met.cad|CAD 8", WIRE.encode_notification(PLAIN), Reason.KEY_MISMATCH),
        (b"\xff\xfe", WIRE.encode_notification(PLAIN), Reason.KEY_MISMATCH),
        (KEY, b"", Reason.TRUNCATED),
        (KEY, b"\0FB", Reason.TRUNCATED),
        (KEY, WIRE.encode_notification(PLAIN)[:-1], Reason.TRUNCATED),
        (KEY, WIRE.encode_notification(PLAIN) + b"\0", Reason.CORRUPT),
        (KEY, b"\1" + WIRE.encode_notification(PLAIN)[1:], Reason.BAD_MAGIC),
        (KEY, b"plain text", Reason.BAD_MAGIC),
        (KEY, b"\0\0\0\0\7" + WIRE.encode_notification(PLAIN)[5:], Reason.UNKNOWN_SCHEMA),
        (KEY, WIRE.encode(Tick(0, NOON)), Reason.UNKNOWN_SCHEMA),
        (KEY, b"{" * 100_000, Reason.BAD_JSON),
        (KEY, b'{"a":' * 100_000, Reason.BAD_VALUE),
        (KEY, b'{"a":[' + b"[" * 100_000, Reason.BAD_VALUE),
        (KEY, b'{"kind": "REPORTED"', Reason.BAD_JSON),
        (KEY, b'{"kind": "\xff"}', Reason.BAD_JSON),
        (KEY, b'{"kind": NaN}', Reason.BAD_JSON),
        (KEY, b"{}", Reason.MISSING_FIELD),
        (b"|CAD 7", WIRE.encode_notification(PLAIN._replace(source="")), Reason.BAD_VALUE),
        (b"met.cad|", WIRE.encode_notification(PLAIN._replace(source_ref="")), Reason.BAD_VALUE),
        (b"a|b|c", WIRE.encode_notification(PLAIN._replace(source="a|b", source_ref="c")), Reason.BAD_VALUE),
    ],
)
def test_what_is_no_notification_is_refused_with_its_reason(
    key: bytes | None, value: bytes | None, reason: Reason
) -> None:
    assert refusal(key, value).reason == reason


@pytest.mark.parametrize(
    ("name", "number"), [("revision", -1), ("victims", -1), ("victims", 10_001), ("precision_m", -1)]
)
def test_a_number_beyond_sense_is_refused_by_name_in_avro_and_in_json(name: str, number: int) -> None:
    datum = {**PLAIN._asdict(), name: number}

    avro = refusal(KEY, b"\0FB\1\1" + encoded("Notification", datum))
    plain = refusal(KEY, as_json(**{name: number}))

    assert (avro.reason, plain.reason) == (Reason.BAD_VALUE, Reason.BAD_VALUE)
    assert name in avro.detail
    assert name in plain.detail


@pytest.mark.parametrize("name", ["source", "source_ref", "area_code", "category", "scheme", "event_id", "merged_into"])
def test_a_text_that_is_long_enough_for_a_story_is_refused(name: str) -> None:
    told = "x" * 300
    datum = {**PLAIN._asdict(), name: told}

    avro = refusal(KEY, b"\0FB\1\1" + encoded("Notification", datum))
    plain = refusal(KEY, as_json(**{name: told}))

    assert (avro.reason, plain.reason) == (Reason.BAD_VALUE, Reason.BAD_VALUE)
    assert "xxx" not in avro.detail + plain.detail


def test_a_value_over_the_limit_is_refused_unread() -> None:
    ten_megabytes = b"\0FB\1\1" + b"\xff" * 10_000_000

    assert refusal(KEY, ten_megabytes).reason == Reason.OVERSIZED
    assert refusal(KEY, b"{" + b" " * 100, Wire.builtin(largest=100)).reason == Reason.OVERSIZED


@pytest.mark.parametrize("key", [None, b"", b"heartbeat", b"met.cad|"])
def test_the_key_of_a_heartbeat_is_free(key: bytes | None) -> None:
    beat = PLAIN._replace(kind="HEARTBEAT", source_ref="")

    assert WIRE.decode_notification(key, WIRE.encode_notification(beat))[0] == beat


def test_the_key_of_a_name_with_letters_beyond_ascii_is_its_utf_8() -> None:
    notification = PLAIN._replace(source="käse", source_ref="ø1")

    read, _ = WIRE.decode_notification("käse|ø1".encode(), WIRE.encode_notification(notification))

    assert read == notification


def test_json_gives_the_same_notification_and_bytes_as_avro() -> None:
    value = as_json(occurred_at="2023-11-15T12:00:00Z", published_at=NOON, longitude=-0.1, latitude=51.5)

    assert WIRE.decode_notification(KEY, value) == WIRE.decode_notification(KEY, WIRE.encode_notification(PLAIN))


@pytest.mark.parametrize("kind", list(Kind))
def test_json_says_which_fields_a_kind_needs(kind: Kind) -> None:
    said = as_json(kind=kind, category=None, scheme=None, occurred_at=None)
    optional = {Kind.CANCELLED, Kind.CLOSED, Kind.REINSTATED}

    if kind in optional:
        said = json.dumps({k: v for k, v in json.loads(said).items() if v is not None}).encode()
        notification, _ = WIRE.decode_notification(KEY, said)
        assert (notification.kind, notification.category) == (kind, "")
    else:
        assert refusal(KEY, said).reason == Reason.MISSING_FIELD


@pytest.mark.parametrize(
    ("given_", "name"),
    [
        ({"narrative": "a man was seen"}, "narrative"),
        ({"caller": "x"}, "caller"),
        ({"revision": "1"}, "revision"),
        ({"revision": True}, "revision"),
        ({"revision": 1.5}, "revision"),
        ({"revision": 2**63}, "revision"),
        ({"victims": None, "domestic": "yes"}, "domestic"),
        ({"longitude": "51"}, "longitude"),
        ({"longitude": True}, "longitude"),
        ({"longitude": 10**400}, "longitude"),
        ({"injury": "BAD"}, "injury"),
        ({"injury": None}, "injury"),
        ({"source_ref": 7}, "source_ref"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2023-11-15T12:00:00"}, "occurred_at"),
        ({"occurred_at": "2023-11-15"}, "occurred_at"),
        ({"occurred_at": 1.7e12}, "occurred_at"),
    ],
)
def test_json_with_a_wrong_field_is_refused_by_its_name_without_repeating_it(given_: dict[str, Any], name: str) -> None:
    refused = refusal(KEY, as_json(**given_))

    assert refused.reason == Reason.BAD_VALUE
    assert name in refused.detail
    assert "a man was seen" not in refused.detail


def test_the_name_of_an_unknown_field_is_cut_before_it_can_tell_a_story() -> None:
    refused = refusal(KEY, as_json(**{"he said " * 50: 1}))

    assert len(refused.detail) < 100


@given(st.binary(max_size=60).map(lambda octets: b"{" + octets))
def test_any_bytes_that_begin_like_json_are_read_or_refused(value: bytes) -> None:
    assert refusal(KEY, value).reason in {Reason.BAD_JSON, Reason.BAD_VALUE, Reason.MISSING_FIELD}


def other_version(change: Any) -> tuple[Wire, dict[str, Json], bytes]:
    """A wire that knows a changed schema of notifications under id 9, that schema, and its prefix."""
    changed = schema("Notification")
    change(changed["fields"])
    known = {**dict(released()), 9: Known("Notification", json.dumps(changed))}
    return Wire(known), changed, b"\0\0\0\0\x09"


def with_bare_numbers(changed: dict[str, Json]) -> Any:
    return json.loads(json.dumps(changed).replace('"logicalType"', '"was_logical"'))


def grow(fields: list[Any]) -> None:
    fields.insert(3, {"name": "cordon", "type": ["null", "string"], "doc": "Later.", "default": None})


LATER, LATER_SCHEMA, LATER_PREFIX = other_version(grow)


@given(data("Notification"))
def test_a_later_schema_is_read_and_carried_on_in_the_current_one(drawn: Any) -> None:
    datum = {**drawn, "kind": "HEARTBEAT", "source": "met.cad"}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, with_bare_numbers(LATER_SCHEMA), {**datum, "cordon": "the long story"})

    notification, body = LATER.decode_notification(None, LATER_PREFIX + out.getvalue())

    assert body == encoded("Notification", datum)
    assert LATER.encode_notification(notification)[5:] == body


@pytest.mark.parametrize("octets", [b"", b"\x0e\x02", b"\xff" * 40, b"\0" * 200])
def test_bytes_that_are_not_of_their_later_schema_are_refused(octets: bytes) -> None:
    wire, _, prefix = other_version(lambda fields: fields.pop(3))

    assert refusal(KEY, prefix + octets, wire).reason in {Reason.TRUNCATED, Reason.CORRUPT}


def test_a_schema_that_counts_time_otherwise_is_not_guessed_at() -> None:
    def microseconds(fields: list[Any]) -> None:
        fields[4]["type"] = ["null", {"type": "long", "logicalType": "timestamp-micros"}]

    wire, _, prefix = other_version(microseconds)

    refused = refusal(KEY, prefix + b"\0", wire)

    assert refused.reason == Reason.UNKNOWN_SCHEMA
    assert "timestamp-micros" in refused.detail


def test_with_a_registry_its_ids_are_written_and_the_built_in_ones_still_read() -> None:
    ids = {100 + number: Known(known.record, known.schema) for number, (_, known) in enumerate(released())}
    wire = Wire(ids)

    value = wire.encode_notification(PLAIN)

    assert struct.unpack(">bI", value[:5]) == (0, 100)
    assert wire.decode_notification(KEY, value) == WIRE.decode_notification(KEY, WIRE.encode_notification(PLAIN))
    assert wire.decode_notification(KEY, WIRE.encode_notification(PLAIN))[0] == PLAIN
    assert wire.decode_inbox(WIRE.encode_inbox(Tick(3, NOON))) == Tick(3, NOON)


def test_a_registry_without_our_schemas_is_a_mistake_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="topics apply"):
        Wire({1: Known("Notification", '{"type": "record", "name": "Notification", "fields": []}')})


def test_what_has_no_schema_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="str has no schema"):
        WIRE.encode("text")


def test_a_record_of_another_topic_is_not_taken_for_an_enriched_one() -> None:
    with pytest.raises(Malformed) as refused:
        WIRE.decode_incident(WIRE.encode_notification(PLAIN))

    assert refused.value.reason == Reason.UNKNOWN_SCHEMA


def test_built_in_ids_never_change() -> None:
    assert [hex(built_in_id(record, 1)) for record in ("Notification", "Incident", "Inbox", "AreaCount")] == [
        "0x46420101",
        "0x46420201",
        "0x46420301",
        "0x46420401",
    ]
    assert [hex(built_in_id(record, 1)) for record in ("AlertEvent", "Alert", "Rejection")] == [
        "0x46420501",
        "0x46420601",
        "0x46420701",
    ]


def test_a_value_that_the_schema_does_not_allow_is_not_written() -> None:
    with pytest.raises(KeyError):
        WIRE.encode(PLAIN._replace(kind="MADE_UP"))
    with pytest.raises(ValueError, match="is not from"):
        WIRE.encode(PLAIN._replace(revision=2**63))
    with pytest.raises(ValueError, match="is not from"):
        WIRE.encode(Tick(2**31, 0))


def test_members_of_the_vocabularies_are_written_like_their_words() -> None:
    assert WIRE.encode(PLAIN._replace(kind=Kind.CLOSED)) == WIRE.encode(PLAIN._replace(kind="CLOSED"))


def test_the_codecs_of_public_records_give_back_what_they_were_given() -> None:
    count = AreaCount(
        region="london",
        level="borough",
        area="E09000012",
        group="knife_crime",
        as_of=NOON,
        incidents_1h=1,
        incidents_6h=2,
        incidents_24h=3,
        incidents_7d=4,
        incidents_28d=5,
        expected=None,
        lower=None,
        upper=None,
        state="GREY",
        grey_reason="too_short",
        completeness=0.5,
    )

    assert WIRE.area_count.decode(WIRE.encode(count)) == count


@pytest.mark.parametrize("size", [63, 64, 8191, 8192, 300_000])
def test_a_calibration_of_any_size_comes_through(size: int) -> None:
    command = Command("c", "CALIBRATE", "london", "", "ops.1", NOON, body="x" * size)

    assert WIRE.decode_inbox(WIRE.encode_inbox(command)) == command


def test_an_enriched_heartbeat_has_no_story() -> None:
    beat = Incident(
        "HEARTBEAT",
        1,
        2,
        0,
        NOON,
        "heartbeat",
        "",
        "",
        "",
        (),
        0,
        0,
        None,
        NOON,
        (),
        "",
        "PUBLISHED",
        "",
        "ACTUAL",
        b"",
    )

    assert WIRE.decode_incident(WIRE.encode_incident(beat)) == beat

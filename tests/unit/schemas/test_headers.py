"""CloudEvents 1.0, binary mode of the Kafka binding, as its text has it."""

from __future__ import annotations

import datetime as dt
import re

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Alert, AlertEvent, AlertKind, AreaCount, Change, Incident
from schemas.headers import CloudEvents, ce_type, origin_id

EVENTS = CloudEvents("/firebreak/enrich")
REQUIRED = {"ce_specversion", "ce_id", "ce_source", "ce_type"}


def test_every_required_attribute_is_there_once_and_the_body_is_named() -> None:
    headers = EVENTS.headers("firebreak.incident.added.v1", "3-1041-0", "E09000012", 1_577_836_800_007)

    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"3-1041-0",
        "ce_source": b"/firebreak/enrich",
        "ce_type": b"firebreak.incident.added.v1",
        "ce_subject": b"E09000012",
        "ce_time": b"2020-01-01T00:00:00.007Z",
        "content-type": b"application/avro",
    }
    assert len(headers) == len({name for name, _ in headers})
    assert {name for name, _ in headers} >= REQUIRED
    assert all(re.fullmatch(r"ce_[a-z0-9]+|content-type", name) for name, _ in headers)


def test_the_official_library_reads_what_we_write_and_writes_the_same() -> None:
    headers = dict(EVENTS.headers("firebreak.incident.added.v1", "3-1041-0", "E09000012", 1_577_836_800_007))
    value = b"\0FB\2\1\xff"  # no text

    event = from_binary(KafkaMessage(headers=headers, key=None, value=value), JSONFormat())

    assert (event.get_id(), event.get_source(), event.get_subject()) == ("3-1041-0", "/firebreak/enrich", "E09000012")
    assert event.get_type() == "firebreak.incident.added.v1"
    assert event.get_time() == dt.datetime(2020, 1, 1, 0, 0, 0, 7000, dt.UTC)
    assert event.get_datacontenttype() == "application/avro"
    assert event.get_data() == value
    again = to_binary(event, JSONFormat()).headers
    assert again.keys() == headers.keys()
    assert {name: text for name, text in again.items() if name != "ce_time"} == {
        name: text for name, text in headers.items() if name != "ce_time"
    }


@given(st.lists(st.integers(0, 4_102_444_800_000), min_size=1, max_size=20))
def test_the_time_is_rfc_3339_to_the_millisecond_whatever_came_before(instants: list[int]) -> None:
    for at in instants:
        told = dict(EVENTS.headers("t", "i", "s", at))["ce_time"].decode()

        assert told.endswith("Z")
        read = dt.datetime.fromisoformat(told)
        assert read == dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=at)


def test_each_kind_of_event_has_a_type_of_its_own() -> None:
    types = [ce_type(Incident, change) for change in Change] + [ce_type(AlertEvent, kind) for kind in AlertKind]
    types += [ce_type(AreaCount, "COUNTED"), ce_type(Alert, "STATE")]

    assert len(types) == len(set(types))
    assert all(re.fullmatch(r"firebreak\.[a-z]+\.[a-z]+\.v1", each) for each in types)


def test_the_id_names_partition_offset_and_index() -> None:
    assert len({origin_id(1, 11, 1), origin_id(11, 1, 1), origin_id(1, 1, 11), origin_id(1, 1, 1)}) == 4

"""The examples beside the schemas: one for each situation, each a record as it travels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.judge import WIRE, prefix, read
from support.records import AVRO, decoded, encoded

from schemas.events import AlertKind, Change, Kind
from schemas.jsonform import notification_from_json, values
from schemas.layouts import shape

EXAMPLES = sorted(AVRO.glob("*.example.json"))


def record_of(path: Path) -> str:
    return path.name.partition(".")[0]


def parsed(path: Path) -> dict[str, Any]:
    """The example with every field filled in, as the Avro library wants it."""
    given = values(shape(record_of(path)), json.loads(path.read_text("utf-8")))
    return {name: _listed(each) for name, each in given.items()}


def _listed(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _listed(each) for name, each in node.items()}
    return [_listed(each) for each in node] if isinstance(node, tuple) else node


def situations(record: str) -> set[str]:
    return {path.name.split(".")[1] for path in EXAMPLES if record_of(path) == record}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_survives_the_wire(path: Path) -> None:
    record, datum = record_of(path), parsed(path)
    value = prefix(record) + encoded(record, datum)

    again = WIRE.encode(read(record, value[5:]))

    assert again == value
    assert decoded(record, again[5:]) == (datum, 0)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_names_its_fields_in_the_order_of_the_schema(path: Path) -> None:
    given = json.loads(path.read_text("utf-8"))

    names = [part.name for part in shape(record_of(path)).parts]

    assert list(given) == [name for name in names if name in given]


@pytest.mark.parametrize("path", [p for p in EXAMPLES if record_of(p) == "Notification"], ids=lambda path: path.name)
def test_an_example_of_a_notification_may_be_sent_as_it_stands(path: Path) -> None:
    notification = notification_from_json(json.loads(path.read_text("utf-8")))

    read, _ = WIRE.decode_notification(notification.incident_id.encode(), path.read_bytes())

    assert read == notification


def test_there_is_an_example_of_every_kind_of_message() -> None:
    assert situations("Notification") >= {kind.lower() for kind in Kind}
    assert situations("Incident") >= {change.lower() for change in Change} | {"moved_from", "moved_to"}
    assert situations("Inbox") == {"count", "heartbeat", "command"}
    assert situations("AreaCount") >= {"normal", "alert", "grey", "heartbeat"}
    told = {AlertKind.OPENED, AlertKind.UPDATED, AlertKind.ESCALATED, AlertKind.ENDED, AlertKind.RETRACTED}
    assert situations("AlertEvent") >= {kind.lower() for kind in told} | {"acknowledged", "closed"}
    assert situations("Alert") >= {"open", "acknowledged", "closed", "retracted"}


def test_the_two_halves_of_a_move_have_one_origin() -> None:
    left, entered = (parsed(AVRO / f"Incident.moved_{way}.example.json") for way in ("from", "to"))

    assert (left["change"], entered["change"]) == ("WITHDRAWN", "ADDED")
    assert left["origin_offset"] == entered["origin_offset"]
    assert left["origin_index"] + 1 == entered["origin_index"]
    assert left["area"] != entered["area"]

"""
No record about an incident can hold who was involved, or a story.

Three walls: names of fields, room (no text is long enough for a sentence or two), and an inventory, so that a new
text field needs a line here that says what it holds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.definitions import schema

FORBIDDEN = frozenset(
    """
    name names forename surname firstname lastname alias initials person persons people caller suspect witness officer
    offender accused patient birth dob born age ages address addresses street postcode zip door flat house phone
    telephone mobile msisdn email mail contact narrative story text freetext description describe remark remarks
    comment comments note notes summary details detail statement transcript message body free ethnicity race
    nationality religion gender sex plate vrm passport nhs ssn photo image audio video
    """.split()  # noqa: SIM905 - one word a line would be seventy lines
)
LONGEST = 256
INVENTORY = {
    "Notification.source": "identifier of a system",
    "Notification.source_ref": "identifier of a record",
    "Notification.area_code": "code",
    "Notification.category": "code",
    "Notification.scheme": "identifier of a vocabulary",
    "Notification.event_id": "identifier of a message",
    "Notification.merged_into": "identifier of a record",
    "Incident.incident_id": "identifier made of source and source_ref",
    "Incident.region": "identifier of a region pack",
    "Incident.area": "code",
    "Incident.ward": "code",
    "Incident.groups": "codes",
    "Incident.quality": "codes",
    "Incident.category": "code",
    "Incident.vintage": "version",
    "Counted.area": "code",
    "Counted.ward": "code",
    "Counted.groups": "codes",
    "AreaCount.region": "identifier of a region pack",
    "AreaCount.level": "code",
    "AreaCount.area": "code",
    "AreaCount.group": "code",
    "AreaCount.grey_reason": "code",
    "HourCount.region": "identifier of a region pack",
    "HourCount.level": "code",
    "HourCount.area": "code",
    "HourCount.group": "code",
    "Contribution.incident_id": "identifier",
    "Contribution.quality": "codes",
}
STAFF = {
    "Command": {"text", "body"},
    "AlertEvent": {"text", "data_age_s"},
}
"""What duty staff write of an alert, of an area and never of an incident's people; a calibration; the age of data."""


def breaches(node: Any) -> list[str]:
    """Fields of a schema that could hold a person or a story."""
    return [breach for record in _records(node) for field in record["fields"] for breach in _breaches(record, field)]


def _breaches(record: Any, field: Any) -> Iterator[str]:
    where, words = f"{record['name']}.{field['name']}", set(field["name"].lower().split("_"))
    words |= {field["name"].lower().replace("_", "")} | set(field.get("aliases", ()))
    if words & FORBIDDEN and field["name"] not in STAFF.get(record["name"], ()):
        yield f"{where} is named like what we do not hold"
    kinds = list(_primitives(field["type"]))
    if not {"string", "bytes", "map", "fixed"} & set(kinds) or record["name"] in {*STAFF, "Alert"}:
        return
    if set(kinds) & {"bytes", "map", "fixed"}:
        yield f"{where} can hold anything"
    elif where not in INVENTORY:
        yield f"{where} is a text that nobody has accounted for"
    elif record["name"] == "Notification" and not field.get("max_bytes", LONGEST + 1) <= LONGEST:
        yield f"{where} has room for a story"


def _records(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for each in node:
            yield from _records(each)
    elif isinstance(node, dict):
        if node.get("type") == "record":
            yield node
            for field in node["fields"]:
                yield from _records(field["type"])
        elif node.get("type") == "array":
            yield from _records(node["items"])


def _primitives(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for each in node:
            yield from _primitives(each)
    elif node["type"] == "array":
        yield from _primitives(node["items"])
    elif node["type"] not in ("record", "enum"):
        yield node["type"]


@pytest.mark.parametrize("record", ["Notification", "Incident", "Inbox", "AreaCount", "AlertEvent", "Alert"])
def test_no_field_can_hold_a_person_or_a_story(record: str) -> None:
    assert breaches(schema(record)) == []


@pytest.mark.parametrize(
    "field",
    [
        {"name": "victim_name", "type": "string"},
        {"name": "caller", "type": ["null", "string"]},
        {"name": "date_of_birth", "type": "long"},
        {"name": "address", "type": "string"},
        {"name": "phone_number", "type": "string"},
        {"name": "narrative", "type": "string"},
        {"name": "free_text", "type": "string"},
        {"name": "extra", "type": "string", "max_bytes": 20},
        {"name": "source_ref", "type": "string"},
        {"name": "source_ref", "type": "string", "max_bytes": 4000},
        {"name": "attachment", "type": "bytes"},
        {"name": "more", "type": {"type": "map", "values": "string"}},
        {"name": "more", "type": {"type": "array", "items": "string"}},
        {"name": "who", "type": {"type": "record", "name": "Who", "fields": [{"name": "surname", "type": "string"}]}},
    ],
)
@pytest.mark.parametrize("record", ["Notification", "Incident"])
def test_a_field_that_could_is_refused(record: str, field: dict[str, Any]) -> None:
    changed: Any = copy.deepcopy(schema(record))
    if record == "Incident" and field["name"] == "source_ref":
        changed = changed["fields"][-1]["type"]
    changed["fields"] = [each for each in changed["fields"] if each["name"] != field["name"]] + [field]

    assert breaches(changed) != []

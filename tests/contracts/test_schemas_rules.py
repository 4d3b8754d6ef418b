"""The rules that make our schemas readable everywhere, shown to bite on planted mistakes."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from schemas import events
from schemas.definitions import RECORD_NUMBERS, schema

AVRO = Path(__file__).parents[2] / "schemas" / "avro"
PUBLIC = ("Notification", "Incident", "AreaCount", "AlertEvent", "Alert")
RESERVED = {"window", "timestamp", "key", "order", "group", "value", "offset", "partition", "time", "date", "table"}
GIVEN = {"group", "window"}
"""Reserved words that the names of this field are worth: readers quote them."""

ENUMS = {
    "Kind": events.Kind,
    "Precision": events.Precision,
    "Tense": events.Tense,
    "Injury": events.Injury,
    "Weapon": events.Weapon,
    "LocationType": events.LocationType,
    "Handling": events.Handling,
    "Change": events.Change,
    "TimeRule": events.TimeRule,
    "CommandKind": events.CommandKind,
    "Severity": events.Severity,
    "AreaState": events.AreaState,
    "AlertKind": events.AlertKind,
}
CLASSES: dict[str, type] = {
    "Notification": events.Notification,
    "Incident": events.Incident,
    "Counted": events.Counted,
    "Contribution": events.Contribution,
    "Command": events.Command,
    "AreaCount": events.AreaCount,
    "AlertEvent": events.AlertEvent,
    "Alert": events.Alert,
    "Rejection": events.Rejection,
}
TIMES = re.compile(r"(_at|^clock|^hour|^as_of|^until|_until)$")


def types(node: Any) -> Iterator[Any]:
    """Every type within a schema, itself first."""
    yield node
    if isinstance(node, list):
        for each in node:
            yield from types(each)
    elif isinstance(node, dict):
        for field in node.get("fields", ()):
            yield from types(field["type"])
        for inner in ("items", "type"):
            if isinstance(node.get(inner), dict | list):
                yield from types(node[inner])


def named(kind: str, *records: str) -> dict[str, Any]:
    """Every record or enum of the given records, by name."""
    every = (each for record in records for each in types(schema(record)))
    return {each["name"]: each for each in every if isinstance(each, dict) and each.get("type") == kind}


def faults(record: Any, *, public: bool = True) -> list[str]:
    """What is wrong with one record schema, a line for each fault."""
    found = []
    for each in types(record):
        if isinstance(each, dict) and each.get("type") in ("record", "enum"):
            found += _named_faults(each)
        if isinstance(each, list) and (len(each) != 2 or each[0] != "null"):
            found.append(f"union {each} is not of null and one type")
        if isinstance(each, dict) and each.get("logicalType", "timestamp-millis") != "timestamp-millis":
            found.append(f"logical type {each['logicalType']}")
        if public and each in ("bytes", "fixed"):
            found.append("bytes in a public record")
        if isinstance(each, dict) and each.get("type") == "record":
            for field in each["fields"]:
                found += _field_faults(field, public=public)
    return found


def _named_faults(node: Any) -> list[str]:
    found = [] if node.get("doc") else [f"{node['name']} has no doc"]
    if node["type"] == "enum" and node.get("default") not in node["symbols"]:
        found.append(f"enum {node['name']} has no default")
    names = [field["name"].lower() for field in node.get("fields", ())]
    if len(names) != len(set(names)):
        found.append(f"names of {node['name']} differ by case only")
    return found


def _field_faults(field: Any, *, public: bool) -> list[str]:
    name, kind = field["name"], field["type"]
    found = [] if field.get("doc", "").endswith(".") else [f"{name} has no doc"]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        found.append(f"{name} is not in lower case")
    if public and name in RESERVED - GIVEN:
        found.append(f"{name} is a reserved word")
    if isinstance(kind, list) and ("default" not in field or field["default"] is not None):
        found.append(f"{name} may be null, but that is not its default")
    inner = kind[1] if isinstance(kind, list) else kind
    if name.endswith("_id") and inner != "string":
        found.append(f"{name} is an id, but no string")
    if TIMES.search(name) and inner != {"type": "long", "logicalType": "timestamp-millis"}:
        found.append(f"{name} is an instant, but not in milliseconds")
    if inner in ("double", "int", "long") and not re.search(UNITS, field.get("doc", "")):
        found.append(f"{name} is a number of no unit")
    return found


UNITS = (
    r"degrees|metres|hours|seconds|incidents|people|0 to 1|without unit|days|from 0|transitions"
    r"|0 or more|Partition|Offset|Number of"
)


@pytest.mark.parametrize("record", RECORD_NUMBERS)
def test_a_schema_keeps_the_rules(record: str) -> None:
    assert faults(schema(record), public=record in PUBLIC) == []


def _planted(field: dict[str, Any]) -> Any:
    changed = copy.deepcopy(schema("AreaCount"))
    fields: Any = changed["fields"]
    fields.append(field)
    return changed


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ({"name": "extra", "type": "string"}, "extra has no doc"),
        ({"name": "Extra", "type": "string", "doc": "X."}, "Extra is not in lower case"),
        ({"name": "Area", "type": "string", "doc": "X."}, "names of AreaCount differ by case only"),
        ({"name": "timestamp", "type": "string", "doc": "X."}, "timestamp is a reserved word"),
        ({"name": "extra", "type": ["string", "null"], "doc": "X.", "default": ""}, "is not of null and one type"),
        ({"name": "extra", "type": ["null", "string"], "doc": "X."}, "extra may be null"),
        ({"name": "extra", "type": ["null", "string", "int"], "doc": "X.", "default": None}, "not of null and one"),
        ({"name": "extra", "type": "bytes", "doc": "X."}, "bytes in a public record"),
        ({"name": "extra_id", "type": "long", "doc": "Number of."}, "extra_id is an id"),
        ({"name": "extra_at", "type": "long", "doc": "Number of."}, "extra_at is an instant"),
        ({"name": "extra", "type": "int", "doc": "How far."}, "extra is a number of no unit"),
        ({"name": "extra", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "X."}, "logical type"),
        (
            {"name": "extra", "type": {"type": "enum", "name": "E", "symbols": ["A"], "doc": "X."}, "doc": "X."},
            "enum E has no default",
        ),
    ],
)
def test_a_planted_mistake_is_found(field: dict[str, Any], fault: str) -> None:
    assert fault in "\n".join(faults(_planted(field)))


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_words_of_the_shared_language(name: str) -> None:
    symbols = named("enum", *RECORD_NUMBERS)[name]["symbols"]

    assert symbols == [word.value for word in ENUMS[name]]


def test_no_enum_is_without_its_words() -> None:
    assert set(named("enum", *RECORD_NUMBERS)) - set(ENUMS) == {"InboxKind"}


@pytest.mark.parametrize("name", CLASSES)
def test_a_record_has_the_fields_of_its_value_in_the_same_order(name: str) -> None:
    record = named("record", *RECORD_NUMBERS)[name]

    assert [field["name"] for field in record["fields"]] == _fields(CLASSES[name])


def _fields(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return list(kind._fields)  # type: ignore[attr-defined]  # a named tuple has it


def test_an_hour_count_has_the_fields_of_its_value_after_origin_and_clock() -> None:
    record = named("record", "Inbox")["HourCount"]

    names = ["origin_partition", "clock", *(field["name"] for field in record["fields"])]

    assert names == list(events.HourCount._fields)


@pytest.mark.parametrize("name", ["Notification", "Command"])
def test_a_default_is_the_same_in_the_schema_and_in_the_value(name: str) -> None:
    record = named("record", *RECORD_NUMBERS)[name]
    in_schema = {field["name"]: field["default"] for field in record["fields"] if "default" in field}

    in_value = CLASSES[name]._field_defaults  # type: ignore[attr-defined]  # a named tuple has it

    plain = {field: list(value) if isinstance(value, tuple) else value for field, value in in_value.items()}
    assert {field: in_schema[field] for field in in_value} == plain


@pytest.mark.parametrize(
    ("record", "field", "words"),
    [
        ("Incident", "quality", events.Quality),
        ("AlertEvent", "reason", events.AlertReason),
        ("Rejection", "reason", events.Reason),
    ],
)
def test_open_lists_of_codes_are_told_in_the_documentation(record: str, field: str, words: type[StrEnum]) -> None:
    fields: Any = schema(record)["fields"]
    doc = next(each["doc"] for each in fields if each["name"] == field)

    told = set(re.findall(r"\b[A-Za-z]+_?[A-Za-z_]*\b", doc.partition(":")[2].partition(".")[0]))

    assert told == {word.value for word in words}


def test_the_last_field_of_an_incident_is_the_notification() -> None:
    fields: Any = schema("Incident")["fields"]
    alone: Any = schema("Notification")

    within = fields[-1]["type"]

    assert within["name"] == "Notification"
    assert [field["name"] for field in within["fields"]] == [field["name"] for field in alone["fields"]]


def test_files_hold_one_definition_each_named_like_it() -> None:
    for path in AVRO.glob("*.avsc"):
        node = json.loads(path.read_text("utf-8"))
        assert (node["name"], node["namespace"]) == (path.stem, "firebreak.v1")

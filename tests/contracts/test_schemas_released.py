"""
What was released stays readable: FULL_TRANSITIVE for public records, backward for internal ones.

Each pair of versions is tried for real, with records that one writes and the other reads. Two changes that every such
trial is blind to (another unit of time, a string that becomes bytes) are found by comparing types.
"""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Callable
from itertools import permutations
from typing import Any

import fastavro
import pytest
from support.records import NOW

from schemas.definitions import RECORD_NUMBERS, releases, schema, without_logical_types

PUBLIC = ("Notification", "Incident", "AreaCount", "AlertEvent", "Alert")
TRIALS = 50
REFUSED = (fastavro.read.SchemaResolutionError, EOFError, LookupError, ValueError, TypeError)


def made(node: Any, rnd: random.Random, named: dict[str, Any]) -> Any:
    """A random datum of a schema."""
    if isinstance(node, list):
        return None if rnd.random() < 0.3 else made(node[1], rnd, named)
    if isinstance(node, str) and node in named:
        node = named[node]
    kind = node["type"] if isinstance(node, dict) else node
    if kind in ("record", "enum"):
        named[node["name"]] = named[f"firebreak.v1.{node['name']}"] = node
    if kind == "record":
        return {field["name"]: made(field["type"], rnd, named) for field in node["fields"]}
    if kind == "array":
        return [made(node["items"], rnd, named) for _ in range(rnd.randrange(3))]
    simple: dict[str, Callable[[], Any]] = {
        "enum": lambda: rnd.choice(node["symbols"]),
        "string": lambda: rnd.choice(["", "x", "ward"]),
        "int": lambda: rnd.choice([0, 1, 2**31 - 1, -(2**31)]),
        "long": lambda: rnd.choice([0, NOW, 2**63 - 1]),
        "double": rnd.random,
        "boolean": lambda: rnd.random() < 0.5,
        "bytes": lambda: rnd.choice([b"", b"\xff\xfe"]),
    }
    return simple[kind]()


def reads(reader: Any, writer: Any) -> bool:
    """Whether *reader* reads what *writer* writes."""
    rnd = random.Random(7)
    bare_writer, bare_reader = _parsed(writer), _parsed(reader)
    for _ in range(TRIALS):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, bare_writer, made(bare_writer, rnd, {}))
        try:
            fastavro.schemaless_reader(io.BytesIO(out.getvalue()), bare_writer, bare_reader)
        except REFUSED:
            return False
    return True


def _parsed(node: Any) -> Any:
    bare: Any = without_logical_types(copy.deepcopy(node))
    return fastavro.parse_schema(bare)


def retyped(one: Any, other: Any) -> list[str]:
    """Fields of the same name whose bare types differ, or whose instants are counted otherwise."""
    if not (isinstance(one, dict) and isinstance(other, dict) and "fields" in one and "fields" in other):
        return []
    there = {field["name"]: field for field in other["fields"]}
    found = []
    for field in one["fields"]:
        if field["name"] in there:
            left, right = _inner(field["type"]), _inner(there[field["name"]]["type"])
            if _sort(left) != _sort(right):
                found.append(field["name"])
            found += retyped(left, right)
    return found


def _inner(node: Any) -> Any:
    return node[1] if isinstance(node, list) else node


def _sort(node: Any) -> Any:
    """A named type by its name, any other by its type and what it counts."""
    if isinstance(node, str):
        return (node.rpartition(".")[2], None)
    return (node["name"].rpartition(".")[2] if "name" in node else node["type"], node.get("logicalType"))


def compatible(record: str, versions: list[Any]) -> bool:
    """Whether each version reads each other (public), or the last reads all (internal)."""
    pairs = permutations(versions, 2) if record in PUBLIC else ((versions[-1], each) for each in versions[:-1])
    return all(reads(reader, writer) and not retyped(reader, writer) for reader, writer in pairs)


def history(record: str) -> list[Any]:
    return [json.loads(path.read_text("utf-8")) for path in releases(record)]


@pytest.mark.parametrize("record", RECORD_NUMBERS)
def test_every_version_ever_released_is_compatible_with_the_present_one(record: str) -> None:
    assert compatible(record, [*history(record), schema(record)])


@pytest.mark.parametrize("record", RECORD_NUMBERS)
def test_the_present_schema_is_released(record: str) -> None:
    assert history(record)[-1] == schema(record), "run: python -m schemas.release"


def fields_of(changed: Any) -> dict[str, Any]:
    return {field["name"]: field for field in changed["fields"]}


def add(changed: Any, **field: Any) -> None:
    changed["fields"].append({"name": "extra", "doc": "X.", **field})


def drop(changed: Any, name: str) -> None:
    changed["fields"] = [field for field in changed["fields"] if field["name"] != name]


ALLOWED: dict[str, Callable[[Any], None]] = {
    "an optional field": lambda changed: add(changed, type=["null", "string"], default=None),
    "a field with a default less": lambda changed: drop(changed, "expected"),
    "a new symbol": lambda changed: fields_of(changed)["state"]["type"]["symbols"].append("DARK"),
}
BREAKING: dict[str, Callable[[Any], None]] = {
    "a required field": lambda changed: add(changed, type="string"),
    "a field without default less": lambda changed: drop(changed, "area"),
    "another name": lambda changed: fields_of(changed)["area"].update(name="place"),
    "another name with alias": lambda changed: fields_of(changed)["area"].update(name="place", aliases=["area"]),
    "int to long": lambda changed: fields_of(changed)["incidents_1h"].update(type="long"),
    "int to string": lambda changed: fields_of(changed)["incidents_1h"].update(type="string"),
    "string to bytes": lambda changed: fields_of(changed)["area"].update(type="bytes"),
    "no logical type": lambda changed: fields_of(changed)["as_of"].update(type="long"),
    "microseconds": lambda changed: fields_of(changed)["as_of"]["type"].update(logicalType="timestamp-micros"),
    "null no longer allowed": lambda changed: fields_of(changed)["expected"].update(type="double", default=0.0),
}


@pytest.mark.parametrize("change", ALLOWED)
def test_a_change_that_harms_nobody_is_allowed(change: str) -> None:
    changed = copy.deepcopy(schema("AreaCount"))
    ALLOWED[change](changed)

    assert compatible("AreaCount", [schema("AreaCount"), changed])


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_a_reader_is_found(change: str) -> None:
    changed = copy.deepcopy(schema("AreaCount"))
    BREAKING[change](changed)

    assert not compatible("AreaCount", [schema("AreaCount"), changed])

"""Random records of every schema, and the Avro library as their judge: no code of the product takes part."""

from __future__ import annotations

import io
import json
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
from hypothesis import strategies as st

AVRO = Path(__file__).parents[2] / "schemas" / "avro"
RECORDS = ("Notification", "Incident", "Inbox", "AreaCount", "AlertEvent", "Alert", "Rejection")
NOW = 1_700_000_000_000
INT, LONG = 2**31, 2**63
JUDGED = (EOFError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
"""What the library raises for bytes that are no such record."""


@cache
def plain_schema(record: str) -> Any:
    """The schema with every instant a bare number; the library finds the named types beside it."""
    text = (AVRO / f"{record}.avsc").read_text("utf-8")
    return fastavro.parse_schema(_bare(_joined(json.loads(text), set())))


def encoded(record: str, datum: Any) -> bytes:
    """Bytes as the library writes them."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, plain_schema(record), datum)
    return out.getvalue()


def decoded(record: str, octets: bytes) -> tuple[Any, int]:
    """What the library reads, and how many bytes it left."""
    stream = io.BytesIO(octets)
    datum = fastavro.schemaless_reader(stream, plain_schema(record), None)
    return datum, len(octets) - stream.tell()


def accepted(record: str, octets: bytes) -> bool:
    """
    Whether *octets* are what a writer writes: the library reads them, and would write the very same.

    The library alone is laxer: it takes padded and overlong numbers, negative enum indices (from the end), any byte
    but 0 as true, sized array blocks, and does not mind bytes that follow.
    """
    try:
        datum, left = decoded(record, octets)
        return left == 0 and encoded(record, datum) == octets and within_limits(datum, plain_schema(record))
    except JUDGED:
        return False


def within_limits(datum: Any, node: Any) -> bool:
    """Whether numbers and texts keep to the limits that the schema gives beside Avro's own."""
    if isinstance(node, dict) and node["type"] == "record":
        return all(
            _field_within(datum[field["name"]], field) and within_limits(datum[field["name"]], field["type"])
            for field in node["fields"]
        )
    if isinstance(node, dict) and node["type"] == "array":
        return all(within_limits(each, node["items"]) for each in datum)
    if isinstance(node, list):
        return datum is None or within_limits(datum, node[1])
    kind = node["type"] if isinstance(node, dict) else node
    return kind != "int" or bool(-INT <= datum < INT)


def _field_within(value: Any, field: Any) -> bool:
    if isinstance(value, str):
        return bool(len(value.encode()) <= field.get("max_bytes", LONG))
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(field.get("minimum", -LONG) <= value <= field.get("maximum", LONG))
    return True


def data(record: str) -> st.SearchStrategy[Any]:
    """Values of a record, within all limits; an inbox record holds what its kind says and nothing else."""
    if record == "Inbox":
        return _inbox("COUNT") | _inbox("HEARTBEAT") | _inbox("COMMAND")
    return _of(plain_schema(record), {})


def _inbox(kind: str) -> st.SearchStrategy[Any]:
    count, command = (field["type"][1] for field in plain_schema("Inbox")["fields"][3:])
    zero = st.just(0)
    return st.fixed_dictionaries(
        {
            "kind": st.just(kind),
            "origin_partition": zero if kind == "COMMAND" else _whole({}, INT),
            "clock": zero if kind == "COMMAND" else _whole({}, LONG),
            "count": _of(count, {}) if kind == "COUNT" else st.none(),
            "command": _of(command, {}) if kind == "COMMAND" else st.none(),
        }
    )


def _of(node: Any, field: Any) -> st.SearchStrategy[Any]:
    if isinstance(node, list):
        return st.none() | _of(node[1], field)
    kind = node["type"] if isinstance(node, dict) else node
    if kind in {"record", "array", "enum"}:
        return _compound(kind, node)
    if kind in {"int", "long"}:
        return _whole(field, INT if kind == "int" else LONG)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "string": _texts(field.get("max_bytes", 400)),
        "boolean": st.booleans(),
        "double": st.floats(allow_nan=False),
        "bytes": st.binary(max_size=200),
    }
    return simple[kind] if kind in simple else _of(plain_schema(kind.removeprefix("firebreak.v1.")), {})


def _compound(kind: str, node: Any) -> st.SearchStrategy[Any]:
    if kind == "record":
        return st.fixed_dictionaries({each["name"]: _of(each["type"], each) for each in node["fields"]})
    if kind == "array":
        return st.lists(_of(node["items"], {}), max_size=4)
    return st.sampled_from(node["symbols"])


def _whole(field: Any, limit: int) -> st.SearchStrategy[int]:
    lowest, highest = field.get("minimum", -limit), field.get("maximum", limit - 1)
    edges = [edge + near for edge in (0, 64, 8192, 2**20, 2**27, NOW, 2**34, 2**41) for near in (-1, 0, 1)]
    edges = [sign * edge for edge in edges for sign in (1, -1) if lowest <= sign * edge <= highest]
    return st.sampled_from([*edges, lowest, highest]) | st.integers(lowest, highest)


def _texts(limit: int) -> st.SearchStrategy[str]:
    words = st.sampled_from(
        [word for word in ("", "E09000012", "mps", "é" * 20, "x" * 63, "y" * 64) if len(word) < limit]
    )
    return words | st.text(max_size=min(limit // 4, 100))


def as_value(kind: type, datum: Any, nested: dict[str, type]) -> Any:
    """A datum of the library as a value of *kind*; fields that hold records become those of *nested*."""
    made = {name: _converted(name, each, nested) for name, each in datum.items()}
    return kind(**made)


def _converted(name: str, each: Any, nested: dict[str, type]) -> Any:
    if isinstance(each, dict):
        return as_value(nested[name], each, nested)
    if isinstance(each, list):
        return tuple(_converted(name, item, nested) for item in each)
    return each


def as_datum(value: Any) -> Any:
    """A value as the library wants it."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: as_datum(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {name: as_datum(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return [as_datum(each) for each in value]
    return value


def _joined(node: Any, defined: set[str]) -> Any:
    if isinstance(node, list):
        return [_joined(each, defined) for each in node]
    if isinstance(node, dict):
        if "name" in node and node.get("type") in ("record", "enum"):
            defined.add(node["name"])
        return {
            key: _joined(each, defined) if key in {"type", "items", "fields"} else each for key, each in node.items()
        }
    short = node.removeprefix("firebreak.v1.") if isinstance(node, str) else ""
    if short != node and short not in defined:
        return _joined(json.loads((AVRO / f"{short}.avsc").read_text("utf-8")), defined)
    return node


def _bare(node: Any) -> Any:
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if isinstance(node, dict):
        return {key: _bare(each) for key, each in node.items() if key != "logicalType"}
    return node

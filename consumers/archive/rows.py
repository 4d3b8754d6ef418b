"""Records as rows of a table: its columns come from the Avro schema. Pure."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, cast

import fastavro
import pyarrow as pa

from schemas.catalogue import TopicSpec
from schemas.definitions import Json, Known, released, schema, without_logical_types
from schemas.errors import Malformed
from schemas.events import Millis, Reason
from schemas.versions import PREFIX, FastavroSchema

Row: TypeAlias = "dict[str, object]"

WITHHELD = frozenset({"longitude", "latitude", "precision_m"})
"""Never archived: a ward is the finest place."""
WHERE = ("archived_partition", "archived_offset", "appended_at")
"""Columns that say where a row was in its topic."""
TIMES: Mapping[str, str] = MappingProxyType({"Incident": "hour", "AlertEvent": "clock"})
"""By record: the field whose month a row belongs to."""
_SIMPLE = MappingProxyType(
    {"string": pa.string(), "int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
)


class Rows:
    """
    The rows of one topic.

    Parameters
    ----------
    topic
        Its record is one of :data:`TIMES`.
    known
        Schemas by id, beside the built-in ones.

    """

    def __init__(self, topic: TopicSpec, known: Mapping[int, Known]) -> None:
        self.topic = topic
        self._time = TIMES[topic.schema]
        current = schema(topic.schema)
        self._reader = fastavro.parse_schema(without_logical_types(current))  # type: ignore[arg-type]  # JSON is
        readable = {**dict(released()), **known}
        self._written = {number: _parsed(each) for number, each in readable.items() if each.record == topic.schema}
        fields = [*cast("pa.StructType", _Types().of(cast("Json", current)))]
        stamped = pa.timestamp("ms", tz="UTC")
        self.columns = pa.schema([*fields, *zip(WHERE, (pa.int32(), pa.int64(), stamped), strict=True)])

    def row(self, value: bytes, partition: int, offset: int, appended: Millis) -> tuple[Millis, Row] | None:
        """
        Time and row of a record; None for one that only carries the clock.

        Raises
        ------
        Malformed
            It is no such record, or of a schema that is not known here.

        """
        number = int.from_bytes(value[1:PREFIX], "big")
        if value[:1] != b"\0" or number not in self._written:
            raise Malformed(Reason.UNKNOWN_SCHEMA, f"schema id {number} is not known")
        try:
            read = fastavro.schemaless_reader(io.BytesIO(value[PREFIX:]), self._written[number], self._reader)
        except (EOFError, LookupError, ValueError, TypeError) as error:
            raise Malformed(Reason.CORRUPT, f"{self.topic.schema}: {error}") from error
        row = cast("Row", read)
        if row.get("change") == "HEARTBEAT":
            return None
        return cast("Millis", row[self._time]), row | dict(zip(WHERE, (partition, offset, appended), strict=True))


def _parsed(known: Known) -> FastavroSchema:
    made: FastavroSchema = fastavro.parse_schema(without_logical_types(json.loads(known.schema)))  # type: ignore[arg-type]  # JSON is
    return made


@dataclass(slots=True)
class _Types:
    """Types of columns; a named type of Avro is written out once and referred to by name after that."""

    _named: dict[str, pa.DataType] | None = None

    def of(self, node: Json) -> pa.DataType:
        """Type of an Avro type."""
        named = self._named = self._named if self._named is not None else {}
        if isinstance(node, list):
            return self.of(node[1])
        if isinstance(node, str):
            return _SIMPLE[node] if node in _SIMPLE else named[node.rpartition(".")[2]]
        assert isinstance(node, dict)  # noqa: S101 - a schema is nothing else
        if node.get("logicalType") == "timestamp-millis":
            return pa.timestamp("ms", tz="UTC")
        if node["type"] == "array":
            return pa.list_(self.of(node["items"]))
        if node["type"] not in {"record", "enum"}:
            return self.of(node["type"])
        made = self._record(node) if node["type"] == "record" else pa.string()
        named[str(node["name"])] = made
        return made

    def _record(self, node: Mapping[str, Json]) -> pa.DataType:
        fields = cast("list[dict[str, Json]]", node["fields"])
        typed = [(str(field["name"]), self.of(field["type"])) for field in fields]
        return pa.struct([each for each in typed if each[0] not in WITHHELD])

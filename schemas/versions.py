"""Bytes written with another schema than the current one, brought to the current one by the Avro library."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias, cast

import fastavro
from fastavro.read import SchemaResolutionError

from schemas.codegen import struct
from schemas.definitions import Json, Known, schema, without_logical_types
from schemas.errors import Malformed, UsageError
from schemas.events import Reason

PREFIX = 5
"""Bytes before the record: a zero and four bytes of schema id."""

FastavroSchema: TypeAlias = "str | list[object] | dict[object, object]"
Transcode = Callable[[bytes], bytes]

_UNREADABLE = (SchemaResolutionError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)


class Versions:
    """
    The schemas that one record may be written with.

    Parameters
    ----------
    record
        Name of the record.
    known
        Schemas by id, of any record; the current one is written with the id that it has here.
    readable
        Those, and others that may be met.

    Raises
    ------
    UsageError
        The current schema is not among *known*.

    """

    def __init__(self, record: str, known: Mapping[int, Known], readable: Mapping[int, Known]) -> None:
        self._record = record
        self._readable = readable
        self._transcode: dict[int, Transcode] = {}
        self.prefix: Final = _prefix(_current_id(record, known))

    def current(self, value: bytes) -> bytes:
        """
        *value* in the current schema, its prefix included.

        Raises
        ------
        Malformed
            It has no prefix, an id that nobody knows, or is not what the schema of its id says.

        """
        if value[:PREFIX] == self.prefix:
            return value
        if value and value[0] != 0:
            raise Malformed(Reason.BAD_MAGIC, f"the first byte is {value[0]}, not 0")
        if len(value) < PREFIX:
            raise Malformed(Reason.TRUNCATED, f"{len(value)} bytes hold no schema id")
        return self.prefix + self._transcoder(int.from_bytes(value[1:PREFIX], "big"))(value[PREFIX:])

    def _transcoder(self, schema_id: int) -> Transcode:
        known = self._transcode.get(schema_id)
        if known is None:
            known = self._transcode[schema_id] = self._make(schema_id)
        return known

    def _make(self, schema_id: int) -> Transcode:
        written = self._readable.get(schema_id)
        if written is None:
            raise Malformed(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known")
        if written.record != self._record:
            raise Malformed(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is of {written.record}, not {self._record}")
        if _same(self._record, written):
            return bytes
        return _transcoder(self._record, schema_id, json.loads(written.schema))


def _prefix(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big")


def _current_id(record: str, known: Mapping[int, Known]) -> int:
    ids = [schema_id for schema_id, each in known.items() if each.record == record and _same(record, each)]
    if not ids:
        raise UsageError(f"the registry does not hold the current schema of {record}: run `firebreak topics apply`")
    return min(ids)


def _same(record: str, written: Known) -> bool:
    try:
        return struct(json.loads(written.schema)) == struct(schema(record))
    except ValueError:
        return False


def _transcoder(record: str, schema_id: int, written: dict[str, Json]) -> Transcode:
    strange = sorted(set(_logical_types(written)) - {"timestamp-millis"})
    if strange:
        raise Malformed(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} has instants or numbers as {strange[0]}")
    writer, reader = _parsed(written), _parsed(schema(record))

    def transcode(octets: bytes) -> bytes:
        stream = io.BytesIO(octets)
        try:
            value = fastavro.schemaless_reader(stream, writer, reader)
        except EOFError as error:
            raise Malformed(Reason.TRUNCATED, f"{record}: the bytes end before the record does") from error
        except _UNREADABLE as error:
            raise Malformed(Reason.CORRUPT, f"{record}: not what schema id {schema_id} says") from error
        if stream.tell() != len(octets):
            raise Malformed(Reason.CORRUPT, f"{record}: {len(octets) - stream.tell()} bytes are left over")
        out = io.BytesIO()
        fastavro.schemaless_writer(out, reader, value)
        return out.getvalue()

    return transcode


def _parsed(schema: dict[str, Json]) -> FastavroSchema:
    return fastavro.parse_schema(cast("FastavroSchema", without_logical_types(schema)))


def _logical_types(node: Json) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _logical_types(each)
    elif isinstance(node, dict):
        if "logicalType" in node:
            yield str(node["logicalType"])
        for each in node.values():
            yield from _logical_types(each)

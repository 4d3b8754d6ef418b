"""
Records as JSON: notifications and commands that come in so, and the lines of files that go out.

In: instants as ISO 8601 with a zone or as whole milliseconds since the epoch, bytes as base64; every field by its name
in the schema, no other. Out: keys in one fixed order, instants as ISO 8601 UTC with milliseconds, and numbers with a
fraction rounded to six decimals, so that equal runs are equal bytes.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import cast

import msgspec

from schemas.codegen.shapes import Choice, Many, Maybe, Octets, Real, Shape, Struct, Text, Truth, Whole
from schemas.errors import Malformed
from schemas.events import AlertEvent, AuditEntry, Command, Kind, Millis, Notification, Reason, Rejection
from schemas.layouts import shape

DECIMALS = 6

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_ALWAYS = ("kind", "source", "source_ref", "revision")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    Kind.REPORTED: (*_ALWAYS, "category", "scheme"),
    Kind.UPDATED: (*_ALWAYS, "category", "scheme"),
    Kind.RECLASSIFIED: (*_ALWAYS, "category", "scheme"),
    Kind.MERGED: (*_ALWAYS, "merged_into"),
    Kind.HEARTBEAT: ("kind", "source", "occurred_at"),
}
_Flat = dict[str, str | int | float | bool | None]


def iso(at: Millis) -> str:
    """
    An instant as people and other programs read it.

    >>> iso(1_577_836_800_007)
    '2020-01-01T00:00:00.007Z'
    """
    text = (_EPOCH + at * _MILLISECOND).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def instant(text: str) -> Millis:
    """
    The instant that an ISO 8601 text with a zone names; parts of a millisecond are dropped.

    >>> instant("2020-01-01T01:00:00+01:00")
    1577836800000

    Raises
    ------
    ValueError
        It is no such text, or has no zone.

    """
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return (at - _EPOCH) // _MILLISECOND


def flat_object(octets: bytes) -> _Flat:
    """
    A JSON object of plain values.

    Raises
    ------
    Malformed
        BAD_JSON if it is none, BAD_VALUE if a value is an array or an object.

    """
    try:
        return msgspec.json.decode(octets, type=_Flat)
    except msgspec.ValidationError as error:
        raise Malformed(Reason.BAD_VALUE, f"a value is not plain: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(Reason.BAD_JSON, f"not JSON: {error}") from error


def notification_from_json(given: Mapping[str, object]) -> Notification:
    """
    A notification from a parsed JSON object.

    Raises
    ------
    Malformed
        MISSING_FIELD or BAD_VALUE with the field's name.

    """
    for name in _NEEDED.get(str(given.get("kind")), _ALWAYS):
        if given.get(name) is None:
            raise Malformed(Reason.MISSING_FIELD, f"{name} is missing")
    return Notification(**values(shape("Notification"), given))  # type: ignore[arg-type]  # checked against the schema


def command_from_json(given: Mapping[str, object]) -> Command:
    """
    A command from a parsed JSON object.

    Raises
    ------
    Malformed
        MISSING_FIELD or BAD_VALUE with the field's name.

    """
    nested = cast("Maybe", shape("Inbox").part("command").shape)
    return Command(**values(cast("Struct", nested.item), given))  # type: ignore[arg-type]  # checked against the schema


def values(record: Struct, given: Mapping[str, object], inside: str = "") -> dict[str, object]:
    """
    Every field of *record* from *given*, or from its default.

    Raises
    ------
    Malformed
        A field is missing, unknown, or not what the schema says. The text of a field is never repeated.

    """
    known = {part.name for part in record.parts}
    for name in given:
        if name not in known:
            raise Malformed(Reason.BAD_VALUE, f"{inside}{_shown(name)} is no field of {record.name}")
    found: dict[str, object] = {}
    for part in record.parts:
        if part.name in given:
            found[part.name] = _value(part.shape, given[part.name], inside + part.name)
        elif part.has_default:
            found[part.name] = tuple(part.default) if isinstance(part.default, list) else part.default
        else:
            raise Malformed(Reason.MISSING_FIELD, f"{inside}{part.name} is missing")
    return found


def _value(shape: Shape, given: object, name: str) -> object:
    match shape:
        case Maybe():
            found = None if given is None else _value(shape.item, given, name)
        case Struct() if isinstance(given, Mapping):
            found = values(shape, given, f"{name}.")
        case Many() if isinstance(given, list):
            found = tuple(_value(shape.item, each, name) for each in given)
        case Truth() if isinstance(given, bool):
            found = given
        case Whole() | Real() if isinstance(given, int | float) and not isinstance(given, bool):
            found = _number(shape, given, name)
        case _ if isinstance(given, str):
            found = _written(shape, given, name)
        case _:
            raise _other(shape, given, name)
    return found


def _number(shape: Whole | Real, given: float, name: str) -> float:
    if isinstance(shape, Real):
        return _real(given, name)
    if isinstance(given, float):
        raise _other(shape, given, name)
    return _whole(shape, given, name)


def _written(shape: Shape, given: str, name: str) -> object:
    match shape:
        case Whole(stamp=True):
            found: object = _whole(shape, _parsed_instant(given, name), name)
        case Choice():
            found = _symbol(shape, given, name)
        case Text():
            found = _text(shape, given, name)
        case Octets():
            found = _octets(given, name)
        case _:
            raise _other(shape, given, name)
    return found


def _other(shape: Shape, given: object, name: str) -> Malformed:
    return Malformed(Reason.BAD_VALUE, f"{name} is {type(given).__name__}, not {_wanted(shape)}")


def _wanted(shape: Shape) -> str:
    if isinstance(shape, Whole):
        return "an ISO 8601 time or milliseconds" if shape.stamp else "a whole number"
    plain = {Real: "a number", Truth: "true or false", Many: "an array", Struct: "an object"}
    return plain.get(type(shape), "text")


def _parsed_instant(text: str, name: str) -> Millis:
    try:
        return instant(text)
    except (ValueError, OverflowError) as error:
        raise Malformed(Reason.BAD_VALUE, f"{name} is not an ISO 8601 time with a zone") from error


def _whole(shape: Whole, number: int, name: str) -> int:
    if not shape.minimum <= number <= shape.maximum:
        raise Malformed(Reason.BAD_VALUE, f"{name} {str(number)[:20]} is out of range")
    return number


def _real(number: float, name: str) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise Malformed(Reason.BAD_VALUE, f"{name} is out of range") from error


def _symbol(shape: Choice, symbol: str, name: str) -> str:
    if symbol not in shape.symbols:
        raise Malformed(Reason.BAD_VALUE, f"{name} is none of {', '.join(shape.symbols)}")
    return symbol


def _text(shape: Text, text: str, name: str) -> str:
    limit = shape.max_bytes
    if limit is not None and len(text.encode()) > limit:
        raise Malformed(Reason.BAD_VALUE, f"{name} has more than {limit} bytes")
    return text


def _octets(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(Reason.BAD_VALUE, f"{name} is not base64") from error


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else name[:40] + "…")


def alert_event_json(event: AlertEvent) -> str:
    """
    One line of ``alerts.jsonl``: all fields in the order of :class:`schemas.events.AlertEvent`.

    Raises
    ------
    ValueError
        A number is not finite; JSON has no word for it.

    """
    record = shape("AlertEvent")
    return _line({each.name: _told(record, each.name, getattr(event, each.name)) for each in fields(event)})


def alert_event_from_json(given: Mapping[str, object]) -> AlertEvent:
    """
    An event from a parsed line of ``alerts.jsonl``; fields that it does not have take their defaults.

    Raises
    ------
    Malformed
        MISSING_FIELD or BAD_VALUE with the field's name.

    """
    return AlertEvent(**values(shape("AlertEvent"), given))  # type: ignore[arg-type]  # checked against the schema


def audit_json(entry: AuditEntry) -> bytes:
    """An entry of the audit topic: all fields in their order, instants as ISO 8601."""
    told = {each.name: getattr(entry, each.name) for each in fields(entry)}
    return msgspec.json.encode({**told, "at": iso(entry.at), "issued_at": iso(entry.issued_at)})


def rejection_json(rejection: Rejection) -> str:
    """One line of ``rejected.jsonl``; the key as text to read, key and value as base64 to send again."""
    key, value = rejection.key, rejection.value
    return _line(
        {
            "reason": str(rejection.reason),
            "detail": rejection.detail,
            "topic": rejection.topic,
            "partition": rejection.partition,
            "offset": rejection.offset,
            "received_at": iso(rejection.received_at),
            "source": rejection.source,
            "key": None if key is None else key.decode(errors="backslashreplace"),
            "key_base64": None if key is None else base64.b64encode(key).decode(),
            "value_base64": None if value is None else base64.b64encode(value).decode(),
        }
    )


def _told(record: Struct, name: str, value: object) -> object:
    shape = record.part(name).shape
    item = shape.item if isinstance(shape, Maybe) else shape
    if isinstance(item, Whole) and item.stamp and isinstance(value, int):
        return iso(value)
    if isinstance(item, Real) and isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
        return round(float(value), DECIMALS) + 0.0
    return value


def _line(told: Mapping[str, object]) -> str:
    return msgspec.json.encode(told).decode()

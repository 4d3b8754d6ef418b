"""Bytes of a record given to the product's wire, and whether they should have been read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from support.records import AVRO, RECORDS, accepted, decoded

from schemas.wire import Wire

WIRE = Wire.builtin()

DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "Notification": WIRE.notification.decode,
    "Incident": lambda value: WIRE.decode_incident(value, whole=True),
    "Inbox": WIRE.decode_inbox,
    "AreaCount": WIRE.area_count.decode,
    "AlertEvent": WIRE.alert_event.decode,
    "Alert": WIRE.alert.decode,
    "Rejection": WIRE.rejection.decode,
}


def prefix(record: str) -> bytes:
    """What stands before a record of the newest release where no registry is."""
    newest = len(list((AVRO.parent / "released").glob(f"{record}.*.avsc")))
    return b"\0FB" + bytes((RECORDS.index(record) + 1, newest))


def read(record: str, octets: bytes) -> Any:
    """What the product makes of the bytes of a record."""
    return DECODERS[record](prefix(record) + octets)


def good(record: str, octets: bytes) -> bool:
    """Whether the bytes are a record that a writer writes, and an inbox record holds what its kind says."""
    if not accepted(record, octets):
        return False
    return record != "Inbox" or _holds_its_kind(decoded(record, octets)[0])


def _holds_its_kind(datum: Any) -> bool:
    holds = (datum["count"] is not None, datum["command"] is not None)
    if datum["kind"] == "COMMAND":
        return holds == (False, True) and datum["origin_partition"] == datum["clock"] == 0
    return holds == (datum["kind"] == "COUNT", False)

"""
Bytes to values and back, as they are on the topics.

Avro behind the prefix of schema registries: a zero byte, four bytes of schema id, the record. Records in the current
schema take the compiled path; those in another known one are brought to the current one first. A notification may also
come as JSON, which is told by its first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar, cast

from schemas import layouts
from schemas.codegen import Layout, Unreadable, compile_decoder, compile_encoder, malformed
from schemas.definitions import RECORD_NUMBERS, Known, released
from schemas.errors import Malformed
from schemas.events import (
    Command,
    HourCount,
    Incident,
    Notification,
    Reason,
    Tick,
)
from schemas.jsonform import flat_object, notification_from_json
from schemas.versions import PREFIX, Versions

T = TypeVar("T")

LARGEST = 1 << 20
"""Bytes of the largest notification that is read at all."""

_JSON = b"{"
_HEARTBEAT = "HEARTBEAT"
_COUNT, _TICK, _COMMAND = 0, 2, 4


class Codec(Generic[T]):
    """
    One record in one form.

    ``encode`` takes a value to bytes with prefix; ``decode`` does the reverse.
    """

    def __init__(self, layout: Layout[T], versions: Versions) -> None:
        self.make: type = layout.make
        self._record = layout.record
        self._versions = versions
        self._prefix = versions.prefix
        self._read = compile_decoder(layout)
        self.encode: Callable[[T], bytes] = compile_encoder(layout, versions.prefix)
        self.encode_any = cast("Callable[[object], bytes]", self.encode)

    def decode(self, value: bytes) -> T:
        """
        The value of bytes with prefix.

        Raises
        ------
        Malformed
            They are no such record.

        """
        if value[:PREFIX] != self._prefix:
            value = self._versions.current(value)
        try:
            return self._read(value, PREFIX)
        except Unreadable as error:
            raise malformed(self._record, error) from error

    def read(self, octets: bytes) -> T:
        """The value of bytes in the current schema, without prefix; raises Malformed."""
        try:
            return self._read(octets, 0)
        except Unreadable as error:
            raise malformed(self._record, error) from error


class Wire:
    """
    The codecs of all topics.

    ``area_count``, ``alert_event``, ``alert``, ``rejection`` and ``notification`` are codecs to encode and decode with;
    ``encode_notification`` and ``encode_incident`` are functions of a value, for the paths where a call more counts.

    Parameters
    ----------
    known
        Schemas by id, as a registry gives them; the built-in ids are read in any case.
    largest
        Notifications of more bytes are refused unread.

    Raises
    ------
    UsageError
        *known* lacks the current schema of a record.

    """

    def __init__(self, known: Mapping[int, Known], *, largest: int = LARGEST) -> None:
        readable = {**dict(released()), **known}
        versions = {record: Versions(record, known, readable) for record in RECORD_NUMBERS}
        self._largest = largest
        self._notification_versions = versions["Notification"]
        self._notification_prefix = versions["Notification"].prefix
        self.notification = Codec(layouts.notification(), versions["Notification"])
        self._incident = Codec(layouts.incident(), versions["Incident"])
        self._inbox_versions = versions["Inbox"]
        self._hour_count = Codec(layouts.hour_count(), versions["Inbox"])
        self._tick = Codec(layouts.tick(), versions["Inbox"])
        self._command = Codec(layouts.command(), versions["Inbox"])
        self.area_count = Codec(layouts.area_count(), versions["AreaCount"])
        self.alert_event = Codec(layouts.alert_event(), versions["AlertEvent"])
        self.alert = Codec(layouts.alert(), versions["Alert"])
        self.rejection = Codec(layouts.rejection(), versions["Rejection"])
        self.encode_notification = self.notification.encode
        self.encode_incident = self._incident.encode
        self._encoders = _by_class(
            self.notification,
            self._incident,
            self._hour_count,
            self._tick,
            self._command,
            self.area_count,
            self.alert_event,
            self.alert,
            self.rejection,
        )

    @classmethod
    def builtin(cls, *, largest: int = LARGEST) -> Wire:
        """Without a registry: the built-in ids, the same for ever."""
        return cls(dict(released()), largest=largest)

    def encode(self, value: object) -> bytes:
        """Bytes with prefix of any value that has a schema; TypeError for others."""
        encode = self._encoders.get(type(value))
        if encode is None:
            raise TypeError(f"{type(value).__name__} has no schema")
        return encode(value)

    def decode_notification(self, key: bytes | None, value: bytes | None) -> tuple[Notification, bytes]:
        """
        A notification and its own Avro bytes in the current schema, without prefix.

        Raises
        ------
        Malformed
            It is no notification, its key is not ``source|source_ref``, or a value is beyond sense.

        """
        if value is None:
            raise Malformed(Reason.NULL_VALUE, "the record has no value")
        if len(value) > self._largest:
            raise Malformed(Reason.OVERSIZED, f"{len(value)} bytes are more than {self._largest}")
        if value[:PREFIX] != self._notification_prefix:
            value = self._current_notification(value)
        notification = self.notification.decode(value)
        source, ref = notification[1], notification[2]
        if not source:
            raise Malformed(Reason.BAD_VALUE, "source is empty")
        if notification[0] != _HEARTBEAT and (not ref or "|" in source or key != f"{source}|{ref}".encode()):
            raise _mismatch(key, notification)
        return notification, value[PREFIX:]

    def _current_notification(self, value: bytes) -> bytes:
        if value[:1] == _JSON:
            return self.encode_notification(notification_from_json(flat_object(value)))
        return self._notification_versions.current(value)

    def notification_from_incident(self, incident: Incident) -> Notification:
        """The notification that an enriched record carries; raises Malformed."""
        return self.notification.read(incident.notification)

    def decode_incident(self, value: bytes, *, whole: bool = False) -> Incident:
        """
        An enriched record; only with *whole* is the notification within read, and found good.

        Raises
        ------
        Malformed
            It is no such record.

        """
        incident = self._incident.decode(value)
        if whole:
            self.notification.read(incident.notification)
        return incident

    def encode_inbox(self, value: HourCount | Tick | Command) -> bytes:
        """What the detector reads, as bytes."""
        return self._encoders[type(value)](value)

    def decode_inbox(self, value: bytes) -> HourCount | Tick | Command:
        """
        What the detector reads.

        Raises
        ------
        Malformed
            It is no such record.

        """
        if value[:PREFIX] != self._inbox_versions.prefix:
            value = self._inbox_versions.current(value)
        kind = value[PREFIX] if len(value) > PREFIX else -1
        if kind == _COUNT:
            return self._hour_count.decode(value)
        if kind == _TICK:
            return self._tick.decode(value)
        if kind == _COMMAND:
            return self._command.decode(value)
        raise Malformed(Reason.TRUNCATED if kind < 0 else Reason.CORRUPT, "Inbox: it is of no kind")


class _Encoding(Protocol):
    make: type
    encode_any: Callable[[object], bytes]


def _by_class(*codecs: _Encoding) -> dict[type, Callable[[object], bytes]]:
    return {codec.make: codec.encode_any for codec in codecs}


def _mismatch(key: bytes | None, notification: Notification) -> Malformed:
    if not notification.source_ref:
        return Malformed(Reason.BAD_VALUE, "source_ref is empty")
    if "|" in notification.source:
        return Malformed(Reason.BAD_VALUE, "source holds a vertical bar, which ends it in the key")
    if key is None:
        return Malformed(Reason.NULL_KEY, "the record has no key")
    return Malformed(Reason.KEY_MISMATCH, f"the key is not {notification.incident_id}")

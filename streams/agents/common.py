"""What the edges of the three stages share: where outputs go, and what becomes of bytes that are no record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from schemas.errors import Malformed
from schemas.events import Alert, AlertEvent, AreaCount, AuditEntry, HourCount, Incident, Rejection, Tick
from schemas.headers import CloudEvents, Headers, ce_type, origin_id
from schemas.jsonform import audit_json
from schemas.wire import LARGEST, Wire
from streams.batch import RawRecord
from streams.core.stage import Output
from streams.edge import Target
from streams.log import Headers as SentHeaders
from streams.log import Sent

REJECTED = "incidents.rejected"
KEY_KEPT = 1 << 16
"""Bytes of a key that a rejection keeps: it holds the key twice, and what the broker refuses would stop the stage."""


class Outbox:
    """
    Outputs of one stage as records of the broker.

    Parameters
    ----------
    wire
        The codecs.
    targets
        Output topics by catalogue id.
    stage
        Name of the sender, for CloudEvents.

    """

    def __init__(self, wire: Wire, targets: Mapping[str, Target], stage: str) -> None:
        self._encode = wire.encode
        self._targets = targets
        self._headers = CloudEvents(f"/firebreak/{stage}").headers
        self._incident_types = {change: ce_type(Incident, change) for change in _CHANGES}
        self._describe: dict[type, Callable[[object], Headers | None]] = {
            Incident: self._incident,
            AreaCount: self._area_count,
            AlertEvent: self._event,
            Alert: self._state,
            HourCount: _nothing,
            Tick: _nothing,
            Rejection: _nothing,
        }

    def sent(self, output: Output) -> Sent:
        """Bytes, topic, partition and headers of *output*."""
        topic, key, value, partition = output
        target = self._targets[topic]
        if isinstance(value, Rejection):
            place = target.place_once(value.source)[1]
            return Sent(target.topic, place, value.key, self._encode(value))
        if isinstance(value, AuditEntry):
            known, number = target.place(key)
            return Sent(target.topic, number, known, audit_json(value))
        known, number = target.place(key) if topic != "alerts.events" else target.place_once(key)
        return Sent(
            target.topic,
            number if partition is None else partition,
            known,
            self._encode(value),
            cast("SentHeaders", self._describe[type(value)](value)),
        )

    def _incident(self, value: object) -> Headers:
        assert isinstance(value, Incident)  # noqa: S101 - by the table above
        ce_id = origin_id(value.origin_partition, value.origin_offset, value.origin_index)
        return self._headers(self._incident_types[value.change], ce_id, value.area, value.received_at)

    def _area_count(self, value: object) -> Headers:
        assert isinstance(value, AreaCount)  # noqa: S101 - by the table above
        subject = f"{value.area}|{value.group}"
        return self._headers(_COUNTED, f"{value.region}|{subject}|{value.as_of}", subject, value.as_of)

    def _event(self, value: object) -> Headers:
        assert isinstance(value, AlertEvent)  # noqa: S101 - by the table above
        return self._headers(ce_type(AlertEvent, value.kind), value.event_id, value.alert_id, value.clock)

    def _state(self, value: object) -> Headers:
        assert isinstance(value, Alert)  # noqa: S101 - by the table above
        return self._headers(_STATE, f"{value.alert_id}-{value.transitions}", value.alert_id, value.updated_at)


_CHANGES = ("ADDED", "AMENDED", "WITHDRAWN", "HEARTBEAT")
_COUNTED = ce_type(AreaCount, "COUNTED")
_STATE = ce_type(Alert, "STATE")


def _nothing(_value: object) -> None:
    return None


def refusal(topic: str, partition: int, record: RawRecord, bad: Malformed) -> Output:
    """Output that tells of bytes which are no record, with the bytes themselves, or as many as a rejection may hold."""
    rejection = Rejection(
        reason=bad.reason,
        detail=bad.detail,
        topic=topic,
        partition=partition,
        offset=record.offset,
        received_at=record.timestamp,
        source="",
        key=None if record.key is None else record.key[:KEY_KEPT],
        value=None if record.value is None else record.value[:LARGEST],
    )
    return Output(REJECTED, "", rejection)

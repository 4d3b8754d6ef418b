"""
The first stage: the life of one incident.

One row for each incident: its last revision, whether it stands, and what of it is counted where. A notification
with a later revision moves the row on; what that means for the counts of an area is sent as :class:`Incident`. The
latest revision decides alone, so the order of arrival decides nothing but what is rejected on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol, cast

from schemas.events import (
    CLOCK_SOURCE,
    DESK_SOURCE,
    ERASURE,
    PLAYER_SOURCE,
    Change,
    Counted,
    Incident,
    Kind,
    Millis,
    Notification,
    Quality,
    Reason,
    Rejection,
    Tense,
)
from streams.core.guard import REFUSE, Guard
from streams.core.kept import NOWHERE, Content, Kept, Parked, counted_of, kept_of, parked_key
from streams.core.stage import OLDER_ROWS, Marker, Output, Record, Row, Rows, RowValue
from streams.core.taxonomy import Classification, is_suspected
from streams.core.validate import Refused, event_time, has_content, refuse_coordinates, refuse_times

ENRICHED = "incidents.enriched"
REJECTED = "incidents.rejected"
RAW = "incidents.raw"
HEARTBEAT_KEY = "heartbeat"
GUARD_KEY = "guard"
"""Row of what is parked; no id of an incident is without a "|"."""


class RawNotification(NamedTuple):
    """A notification and its own bytes: as Avro without prefix, and as they came (with key)."""

    notification: Notification
    body: bytes
    key: bytes | None
    value: bytes | None


class Situation(NamedTuple):
    """Where an incident is, as well as can be told."""

    region: str
    area: str
    ward: str
    vintage: str
    quality: tuple[str, ...]


class Places(Protocol):
    """The region packs, as the first stage sees them."""

    def situate(self, notification: Notification) -> Situation:
        """Region, area and ward of the notification's place."""
        ...

    def classify(self, region: str, notification: Notification) -> Classification | Refused:
        """Category and groups in the words of *region*'s pack."""
        ...


class _Cause(NamedTuple):
    """The raw record that outputs come from."""

    offset: int
    received_at: Millis
    incident_id: str
    body: bytes


class Enrich:
    """
    The state machine behind one raw partition.

    Parameters
    ----------
    partition
        The raw partition.
    places
        Where areas, categories and groups are looked up.
    enriched_partitions
        Ticks go to each of them.
    tick_period
        The workers' tick period in ms; None where ticks are simulated (a replay).
    counted
        Tenses whose incidents are counted; the others are enriched and counted in no group.
    guard
        Decides which revisions wait; by default none.

    """

    row_format = 1
    older_rows = OLDER_ROWS

    def __init__(
        self,
        partition: int,
        places: Places,
        *,
        enriched_partitions: int,
        tick_period: Millis | None,
        counted: frozenset[str] = frozenset({Tense.ACTUAL, Tense.INJECTION}),
        guard: Guard | None = None,
    ) -> None:
        self._partition = partition
        self._places = places
        self._enriched_partitions = enriched_partitions
        self._tick_period = tick_period
        self._counted = counted
        self.guard = guard or Guard()
        self._parked: dict[str, Parked] = {}
        self._unwritten: set[str] = set()
        """Incidents of which what is parked changed."""
        self._rows: dict[str, Kept] = {}
        self._cold: Rows = {}
        """Rows of an earlier owner that nothing was told about since."""
        self._dirty: set[str] = set()
        self._clock: Millis = 0
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0

    def apply(self, record: Record) -> list[Output]:
        """Take one notification in; answer the changes it means, a rejection, or nothing for a repeat."""
        raw = cast("RawNotification", record.value)
        notification = raw.notification
        if notification.kind == Kind.HEARTBEAT:
            return self._tick(record, raw)
        identity = notification.incident_id
        row, parked = self._known(identity), self._parked.get(identity)
        latest = row if parked is None else parked.after
        if latest is not None and notification.revision == latest.revision:
            self.duplicates += 1
            return []
        after = self._step(latest, notification, record.received_at)
        if isinstance(after, Refused):
            return [self._reject(record, raw, after)]
        erased = notification.scheme == ERASURE
        if not erased and self.guard.regresses(identity, counted_of(row), counted_of(after), record.received_at):
            self._park(identity, Parked(after, record.received_at, raw.body))
            return []
        if parked is not None:
            self.guard.supersede(identity)
            self._unpark(identity)
        self._rows[identity] = after
        self._dirty.add(identity)
        if row is None and not after.stands:
            detail = f"{notification.kind} of an incident never reported; its revision is remembered"
            return [self._reject(record, raw, Refused(Reason.CANCEL_BEFORE_REPORT, detail))]
        self.accepted += 1
        return self._changes(_Cause(record.offset, record.received_at, identity, raw.body), row, after)

    def _park(self, identity: str, parked: Parked) -> None:
        self.accepted += 1
        self.guard.park(identity, self._clock)
        self._parked[identity] = parked
        self._unwritten.add(identity)

    def _unpark(self, identity: str) -> Parked:
        self._unwritten.add(identity)
        return self._parked.pop(identity)

    def _known(self, identity: str) -> Kept | None:
        row = self._rows.get(identity)
        if row is None:
            kept = self._cold.pop(identity, None)
            if kept is not None:
                row = self._rows[identity] = kept_of(kept)
        return row

    def _step(self, row: Kept | None, notification: Notification, received_at: Millis) -> Kept | Refused:
        revision = notification.revision
        if row is not None and revision < row.revision:
            return Refused(Reason.REVISION_BACKWARDS, f"revision {revision} after {row.revision}")
        refused = refuse_times(notification, received_at)
        if refused is not None:
            return refused
        if has_content(notification):
            content = self._content(notification)
            return content if isinstance(content, Refused) else Kept(revision, True, content)
        remembered = None if row is None or notification.scheme == ERASURE else row.content
        if notification.kind == Kind.REINSTATED:
            return Kept(revision, remembered is not None, remembered)
        stands = row is not None and row.stands and notification.kind == Kind.CLOSED
        return Kept(revision, stands, remembered)

    def _content(self, notification: Notification) -> Content | Refused:
        refused = refuse_coordinates(notification.longitude, notification.latitude)
        if refused is not None:
            return refused
        timed = event_time(notification)
        if isinstance(timed, Refused):
            return timed
        region, area, ward, vintage, quality = self._places.situate(notification)
        classified = self._places.classify(region, notification)
        if isinstance(classified, Refused):
            return classified
        category, groups = classified
        quality += timed.quality
        if is_suspected(category):
            quality += (Quality.SUSPECTED,)
        if notification.police_generated:
            groups, quality = (), (*quality, Quality.POLICE_GENERATED)
        if notification.tense not in self._counted:
            groups, quality = (), (*quality, Quality.NOT_ACTUAL)
        victims = 1 if notification.victims is None else notification.victims
        counted = Counted(area, ward, groups, timed.hour, victims)
        return Content(region, counted, category, timed.rule, vintage, quality, notification.tense)

    def _changes(self, cause: _Cause, before: Kept | None, after: Kept) -> list[Output]:
        old = before.content if before is not None and before.stands else None
        new = after.content if after.stands else None
        if new is None:
            return [self._send(cause, Change.WITHDRAWN, old or after.content or NOWHERE, old)]
        if old is None:
            return [self._send(cause, Change.ADDED, new)]
        if old.counted.area == new.counted.area and old.tense == new.tense:
            return [self._send(cause, Change.AMENDED, new, old)]
        return [self._send(cause, Change.WITHDRAWN, old, old), self._send(cause, Change.ADDED, new, index=1)]

    def _send(
        self, cause: _Cause, change: Change, content: Content, was: Content | None = None, *, index: int = 0
    ) -> Output:
        region, counted, category, time_rule, vintage, quality, tense = content
        area, ward, groups, hour, victims = counted
        incident = Incident(
            change,
            self._partition,
            cause.offset,
            index,
            None,
            cause.incident_id,
            region,
            area,
            ward,
            groups,
            hour,
            victims,
            None if was is None else was.counted,
            cause.received_at,
            quality,
            category,
            time_rule,
            vintage,
            tense,
            cause.body,
        )
        return Output(ENRICHED, area, incident)

    def _reject(self, record: Record, raw: RawNotification, refused: Refused) -> Output:
        self.rejected += 1
        rejection = Rejection(
            reason=refused.reason,
            detail=refused.detail,
            topic=RAW,
            partition=self._partition,
            offset=record.offset,
            received_at=record.received_at,
            source=raw.notification.source,
            key=raw.key,
            value=raw.value,
        )
        return Output(REJECTED, raw.notification.incident_id, rejection)

    def _tick(self, record: Record, raw: RawNotification) -> list[Output]:
        if raw.notification.source == DESK_SOURCE:
            return self._answered(record, raw.notification)
        clock = raw.notification.occurred_at
        if clock is None or clock <= self._clock or not self._is_tick(raw.notification, record.received_at):
            return []
        self._clock = clock
        cause = _Cause(record.offset, record.received_at, HEARTBEAT_KEY, raw.body)
        beats = [self._heartbeat(cause, clock, q) for q in range(self._enriched_partitions)]
        return [*self._settled(record, clock), *beats]

    def _settled(self, record: Record, clock: Millis) -> list[Output]:
        outputs: list[Output] = []
        for held, incidents in self.guard.tick(clock):
            for identity in incidents:
                outputs += (
                    self._marked(record, identity, Quality.REVISION_HELD) if held else self._late(record, identity)
                )
        return _numbered(outputs, self._enriched_partitions)

    def _answered(self, record: Record, order: Notification) -> list[Output]:
        outputs: list[Output] = []
        for identity in self.guard.answer(order.source_ref, order.category):
            outputs += self._refused(record, identity) if order.category == REFUSE else self._late(record, identity)
        return _numbered(outputs, 0)

    def _late(self, record: Record, identity: str) -> list[Output]:
        after, received_at, body = self._unpark(identity)
        before, self._rows[identity] = self._known(identity), after
        self._dirty.add(identity)
        return self._changes(_Cause(record.offset, received_at, identity, body), before, after)

    def _refused(self, record: Record, identity: str) -> list[Output]:
        marked = self._marked(record, identity, Quality.REVISION_REFUSED)
        row, parked = cast("Kept", self._known(identity)), self._unpark(identity)
        # so that the same revision sent again is a repeat
        self._rows[identity] = row._replace(revision=parked.after.revision)
        self._dirty.add(identity)
        return marked

    def _marked(self, record: Record, identity: str, mark: Quality) -> list[Output]:
        row = cast("Kept", self._known(identity))
        content, parked = cast("Content", row.content), self._parked[identity]
        shown = content._replace(quality=(*content.quality, mark))
        cause = _Cause(record.offset, record.received_at, identity, parked.body)
        return [self._send(cause, Change.AMENDED, shown, content)]

    def _is_tick(self, heartbeat: Notification, received_at: Millis) -> bool:
        if self._tick_period is None:
            return heartbeat.source == PLAYER_SOURCE
        clock = heartbeat.occurred_at or 0
        return heartbeat.source == CLOCK_SOURCE and clock <= received_at + self._tick_period

    def _heartbeat(self, cause: _Cause, clock: Millis, partition: int) -> Output:
        sent = self._send(cause, Change.HEARTBEAT, NOWHERE, index=partition)
        tick = cast("Incident", sent.value)._replace(clock=clock, area="")
        return Output(ENRICHED, HEARTBEAT_KEY, tick, partition)

    def dirty(self) -> Iterable[Row]:
        """Rows of the incidents that changed since the last call."""
        rows = [Row(identity, self._rows[identity]) for identity in self._dirty]
        self._dirty.clear()
        guarded = self.guard.dirty()
        if guarded is not None:
            rows.append(Row(GUARD_KEY, guarded))
        rows += [Row(parked_key(identity), self._parked.get(identity)) for identity in sorted(self._unwritten)]
        self._unwritten.clear()
        return rows

    def marker(self) -> Marker:
        """The newest tick forwarded, and the totals that account for every notification read."""
        return {
            "clock": self._clock,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "incidents": len(self._rows) + len(self._cold),
        }

    def resume_at(self, next_offset: int) -> int:
        """Go on where the last record was taken in."""
        return next_offset

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        """Take over the incidents and totals of an earlier owner."""
        self._cold = rows
        guarded = rows.pop(GUARD_KEY, None)
        if guarded is not None:
            self.guard.restore(guarded)
            for identity in self.guard.waiting():
                after, received_at, body = cast("tuple[RowValue, int, bytes]", rows.pop(parked_key(identity)))
                self._parked[identity] = Parked(kept_of(after), received_at, body)
        if marker is not None:
            self._clock = cast("int", marker["clock"])
            self.accepted = cast("int", marker["accepted"])
            self.duplicates = cast("int", marker["duplicates"])
            self.rejected = cast("int", marker["rejected"])


def _numbered(outputs: Iterable[Output], first: int) -> list[Output]:
    """One record causes them all: each has an index of its own among its outputs."""
    return [
        output._replace(value=cast("Incident", output.value)._replace(origin_index=number))
        for number, output in enumerate(outputs, first)
    ]

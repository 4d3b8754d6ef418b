"""The injector: sends spikes, waits for the alert of each, takes them back, and tells what became of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.injection.spikes import Past, Spike
from consumers.loop import Handler, Record
from schemas.errors import Malformed, UsageError
from schemas.events import Alert, AlertEvent, AreaCount, Millis, Notification, Tense
from schemas.wire import Wire

TOPICS = ("areas.counts", "alerts.state", "alerts.events")
OPEN = frozenset({"OPEN", "ACKNOWLEDGED"})
DELAYS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)
"""Bounds in seconds."""


class Result(StrEnum):
    """What became of a spike."""

    FOUND = "found"
    MISSED = "missed"
    MASKED = "masked"
    """A real alert was open in its place, under which it could not be seen; no measure of power."""


class Pending(msgspec.Struct, kw_only=True):
    """A spike that is under way: so many of its incidents are sent, and whether a real alert was open in its place."""

    spike: Spike
    sent: int = 0
    masked: bool = False


class Kept(msgspec.Struct, kw_only=True):
    """What survives a restart: number of the next spike, when the last began, those under way, ends by group."""

    number: int = 0
    last: Millis = 0
    pending: list[Pending] = msgspec.field(default_factory=list)
    ended: dict[str, Millis] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one spike; ``delay_ms`` from its first incident to the publication of its alert."""

    spike: Spike
    result: Result
    delay_ms: Millis | None = None
    alert_id: str = ""


class Meter:
    """Outcomes as metrics, all labels from the beginning, so that the first of each is a rise."""

    def __init__(self, registry: CollectorRegistry, sizes: Iterable[str]) -> None:
        self._spikes = Counter(
            "firebreak_injection_spikes",
            "Injected spikes by size and what became of them.",
            ["size", "result"],
            registry=registry,
        )
        self._delay = Histogram(
            "firebreak_injection_delay_seconds",
            "From the first incident of an injected spike to the publication of its alert.",
            buckets=DELAYS,
            registry=registry,
        )
        self._last = Gauge(
            "firebreak_injection_last_spike_timestamp_seconds", "When the last spike began.", registry=registry
        )
        for size in sizes:
            for result in Result:
                self._spikes.labels(size, result.value)

    def began(self, at: Millis) -> None:
        """Tell that a spike began."""
        self._last.set(at / 1000)

    def ended(self, outcome: Outcome) -> None:
        """Count what became of a spike."""
        self._spikes.labels(outcome.spike.size, outcome.result.value).inc()
        if outcome.delay_ms is not None:
            self._delay.observe(outcome.delay_ms / 1000)


@dataclass(slots=True)
class World:
    """The newest counts of the coarse level and the open real alerts."""

    counts: dict[tuple[str, str], AreaCount] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)

    def masks(self, spike: Spike) -> bool:
        """Whether a real alert is open in the place of the spike."""
        return any(spike.group == each.group and spike.area in each.areas for each in self.alerts.values())


class Injector(Handler):
    """
    Handler of the injector's loop.

    Parameters
    ----------
    wire
        The codecs.
    send
        Gives notifications to the broker; raises Later where it does not take them.
    now
        Wall clock in ms.
    patience
        So long (ms) after its last incident a spike without an alert counts as missed.
    told, began
        Told of each outcome, and of the beginning of each spike.
    draw
        The next spike, of what was injected so far, the newest counts and the time; None for none now.
    levels
        Names of the levels whose areas are drawn.
    ready
        Whether the ends of all topics were reached.
    file
        Keeps what is under way over a restart; None keeps nothing.

    """

    def __init__(
        self,
        wire: Wire,
        send: Callable[[Iterable[Notification]], None],
        now: Callable[[], Millis],
        *,
        patience: Millis,
        draw: Callable[[Past, Iterable[AreaCount], Millis], Spike | None],
        told: Callable[[Outcome], None],
        began: Callable[[Millis], None] = lambda _: None,
        levels: Iterable[str] = (),
        ready: Callable[[], bool] = lambda: True,
        file: Path | None = None,
    ) -> None:
        self._wire, self._send, self._now, self._patience = wire, send, now, patience
        self._draw, self._told, self._began = draw, told, began
        self._levels, self._ready, self._file = frozenset(levels), ready, file
        self._world = World()
        self._kept = _load(file)
        if self._kept.last:
            began(self._kept.last)

    def take(self, records: Sequence[Record]) -> None:
        """Take counts, states and events in; what is none of ours is passed over."""
        for record in records:
            try:
                self._take(record)
            except Malformed:
                continue

    def _take(self, record: Record) -> None:
        key, value = (record.key or b"").decode(errors="replace"), record.value
        if record.topic == "areas.counts":
            area, _, group = key.rpartition("|")
            count = None if value is None else self._wire.area_count.decode(value)
            if count is None:
                self._world.counts.pop((area, group), None)
            elif count.area and count.level in self._levels:
                self._world.counts[count.area, count.group] = count
        elif record.topic == "alerts.state":
            alert = None if value is None else self._wire.alert.decode(value)
            self._world.alerts.pop(key, None)
            if alert is not None and alert.status in OPEN and alert.tense != Tense.INJECTION:
                self._world.alerts[key] = alert
                self._mask()
        elif value is not None:
            self._seen(self._wire.alert_event.decode(value), record.timestamp)

    def _mask(self) -> None:
        for each in self._kept.pending:
            each.masked = each.masked or self._world.masks(each.spike)

    def _seen(self, event: AlertEvent, at: Millis) -> None:
        if event.tense != Tense.INJECTION:
            return
        for each in list(self._kept.pending):
            if each.spike.owns(event.incidents):
                delay = max(0, at - each.spike.began)
                self._end(each, Outcome(spike=each.spike, result=Result.FOUND, delay_ms=delay, alert_id=event.alert_id))

    def turn(self) -> None:
        """Begin what is due, send what has happened, give up what is not found; raises Later as *send* does."""
        if not self._ready():
            return
        now = self._now()
        self._begin_next(now)
        self._mask()
        for each in list(self._kept.pending):
            due = each.spike.due(now)
            if due > each.sent:
                self._send(each.spike.reports(each.sent, due))
                each.sent = due
                self._keep()
            if now >= each.spike.at(each.spike.incidents - 1) + self._patience:
                self._end(each, Outcome(spike=each.spike, result=Result.MASKED if each.masked else Result.MISSED))

    def _begin_next(self, now: Millis) -> None:
        kept = self._kept
        past = Past(kept.number, kept.last, [each.spike for each in kept.pending], kept.ended)
        spike = self._draw(past, self._world.counts.values(), now)
        if spike is not None:
            kept.pending.append(Pending(spike=spike))
            kept.last, kept.number = spike.began, kept.number + 1
            self._keep()
            self._began(spike.began)

    def _end(self, each: Pending, outcome: Outcome) -> None:
        # withdrawn, or it would lie over the next one of its place for a week
        self._send(each.spike.withdrawals(each.sent))
        self._kept.pending.remove(each)
        self._kept.ended[each.spike.group] = self._now()
        self._keep()
        self._told(outcome)

    def _keep(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(self._kept))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)


def _load(file: Path | None) -> Kept:
    if file is None or not file.exists():
        return Kept()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError) as wrong:
        raise UsageError(f"{file} can't be read ({wrong}): delete it to begin anew") from wrong

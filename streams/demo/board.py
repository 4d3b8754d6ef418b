"""What a person at a terminal should see, gathered from the public topics."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from schemas.events import AlertEvent, AlertKind, AreaCount, AreaState, Millis, Tense

KEPT_EVENTS = 400
HEARTBEAT = b"heartbeat|"

_RANK = {AreaState.ALERT: 0, AreaState.WATCH: 1, AreaState.NORMAL: 2, AreaState.GREY: 3}
_SHOWN = frozenset(
    {
        AlertKind.OPENED,
        AlertKind.UPDATED,
        AlertKind.ESCALATED,
        AlertKind.DEESCALATED,
        AlertKind.ENDED,
        AlertKind.RETRACTED,
    }
)
_OVER = frozenset({AlertKind.ENDED, AlertKind.RETRACTED})


class Standing(NamedTuple):
    """What is open now, and how far the last stage has come in each region (None: not heard of yet)."""

    open: int
    clock: Millis | None


class Board:
    """
    The newest counts and alerts. One thread fills it, another looks.

    Parameters
    ----------
    decode_count, decode_event
        From the bytes of the topics; counts are decoded only when they are looked at, because most are replaced first.
    region
        Only what is of it; "" for all.

    """

    def __init__(
        self,
        decode_count: Callable[[bytes], AreaCount],
        decode_event: Callable[[bytes], AlertEvent],
        region: str = "",
    ) -> None:
        self._decode_count = decode_count
        self._decode_event = decode_event
        self._region = region
        self._lock = threading.Lock()
        self._counts: dict[bytes, bytes] = {}
        self._clocks: dict[str, Millis] = {}
        self._open: dict[str, AlertEvent] = {}
        self._events: deque[AlertEvent] = deque(maxlen=KEPT_EVENTS)

    def see_count(self, key: bytes, value: bytes) -> None:
        """Take a record of ``areas.counts``."""
        if key.startswith(HEARTBEAT):
            beat = self._decode_count(value)
            if self._mine(beat.region):
                self._clocks[beat.region] = beat.as_of
            return
        with self._lock:
            self._counts[key] = value

    def see_event(self, value: bytes) -> AlertEvent | None:
        """Take a record of ``alerts.events``; answer it if it is one to show."""
        event = self._decode_event(value)
        if event.kind not in _SHOWN or event.tense == Tense.INJECTION or not self._mine(event.region):
            return None
        with self._lock:
            self._events.append(event)
            if event.kind in _OVER:
                self._open.pop(event.alert_id, None)
            else:
                self._open[event.alert_id] = event
        return event

    def _mine(self, region: str) -> bool:
        return self._region in {"", region}

    def standing(self) -> Standing:
        """What is open, and the clock that every region has reached."""
        with self._lock:
            return Standing(len(self._open), min(self._clocks.values(), default=None))

    def counts(self, most: int) -> list[AreaCount]:
        """The *most* counts that are farthest above what is expected: alerts first, then watches, then the rest."""
        with self._lock:
            values = list(self._counts.values())
        counts = [count for count in map(self._decode_count, values) if self._mine(count.region)]
        return sorted(counts, key=_urgency)[:most]

    def events(self, most: int) -> list[AlertEvent]:
        """The *most* newest events, newest first."""
        with self._lock:
            events = list(self._events)
        # they come from several partitions
        return sorted(events, key=lambda event: event.clock)[: -most - 1 : -1]


def _urgency(count: AreaCount) -> tuple[int, float, str, str]:
    expected = count.expected or 0.0
    surplus = (count.incidents_24h - expected) / (expected + 1.0) ** 0.5
    return _RANK[AreaState(count.state)], -surplus, count.area, count.group

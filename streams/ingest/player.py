"""Arrivals in real-time order, with a tick of the simulated clock at every whole multiple of a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.events import Millis
from streams.ingest.arrival import Arrival


class TickAt(NamedTuple):
    """The simulated clock has reached this time: whatever became known before it has been played."""

    clock: Millis


def play(arrivals: Iterable[Arrival], tick_ms: Millis, start: Millis | None = None) -> Iterator[Arrival | TickAt]:
    """
    Arrivals in their order, and between them a tick at every whole multiple of *tick_ms*.

    What became known before T comes before tick T, what became known at T or later comes after it. The first tick is
    the first multiple after the first arrival, or from *start* on where that is earlier; the last is the first
    multiple after the last arrival, so that all is folded in. Without arrivals there is no tick.

    Raises
    ------
    ValueError
        The arrivals are not in order, or the period is not positive.

    """
    if tick_ms <= 0:
        raise ValueError(f"a tick every {tick_ms} ms is no clock")
    upcoming: Millis | None = None
    last: Millis | None = None
    for arrival in arrivals:
        at = arrival.known_at_ms
        if last is not None and at < last:
            raise ValueError(f"known at {at}, after {last}: arrivals are not in order")
        last = at
        if upcoming is None:
            upcoming = _first_tick(at, tick_ms, start)
        while upcoming <= at:
            yield TickAt(upcoming)
            upcoming += tick_ms
        yield arrival
    if upcoming is not None:
        yield TickAt(upcoming)


def _first_tick(first: Millis, tick_ms: Millis, start: Millis | None) -> Millis:
    after_first = first - first % tick_ms + tick_ms
    return after_first if start is None else min(after_first, start + -start % tick_ms)

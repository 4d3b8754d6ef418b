"""
Alignment of ticks over upstream partitions, like the barriers of a distributed snapshot.

A record belongs to the open bucket of the upstream partition that it came from; that partition's next tick closes the
bucket and gives it its time. A bucket is handed out only when *every* upstream partition has reached its time, so
what is handed out at tick *k* is all that was appended before *k*, whatever the number of partitions and workers,
the batching, or the skew of a catch-up.

What waits is not kept anywhere else: :meth:`Alignment.resume_at` names the first record that is still waiting, input
is read again from there after a restore, and what had been handed out already is recognised by its offset.

Source: Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows" (2015), the aligned barrier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from schemas.events import Millis

ItemT = TypeVar("ItemT")


class Closed(NamedTuple, Generic[ItemT]):
    """Everything that was appended before ``clock`` and after the tick handed out before it, in no order."""

    clock: Millis
    items: list[ItemT]


@dataclass(slots=True)
class _Bucket(Generic[ItemT]):
    """What one upstream partition sent between two of its ticks."""

    clock: Millis
    end: int
    first: int
    items: list[ItemT]


@dataclass(slots=True)
class _Lane(Generic[ItemT]):
    """One upstream partition."""

    clock: Millis = 0
    """Its newest tick."""
    folded: Millis = 0
    """Its newest tick that was handed out."""
    boundary: int = 0
    """Offset after the last record that was handed out."""
    first: int | None = None
    """Offset of the first record in the open bucket."""
    items: list[ItemT] = field(default_factory=list)
    closed: deque[_Bucket[ItemT]] = field(default_factory=deque)

    def waiting_from(self) -> int | None:
        return self.closed[0].first if self.closed else self.first


class Alignment(Generic[ItemT]):
    """The ticks of ``partitions`` upstream partitions within one input partition."""

    def __init__(self, partitions: int) -> None:
        self._lanes: list[_Lane[ItemT]] = [_Lane() for _ in range(partitions)]
        self.done: Millis = 0
        """The newest tick handed out."""

    def add(self, partition: int, offset: int, item: ItemT) -> None:
        """Put *item*, read at *offset*, into the open bucket of its upstream *partition*."""
        lane = self._lanes[partition]
        if offset < lane.boundary:
            return
        if lane.first is None:
            lane.first = offset
        lane.items.append(item)

    def tick(self, partition: int, offset: int, clock: Millis) -> list[Closed[ItemT]]:
        """Close the open bucket of *partition* at *clock*; answer what all partitions have now reached, ascending."""
        lane = self._lanes[partition]
        if clock <= lane.clock:
            return []
        lane.closed.append(_Bucket(clock, offset + 1, offset if lane.first is None else lane.first, lane.items))
        lane.clock, lane.first, lane.items = clock, None, []
        low = min(each.clock for each in self._lanes)
        return list(self._reach(low)) if low > self.done else []

    def _reach(self, low: Millis) -> Iterator[Closed[ItemT]]:
        due = sorted({b.clock for lane in self._lanes for b in lane.closed if b.clock <= low})
        for clock in due:
            items: list[ItemT] = []
            for lane in self._lanes:
                if lane.closed and lane.closed[0].clock == clock:
                    bucket = lane.closed.popleft()
                    items += bucket.items
                    lane.boundary, lane.folded = bucket.end, clock
            self.done = clock
            yield Closed(clock, items)

    def resume_at(self, next_offset: int) -> int:
        """Offset of the first record that is not handed out yet, *next_offset* if there is none."""
        waiting = [at for lane in self._lanes if (at := lane.waiting_from()) is not None]
        return min(waiting, default=next_offset)

    def marker(self) -> dict[str, int | list[int]]:
        """What has been handed out; enough, with :meth:`resume_at`, to go on."""
        return {
            "done": self.done,
            "folded": [lane.folded for lane in self._lanes],
            "boundary": [lane.boundary for lane in self._lanes],
        }

    def restore(self, done: Millis, folded: list[int], boundary: list[int]) -> None:
        """Take over the marker of an earlier owner."""
        self.done = done
        for lane, clock, end in zip(self._lanes, folded, boundary, strict=True):
            lane.clock = lane.folded = clock
            lane.boundary = end

"""Planted bugs: each must be found by the simulation, or the simulation proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from support.simulation.broker import WorkerProducer
from support.simulation.cluster import World

from streams.core import count, detect, enrich
from streams.core.align import Alignment, Closed
from streams.journal import MARKER_KEY, encode_position, entries
from streams.log import Producer, Retriable, Sent
from streams.partition import Cut, Partition

WORLDS = {
    "no transactions": World(transactional=False),
    "reading uncommitted": World(committed_read=False),
    "no fencing": World(fencing=False),
    "seek to the group's offset": World(from_journal=False),
    "state kept over a rebalance": World(forgets=False),
}


def _until_done(producer: Producer) -> None:
    while True:
        try:
            return producer.commit()
        except Retriable:
            continue


def _marker_outside(self: Partition, cut: Cut) -> None:
    producer, journal, number = self._producer, self.spec.journal, self.number
    producer.begin()
    producer.send((Sent(journal, number, MARKER_KEY, cut.marker),))
    _until_done(producer)
    producer.begin()
    producer.send(map(self._edge.encode, cut.outputs))
    producer.send(Sent(journal, number, key, value) for key, value in entries(cut.rows))
    _until_done(producer)
    self.committed = cut.position


def _rows_outside(self: Partition, cut: Cut) -> None:
    producer, journal, number = self._producer, self.spec.journal, self.number
    producer.begin()
    producer.send(map(self._edge.encode, cut.outputs))
    producer.send((Sent(journal, number, MARKER_KEY, cut.marker),))
    _until_done(producer)
    producer.begin()
    producer.send(Sent(journal, number, key, value) for key, value in entries(cut.rows))
    _until_done(producer)
    self.committed = cut.position


def _position_late(self: Partition, cut: Cut) -> None:
    producer, journal, number = self._producer, self.spec.journal, self.number
    producer.begin()
    producer.send(map(self._edge.encode, cut.outputs))
    producer.send(Sent(journal, number, key, value) for key, value in entries(cut.rows))
    # records were taken in while those were sent
    stage = self._edge.stage
    position = stage.resume_at(self.next)
    marker = encode_position(stage.row_format, position, self.spec.partitions, stage.marker())
    producer.send((Sent(journal, number, MARKER_KEY, marker),))
    _until_done(producer)
    self.committed = position


_cut = Partition.cut


def _leaves_old_rows(self: Partition) -> Cut | None:
    self._renewed = ()
    return _cut(self)


_flush = WorkerProducer._flush


def _delivery_fails(self: WorkerProducer) -> None:
    """Now and then records are not taken by the broker, and the commit that follows does not mind."""
    if self._log.chance(0.02):
        self._waiting.clear()
    _flush(self)


def _no_alignment(self: Alignment[Any], partition: int, offset: int, clock: int) -> list[Any]:
    lane = self._lanes[partition]
    if clock <= lane.clock:
        return []
    items, lane.items, lane.clock, lane.first = lane.items, [], clock, None
    lane.boundary = offset + 1
    self.done = max(self.done, clock)
    return [Closed(clock, items)]


def _nothing_waits(_self: object, next_offset: int) -> int:
    return next_offset


def _refolds(self: Alignment[Any], partition: int, offset: int, item: object) -> None:
    lane = self._lanes[partition]
    if lane.first is None:
        lane.first = offset
    lane.items.append(item)


_add = Alignment.add
_arrived: dict[int, int] = {}


def _notes_arrival(self: Alignment[Any], partition: int, offset: int, item: object) -> None:
    _arrived[id(item)] = offset
    _add(self, partition, offset, item)


def _by_arrival(incident: object) -> int:
    return _arrived[id(incident)]


def _forgets_totals_and_clock(self: enrich.Enrich, rows: Any, _marker: Any) -> None:
    self._cold = rows


def _no_commands_or_clock(self: detect.Detect, rows: Any, marker: Any) -> None:
    _restore(self, rows, None if marker is None else {**marker, "clock": 0})


_restore = detect.Detect.restore

Planted = tuple[object, str, Callable[..., Any]]
"""Where, what, and what stands there instead."""

PATCHES: dict[str, Planted] = {
    "marker outside the transaction": (Partition, "commit", _marker_outside),
    "rows outside the transaction": (Partition, "commit", _rows_outside),
    "position read after the rows were copied": (Partition, "commit", _position_late),
    "commit after a failed delivery": (WorkerProducer, "_flush", _delivery_fails),
    "no tick alignment": (Alignment, "tick", _no_alignment),
    "what waits for a tick is lost": (Alignment, "resume_at", _nothing_waits),
    "rows of an older format left as they are": (Partition, "cut", _leaves_old_rows),
    "what was folded is folded again": (Alignment, "add", _refolds),
    "ticks not monotone after a restart": (enrich.Enrich, "restore", _forgets_totals_and_clock),
    "the last evaluation is forgotten": (detect.Detect, "restore", _no_commands_or_clock),
}

TOGETHER: dict[str, tuple[Planted, ...]] = {
    "contributions in order of arrival": ((Alignment, "add", _notes_arrival), (count, "_order", _by_arrival)),
}
"""Bugs that take more than one change."""

NAMES = (*WORLDS, *PATCHES, *TOGETHER)


@contextmanager
def planted(name: str) -> Iterator[World]:
    """Plant one bug; answer the world to run in."""
    if name in WORLDS:
        yield WORLDS[name]
        return
    with ExitStack() as changes:
        for target, attribute, wrong in TOGETHER.get(name) or (PATCHES[name],):
            changes.enter_context(patch.object(target, attribute, wrong))
        yield World()

"""Replay through the stages joined in memory: no broker, no bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.events import Millis
from streams.core.count import Count
from streams.core.detect import Detect
from streams.core.enrich import Enrich, RawNotification
from streams.core.geography import Region
from streams.core.pipeline import Pipeline
from streams.core.places import PackPlaces, plan_of, routes
from streams.harvest import Accounts, Harvest
from streams.ingest.arrival import Arrival
from streams.ingest.player import TickAt
from streams.ticks import heartbeat


def through_core(moments: Iterable[Arrival | TickAt], regions: Sequence[Region], harvest: Harvest) -> Accounts:
    """Play *moments*; outputs go to *harvest*, what became of the notifications is the answer."""
    enrich = Enrich(0, PackPlaces(regions), enriched_partitions=1, tick_period=None)
    count = Count(0, routes(regions, {region.name: 0 for region in regions}), raw_partitions=1, inbox_partitions=1)
    detect = Detect([plan_of(region) for region in regions], enriched_partitions=1, counts=False)
    pipeline = Pipeline(
        [enrich], [count], [detect], route=lambda _key, _partitions: 0, sink=lambda output: harvest.see(output.value)
    )
    for moment in moments:
        if isinstance(moment, TickAt):
            pipeline.tick(_tick(moment.clock), moment.clock)
        else:
            pipeline.notify(RawNotification(moment.notification, b"", None, None), moment.known_at_ms)
    return Accounts.from_marker(enrich.marker())


def _tick(clock: Millis) -> RawNotification:
    return RawNotification(heartbeat(clock, simulated=True), b"", None, None)

"""The first two stages of one partition, one behind the other."""

from __future__ import annotations

from schemas.events import Millis, Notification
from streams.core.count import Count
from streams.core.enrich import Enrich, RawNotification
from streams.core.geography import Region
from streams.core.places import PackPlaces, routes
from streams.core.stage import Output, Record


class TwoStages:
    """Enrich and count of a region, fed with notifications and simulated ticks."""

    def __init__(self, region: Region) -> None:
        self.enrich = Enrich(0, PackPlaces([region]), enriched_partitions=1, tick_period=None)
        self.count = Count(0, routes([region], {region.name: 0}), raw_partitions=1, inbox_partitions=1)
        self._offsets = [0, 0]

    def take(self, received_at: Millis, told: Notification) -> list[Output]:
        """Take one notification or tick in; answer what the second stage makes of it."""
        outputs: list[Output] = []
        self._offsets[0] += 1
        raw = RawNotification(told, b"", None, None)
        for output in self.enrich.apply(Record(self._offsets[0], received_at, raw)):
            if output.topic == "incidents.enriched":
                self._offsets[1] += 1
                outputs += self.count.apply(Record(self._offsets[1], received_at, output.value))
        return outputs

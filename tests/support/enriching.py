"""Files through the first stage in memory: what its topic would hold, if it had one partition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from consumers.loop import Record
from schemas.wire import Wire
from streams.core.geography import Region
from streams.core.stage import Output
from streams.ingest.arrival import Arrival
from streams.settings import from_env
from streams.worker import Edges

ONE = {"FIREBREAK_PARTITIONS_RAW": "1", "FIREBREAK_PARTITIONS_ENRICHED": "1", "FIREBREAK_PARTITIONS_INBOX": "1"}
WIRE = Wire.builtin()


def enriched(arrivals: Iterable[Arrival], region: Region, **environ: str) -> Iterator[Record]:
    """Records of incidents.enriched, stamped when their notification became known."""
    settings = from_env({**ONE, "FIREBREAK_TICK_PERIOD": "off", **environ})
    catalogue = settings.catalogue()
    counts = {topic: catalogue[topic].partitions for topic in catalogue}
    edge = Edges(settings, "enrich", counts, [region])(0)
    offset = 0
    for number, arrival in enumerate(arrivals):
        outputs: list[Output] = []
        edge.feed([raw_record(number, arrival)], outputs)
        for sent in map(edge.encode, outputs):
            if sent.topic == catalogue["incidents.enriched"].name:
                yield Record("incidents.enriched", 0, offset, arrival.known_at_ms, sent.key, sent.value)
                offset += 1


def raw_record(offset: int, arrival: Arrival) -> Record:
    key, value = arrival.notification.incident_id.encode(), WIRE.encode_notification(arrival.notification)
    return Record("incidents.raw", 0, offset, arrival.known_at_ms, key, value)

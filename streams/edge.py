"""Where bytes become values and values bytes: the edge of a stage, and where a key goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from confluent_kafka import murmur2

from streams.batch import RawRecord
from streams.core.controller import Rates
from streams.core.stage import Output, Stage
from streams.log import Sent


class Fed(NamedTuple):
    """What came of feeding a batch: whether a tick passed, and what was not simply taken in."""

    ticked: bool
    rejected: Mapping[str, int]
    """By reason."""
    duplicates: int = 0
    unlocated: Mapping[str, int] = MappingProxyType({})
    """Incidents without an area, by source."""
    guarded: Mapping[tuple[str, str], int] = MappingProxyType({})
    """Revisions that would take incidents away, by source and what became of them."""
    rates: Mapping[tuple[str, str], Rates] = MappingProxyType({})
    """Alerts a week by region and budget ("" the shared one, else the unit's key), where they may have changed."""


class Edge(Protocol):
    """One stage with its codecs."""

    @property
    def stage(self) -> Stage:
        """The state machine behind this edge."""
        ...

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        """Decode and apply *records* in order; append what they cause to *outputs*. Refused bytes are an output."""
        ...

    def encode(self, output: Output) -> Sent:
        """Bytes, topic and partition of an output; called from the thread that commits."""
        ...


@dataclass(slots=True)
class Target:
    """
    One output topic, and where its keys go.

    The partition of a key is murmur2 as the Java client has it, so that whoever else writes the topic agrees;
    librdkafka's own default is another one.
    """

    topic: str
    partitions: int
    _known: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def place(self, key: str) -> tuple[bytes, int]:
        """Bytes and partition of *key*; remembered, so only for topics whose keys are few."""
        known = self._known.get(key)
        if known is None:
            encoded = key.encode()
            known = self._known[key] = encoded, murmur2(encoded, self.partitions)
        return known

    def place_once(self, key: str) -> tuple[bytes, int]:
        """Bytes and partition of a key that is not worth remembering."""
        encoded = key.encode()
        return encoded, murmur2(encoded, self.partitions)

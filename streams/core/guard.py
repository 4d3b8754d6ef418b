"""
Feed regressions: what a guarded source takes away from old incidents waits until it is known whether it was a mass.

A *regression* is a revision that takes an incident, counted and older than a day, out of its counts: withdrawn, or
without place or group. It is parked for :data:`SETTLING` of the stream's ticks. Few are applied then, late; more than
is usual are held, counts stay, and a person releases or refuses them. Usual is learnt as for mass changes
(:mod:`streams.core.revisions`), by source and raw partition: a partition sees its share of a source and has its share
of the least limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, cast

from schemas.events import DAY, HOUR, UNKNOWN_AREA, Counted, Millis
from streams.core.revisions import LEAST, TEACHES, TIMES, WEIGHT
from streams.core.stage import RowValue

OLD: Millis = DAY
SETTLING: Millis = 900_000
HELD_BACK = "held"
"""Group of the counts, of no level and no area, that tell how many revisions a tick held."""
JOINS: Millis = HOUR
"""So long after a hold, whatever else its source takes away is held with it: a slow publication is one."""
RELEASE = "release"
REFUSE = "refuse"

_NOTHING: Mapping[tuple[str, str], int] = MappingProxyType({})
PARKED, APPLIED, SUPERSEDED = "parked", "applied", "superseded"
HELD, RELEASED, REFUSED, TAKEN_BACK = "held", "released", "refused", "taken_back"
"""What is held now: HELD less the three others."""


class Settled(NamedTuple):
    """What the ticks decided of the regressions of one source: held for a person, or to be applied now."""

    held: bool
    incidents: tuple[str, ...]


@dataclass(slots=True)
class _Feed:
    usual: float = 0.0
    until: Millis = 0
    """When what settles is decided; 0 if nothing settles."""
    joins: Millis = 0
    settling: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)


class Guard:
    """
    Which incidents of which source are parked behind one raw partition.

    Parameters
    ----------
    sources
        The guarded ones; what was parked of another, guarded once, is applied at the next tick.
    partitions
        Of the raw topic.

    """

    def __init__(self, sources: Iterable[str] = (), partitions: int = 1) -> None:
        self._sources = frozenset(sources)
        self._least = LEAST / partitions
        self._feeds: dict[str, _Feed] = {}
        self._dirty = False
        self._told: Counter[tuple[str, str]] = Counter()

    def regresses(self, incident_id: str, before: Counted | None, after: Counted | None, received_at: Millis) -> bool:
        """Whether to park the revision received then, by what its incident counts in force and with it."""
        if before is None or source_of(incident_id) not in self._sources or before.hour >= received_at - OLD:
            return False
        return counts(before) and not (after is not None and counts(after))

    def park(self, incident_id: str, clock: Millis) -> None:
        """Take in a regression; one of an incident that is parked takes the place of that."""
        source = source_of(incident_id)
        feed = self._feeds.setdefault(source, _Feed())
        self._tell(source, PARKED)
        if incident_id not in feed.held:
            feed.until = feed.until or clock + SETTLING
            feed.settling.add(incident_id)

    def supersede(self, incident_id: str) -> None:
        """Forget what is parked of an incident that a later revision counts again."""
        source = source_of(incident_id)
        feed = self._feeds[source]
        self._tell(source, TAKEN_BACK if incident_id in feed.held else SUPERSEDED)
        feed.settling.discard(incident_id)
        feed.held.discard(incident_id)
        if not feed.settling:
            feed.until = 0

    def tick(self, clock: Millis) -> Iterator[Settled]:
        """Decide what has settled by *clock*."""
        for source, feed in sorted(self._feeds.items()):
            if source not in self._sources:
                yield self._apply(source, feed, feed.settling | feed.held)
                feed.held.clear()
                del self._feeds[source]
            elif feed.until and feed.until <= clock:
                yield self._decide(source, feed, clock)

    def _decide(self, source: str, feed: _Feed, clock: Millis) -> Settled:
        many, limit = len(feed.settling), max(self._least, TIMES * feed.usual)
        feed.usual += WEIGHT * (min(many, TEACHES * limit) - feed.usual)
        if many <= limit and clock >= feed.joins:
            return self._apply(source, feed, feed.settling)
        feed.joins, feed.until = clock + JOINS, 0
        decided = Settled(True, tuple(sorted(feed.settling)))
        feed.held |= feed.settling
        feed.settling.clear()
        self._tell(source, HELD, many)
        return decided

    def _apply(self, source: str, feed: _Feed, incidents: set[str]) -> Settled:
        decided = Settled(False, tuple(sorted(incidents)))
        feed.settling.clear()
        feed.until = 0
        self._tell(source, APPLIED, len(decided.incidents))
        return decided

    def answer(self, source: str, word: str) -> tuple[str, ...]:
        """Let go of all that is held of *source*, for a person said RELEASE or REFUSE; a repeat finds nothing."""
        feed = self._feeds.get(source)
        if feed is None or not feed.held or word not in {RELEASE, REFUSE}:
            return ()
        decided = tuple(sorted(feed.held))
        feed.held.clear()
        feed.joins = 0
        self._tell(source, RELEASED if word == RELEASE else REFUSED, len(decided))
        return decided

    def _tell(self, source: str, what: str, many: int = 1) -> None:
        if many:
            self._told[source, what] += many
        self._dirty = True

    def tell(self) -> Mapping[tuple[str, str], int]:
        """Revisions by source and what became of them, since the last call."""
        if not self._told:
            return _NOTHING
        told, self._told = self._told, Counter()
        return told

    def waiting(self) -> Iterator[str]:
        """Incidents of which something is parked."""
        for feed in self._feeds.values():
            yield from feed.settling
            yield from feed.held

    def dirty(self) -> RowValue | None:
        """The row, if it changed since the last call."""
        changed, self._dirty = self._dirty, False
        if not changed:
            return None
        return tuple(
            (source, feed.usual, feed.until, feed.joins, tuple(sorted(feed.settling)), tuple(sorted(feed.held)))
            for source, feed in sorted(self._feeds.items())
        )

    def restore(self, value: RowValue) -> None:
        """Take over from an earlier owner."""
        kept = cast("tuple[tuple[str, float, int, int, tuple[str, ...], tuple[str, ...]], ...]", value)
        for source, usual, until, joins, settling, held in kept:
            self._feeds[source] = _Feed(usual, until, joins, set(settling), set(held))


def source_of(incident_id: str) -> str:
    """Name the source of an incident."""
    return incident_id.partition("|")[0]


def counts(counted: Counted) -> bool:
    """Whether it is in any count: it has a place and a group."""
    return counted.area != UNKNOWN_AREA and bool(counted.groups)

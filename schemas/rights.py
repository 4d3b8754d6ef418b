"""
What each process may do on the brokers, and nothing beyond it: made from what it reads and writes. Pure.

Readers of a topic need Read of it and of their group, writers need Write; whoever writes in transactions needs Write of
its transactional ids; both let one Describe too (Apache Kafka documentation, "Operations and Resources on Protocols").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from schemas.catalogue import Audience, Catalogue

Kind = Literal["topic", "group", "transactionalId"]
Pattern = Literal["literal", "prefix"]


class Right(NamedTuple):
    """What may be done to one resource, or to all whose names begin so."""

    kind: Kind
    name: str
    pattern: Pattern
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """
    Topics, by catalogue id, that a process reads and writes.

    ``counts`` are topics of which it only looks up the partitions. ``transactions`` is the first part of its
    transactional ids after the topic prefix, "" for none; ``group`` says whether it is a member of the group
    ``<prefix>-<name>``, ``looks_at_all`` whether it looks at every topic and group.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    transactions: str = ""
    group: bool = True
    looks_at_all: bool = False


PUBLIC = ("incidents.enriched", "areas.counts", "alerts.events", "alerts.state")
COMPONENTS: Mapping[str, Component] = MappingProxyType(
    {
        "enrich": Component(
            reads=("incidents.raw", "enrich.journal"),
            # the worker that owns a raw partition writes its ticks
            writes=("incidents.raw", "incidents.enriched", "incidents.rejected", "enrich.journal"),
            transactions="enrich-",
        ),
        "count": Component(
            reads=("incidents.enriched", "count.journal"),
            writes=("detect.inbox", "incidents.rejected", "count.journal"),
            counts=("incidents.raw",),
            transactions="count-",
        ),
        "detect": Component(
            reads=("detect.inbox", "detect.journal"),
            writes=("areas.counts", "alerts.events", "alerts.state", "audit", "incidents.rejected", "detect.journal"),
            counts=("incidents.enriched",),
            transactions="detect-",
        ),
        "gateway": Component(writes=("incidents.raw",), group=False),
        "ingest": Component(writes=("incidents.raw", "incidents.rejected"), group=False),
        "notifier": Component(
            reads=("alerts.events", "notifier.journal", "notifications.deliveries"),
            writes=("notifier.journal", "notifications.deliveries"),
            transactions="notifier",
        ),
        "observer": Component(
            reads=("incidents.raw", "areas.counts", "alerts.events", "alerts.state"),
            writes=("detect.inbox",),
            looks_at_all=True,
        ),
        "archive": Component(reads=("incidents.enriched", "alerts.events")),
        "projector": Component(
            reads=(
                *("areas.counts", "alerts.state", "alerts.events", "notifications.deliveries", "audit"),
                *("incidents.enriched", "incidents.rejected"),
            ),
        ),
        "console": Component(writes=("detect.inbox",), group=False),
        "calibrate": Component(writes=("detect.inbox",), group=False),
        "injector": Component(reads=("areas.counts", "alerts.state", "alerts.events"), writes=("incidents.raw",)),
        "erase": Component(
            reads=(
                *("incidents.raw", "incidents.enriched", "incidents.rejected", "detect.inbox"),
                *("alerts.events", "alerts.state", "enrich.journal", "count.journal", "detect.journal"),
                *("notifications.deliveries", "notifier.journal", "audit"),
            ),
            writes=("incidents.raw", "audit"),
            group=False,
        ),
        "relay": Component(reads=PUBLIC, transactions="relay-"),
        "audience": Component(transactions="audience"),
        "desk": Component(
            reads=("alerts.events", "alerts.state", "areas.counts", "audit", "detect.inbox"),
            # what is held of a source is released or refused there
            writes=("detect.inbox", "incidents.raw"),
            group=False,
        ),
    }
)
READ, WRITE = ("Read", "Describe"), ("Write", "Describe")


def rights(name: str, catalogue: Catalogue) -> list[Right]:
    """
    Give the rights of a process.

    Parameters
    ----------
    name
        One of :data:`COMPONENTS`.
    catalogue
        Names of the topics, with their prefix.

    """
    return list(_rights(name, COMPONENTS[name], catalogue))


def _rights(name: str, component: Component, catalogue: Catalogue) -> Iterator[Right]:
    prefix = catalogue["incidents.raw"].name.partition(".incidents.raw")[0]
    for topic in sorted({*component.reads, *component.writes, *component.counts}):
        does = ("Describe", *(["Read"] * (topic in component.reads)), *(["Write"] * (topic in component.writes)))
        yield Right("topic", catalogue[topic].name, "literal", does)
    if component.transactions:
        yield Right("transactionalId", f"{prefix}-{component.transactions}", "prefix", WRITE)
    if component.group:
        yield Right("group", f"{prefix}-{name}", "prefix", ("Read",))
    if name == "relay":
        yield Right("topic", f"{prefix}.subscriber.", "prefix", WRITE)
    if name == "audience":
        yield Right("topic", f"{prefix}.audience.", "prefix", ("Describe", "Read", "Write"))
        yield Right("group", f"{prefix}-reading", "literal", ("Read",))
    if component.looks_at_all:
        yield Right("group", prefix, "prefix", ("Describe",))
        yield Right("topic", prefix, "prefix", ("Describe",))


def subscriber_rights(group: str, catalogue: Catalogue) -> list[Right]:
    """Rights of a subscriber to all public topics: *group* is the first part of the names of its groups."""
    public = [topic.name for topic in catalogue.values() if topic.audience is Audience.PUBLIC]
    return [*(Right("topic", name, "literal", READ) for name in public), Right("group", group, "prefix", ("Read",))]

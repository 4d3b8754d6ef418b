"""How each record is laid out on the wire and which class it becomes."""

from __future__ import annotations

from functools import cache

from schemas.codegen import Layout, Struct, struct, variant
from schemas.definitions import schema
from schemas.events import (
    Alert,
    AlertEvent,
    AreaCount,
    Command,
    Contribution,
    Counted,
    HourCount,
    Incident,
    Notification,
    Rejection,
    Tick,
)


@cache
def shape(record: str) -> Struct:
    """The tree of a record's current schema."""
    return struct(schema(record))


def notification() -> Layout[Notification]:
    """Raw notifications; all that describes and does not identify stands at the end and is one run."""
    parts = shape("Notification").parts
    names = [part.name for part in parts]
    description = tuple(names[names.index("victims") :])
    return Layout(
        record="Notification",
        steps=parts,
        make=Notification,
        runs=(("kind", "source"), ("area_code",), ("category", "scheme"), description),
    )


def incident() -> Layout[Incident]:
    """Enriched incidents; the notification within stays bytes."""
    return Layout(
        record="Incident",
        steps=shape("Incident").parts,
        make=Incident,
        nested=(Counted,),
        runs=(("region", "area", "ward", "groups"), ("quality", "category", "time_rule", "vintage", "tense")),
        steady=frozenset({"clock", "hour"}),
        rest=True,
    )


def hour_count() -> Layout[HourCount]:
    """The inbox record of kind COUNT."""
    return Layout(
        record="Inbox",
        steps=variant(shape("Inbox"), {"kind": "COUNT", "command": None}, "count"),
        make=HourCount,
        nested=(Contribution,),
        runs=(("tense", "region", "level", "area", "group"),),
        steady=frozenset({"clock", "hour"}),
    )


def tick() -> Layout[Tick]:
    """The inbox record of kind HEARTBEAT."""
    fixed: dict[str, str | int | None] = {"kind": "HEARTBEAT", "count": None, "command": None}
    return Layout(record="Inbox", steps=variant(shape("Inbox"), fixed), make=Tick, steady=frozenset({"clock"}))


def command() -> Layout[Command]:
    """The inbox record of kind COMMAND."""
    fixed: dict[str, str | int | None] = {"kind": "COMMAND", "origin_partition": 0, "clock": 0, "count": None}
    return Layout(record="Inbox", steps=variant(shape("Inbox"), fixed, "command"), make=Command)


def area_count() -> Layout[AreaCount]:
    """Public rolling counts."""
    return Layout(
        record="AreaCount",
        steps=shape("AreaCount").parts,
        make=AreaCount,
        runs=(("region", "level", "area", "group"), ("state", "grey_reason")),
        steady=frozenset({"as_of"}),
    )


def alert_event() -> Layout[AlertEvent]:
    """Transitions of alerts."""
    return Layout(record="AlertEvent", steps=shape("AlertEvent").parts, make=AlertEvent)


def alert() -> Layout[Alert]:
    """States of alerts."""
    return Layout(record="Alert", steps=shape("Alert").parts, make=Alert)


def rejection() -> Layout[Rejection]:
    """Records that could not be processed."""
    return Layout(record="Rejection", steps=shape("Rejection").parts, make=Rejection)

"""A made-up town of five areas, fed to the third stage hour by hour."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np

from schemas.events import (
    HOUR,
    AlertEvent,
    AreaCount,
    Command,
    CommandKind,
    Contribution,
    HourCount,
    Millis,
    Tick,
)
from streams.core.detect import Detect
from streams.core.detection.unit import Unit
from streams.core.regionplan import RegionPlan
from streams.core.stage import Output, Record

START: Millis = 1_699_228_800_000
"""2023-11-06T00:00:00Z, a Monday."""

AREAS = ("A", "B", "C", "D", "E")
NEAR = ((1, 2, 3, 4), (0, 2, 3, 4), (3, 1, 0, 4), (2, 4, 1, 0), (3, 2, 1, 0))


def plan(**given: Any) -> RegionPlan:
    unit = Unit(
        region="R", level="borough", group="knife_crime", areas=AREAS, neighbours=NEAR, zone="UTC", day_starts=6
    )
    fields: dict[str, Any] = {
        "region": "R",
        "level": "borough",
        "parents": {},
        "units": (unit,),
        "sentinels": ("homicide",),
        "alerts_per_week": 0.2,
        "own_budgets": {},
    }
    return RegionPlan(**{**fields, **given})


def count(area: str, hour: Millis, incidents: int, clock: Millis, **given: Any) -> HourCount:
    fields: dict[str, Any] = {"tense": "ACTUAL", "group": "knife_crime", "victims": incidents}
    named = tuple(Contribution(f"s|{area}{hour}{k}", hour + 1, ()) for k in range(incidents))
    fields = {**fields, "contributions": named, **given}
    return HourCount(
        origin_partition=0,
        clock=clock,
        region="R",
        level="borough",
        area=area,
        hour=hour,
        incidents=incidents,
        **fields,
    )


class Town:
    """Feeds a stage hour by hour; ``events`` are the alert events so far."""

    def __init__(self, stage: Detect, *, rate: float = 0.15, seed: int = 1) -> None:
        self.stage = stage
        self.rng = np.random.default_rng(seed)
        self.rate = rate
        self.now = START
        self.offset = 0
        self.outputs: list[Output] = []

    @property
    def events(self) -> list[AlertEvent]:
        return [output.value for output in self.outputs if isinstance(output.value, AlertEvent)]

    @property
    def counts(self) -> list[AreaCount]:
        return [output.value for output in self.outputs if isinstance(output.value, AreaCount)]

    def feed(self, value: object) -> None:
        self.outputs += self.stage.apply(Record(self.offset, self.now, value))
        self.offset += 1

    def hours(self, hours: int, extra: dict[str, int] | None = None) -> None:
        for _ in range(hours):
            hour, self.now = self.now, self.now + HOUR
            for area in AREAS:
                incidents = int(self.rng.poisson(self.rate)) + (extra or {}).get(area, 0)
                if incidents:
                    self.feed(count(area, hour, incidents, self.now))
            self.feed(Tick(0, self.now))


def detect(**given: Any) -> Detect:
    return Detect([plan(**given)], enriched_partitions=1)


def spiked() -> Town:
    """A quiet town in whose area C violence has risen: with one open alert."""
    return copy.deepcopy(_spiked())


def quiet() -> Town:
    """The town before that: seventy ordinary days, of which nothing that was sent is kept."""
    town = copy.copy(_quiet())
    town.outputs = []
    return copy.deepcopy(town)


@cache
def _quiet() -> Town:
    town = Town(detect())
    town.hours(70 * 24)
    assert town.events == [], "nothing opens in a quiet town at this budget"
    return town


@cache
def _spiked() -> Town:
    town = copy.deepcopy(_quiet())
    town.hours(12, {"C": 2})
    return town


def command(kind: CommandKind, alert_id: str, **given: Any) -> Command:
    fields: dict[str, Any] = {"command_id": f"{kind}-1", "actor": "ana", "issued_at": 0}
    return Command(kind=kind, region="R", alert_id=alert_id, **{**fields, **given})

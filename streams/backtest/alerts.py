"""The alerts of a backtest: the live third stage, fed with hour counts and ticks, on models that have learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from schemas.events import HOUR, AlertEvent, Command, CommandKind, HourCount, Millis, Tense, Tick
from streams.backtest.hours import Counts
from streams.backtest.walk import DayModel
from streams.core.detect import EVENTS, Detect
from streams.core.detection.budget import Calibration
from streams.core.detection.unit import Unit, UnitModel
from streams.core.regionplan import RegionPlan
from streams.core.stage import Record


class AlertRun:
    """
    One region's third stage from an instant on.

    Parameters
    ----------
    plan
        The region's plan; only the units of *models* are watched.
    models
        Learnt models by (level, group); whoever owns them gives them each day before its hours are told here.
    calibration
        In force from the first tick.
    start
        First hour, since the epoch.
    tick_hours
        Alerts move so often.

    """

    def __init__(
        self,
        plan: RegionPlan,
        models: Mapping[tuple[str, str], DayModel],
        calibration: Calibration,
        start: int,
        tick_hours: int,
    ) -> None:
        self._models = models
        units = tuple(unit for unit in plan.units if (unit.level, unit.group) in models)
        self._region = plan.region
        self._stage = Detect(
            [replace(plan, units=units, sentinels=())], enriched_partitions=1, counts=False, models=self._model
        )
        self._offset = 0
        self._tick_hours = tick_hours
        self._calibrate(calibration, start * HOUR)

    def _model(self, unit: Unit, _first: Millis) -> UnitModel:
        return self._models[unit.level, unit.group]

    def _feed(self, at: Millis, value: object) -> Iterator[AlertEvent]:
        for output in self._stage.apply(Record(self._offset, at, value)):
            if output.topic == EVENTS and isinstance(output.value, AlertEvent):
                yield output.value
        self._offset += 1

    def _calibrate(self, calibration: Calibration, now: Millis) -> None:
        command = Command(
            command_id=f"calibrate-{calibration.version}",
            kind=CommandKind.CALIBRATE,
            region=self._region,
            alert_id="",
            actor="firebreak",
            issued_at=now,
            body="\n".join(calibration.to_row()),
        )
        list(self._feed(now, command))

    def hours(self, first: int, counts: Mapping[tuple[str, str], Counts]) -> list[AlertEvent]:
        """Let the hours from *first* pass, with their *counts* [areas, hours]; answer the transitions of alerts."""
        some = {unit: _by_hour(table) for unit, table in counts.items()}
        length = next(iter(counts.values())).shape[1]
        events: list[AlertEvent] = []
        for hour in range(length):
            now = (first + hour + 1) * HOUR
            for unit, by_hour in some.items():
                for area in by_hour[hour]:
                    events += self._feed(now, self._count(unit, area, int(counts[unit][area, hour]), now))
            if (first + hour + 1) % self._tick_hours == 0:
                events += self._feed(now, Tick(0, now))
        return events

    def _count(self, unit: tuple[str, str], area: int, incidents: int, now: Millis) -> HourCount:
        level, group = unit
        return HourCount(
            origin_partition=0,
            clock=now,
            tense=Tense.ACTUAL,
            region=self._region,
            level=level,
            area=self._models[unit].unit.areas[area],
            group=group,
            hour=now - HOUR,
            incidents=incidents,
            victims=incidents,
            contributions=(),
        )


def _by_hour(counts: Counts) -> Sequence[Sequence[int]]:
    """Areas with incidents in each hour."""
    return [np.flatnonzero(counts[:, hour]).tolist() for hour in range(counts.shape[1])]

"""What happens in the made-up town on the day at the desk, told hour by hour to a running detector."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.desk import REGION, RunningDetector

from schemas.events import HOUR, Contribution, HourCount, Millis, Tick

START: Millis = 1_699_228_800_000
DAYS = 70
AREAS = "ABCDEF"


@dataclass(slots=True)
class Town:
    """What happens, hour by hour: robberies in the boroughs of the made-up town."""

    detector: RunningDetector
    now: Millis = START
    hours: dict[Millis, tuple[str, ...]] = field(default_factory=dict)
    """Robberies of borough C by hour, since the quiet weeks ended."""

    def quiet_weeks(self) -> None:
        """Seventy ordinary days."""
        self.detector.feed(self._ordinary(random.Random(1)))

    def _ordinary(self, chance: random.Random) -> Iterator[HourCount | Tick]:
        for _ in range(DAYS * 24):
            hour, self.now = self.now, self.now + HOUR
            for area in AREAS:
                robberies = sum(chance.random() < 0.04 for _ in range(3))
                if robberies:
                    yield self._count(area, hour, tuple(f"met|{area}{hour}{n}" for n in range(robberies)))
            yield Tick(0, self.now)

    def robberies(self, *incidents: str) -> None:
        """These in borough C within the next hour."""
        hour, self.now = self.now, self.now + HOUR
        self.hours[hour] = incidents
        self.detector.feed([self._count("C", hour, incidents), Tick(0, self.now)])

    def taken_back(self, incident: str) -> None:
        """The source reclassifies one."""
        hour = next(hour for hour, incidents in self.hours.items() if incident in incidents)
        self.now += HOUR
        left = tuple(each for each in self.hours[hour] if each != incident)
        self.detector.feed([self._count("C", hour, left), Tick(0, self.now)])

    def _count(self, area: str, hour: Millis, incidents: tuple[str, ...]) -> HourCount:
        named = tuple(Contribution(each, self.now - 1, ()) for each in incidents)
        count = len(incidents)
        return HourCount(0, self.now, "ACTUAL", REGION, "borough", area, "robbery", hour, count, count, named)

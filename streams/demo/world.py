"""The made-up London as it goes on: everything that firebreak is told, in the order in which it can know it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from schemas.events import DAY, HOUR, Millis
from streams.core.geography import Region
from streams.core.taxonomy import KNIFE_CRIME
from streams.demo.rates import Rate
from streams.demo.reporting import Desks, Happening
from streams.demo.rhythm import HOURS_A_YEAR, Luck, shape
from streams.demo.spikes import Spike, choose_spikes, extra
from streams.demo.town import DOMESTIC, PLACES, Town, town_of
from streams.ingest.arrival import Arrival

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time of a world: whole days of history from *start*, then whole days that are watched."""

    start: Millis
    history_days: int
    live_days: int

    def __post_init__(self) -> None:
        if self.start % DAY:
            raise ValueError(f"start {self.start} is no midnight, UTC")

    @property
    def live(self) -> Millis:
        """End of the history."""
        return self.start + self.history_days * DAY

    @property
    def end(self) -> Millis:
        """End of it all."""
        return self.live + self.live_days * DAY


class World:
    """
    A London of its own for each state of *rng*.

    Parameters
    ----------
    region
        The pack that gives names and borders.
    rates
        Incidents of twelve months.
    span
        Its time.
    spikes
        How many spikes are injected while it is watched.
    rng
        Everything that is chance comes from it; the same state gives the same world.

    """

    def __init__(
        self, region: Region, rates: Sequence[Rate], span: Span, *, spikes: int, rng: np.random.Generator
    ) -> None:
        places, choices, self._luck, self._chance, self._reports = rng.spawn(5)
        self.span = span
        self.town: Town = town_of(region, rates, places)
        self.spikes: tuple[Spike, ...] = choose_spikes(self.town, span.live, span.end, spikes, choices)

    def arrivals(self) -> Iterator[Arrival]:
        """All that becomes known before the end, in that order; to be asked for once."""
        desks = Desks(self.town, self._reports)
        luck = Luck(self._luck, self.town.areas)
        pending: list[tuple[Millis, int, Arrival]] = []
        number = count()
        for day in range(self.span.start, self.span.end, DAY):
            for happening in self.happenings(day, luck.of_next_day()):
                for arrival in desks.tell(happening):
                    heapq.heappush(pending, (arrival.known_at_ms, next(number), arrival))
            while pending and pending[0][0] < day + DAY:
                yield heapq.heappop(pending)[2]

    def happenings(self, day: Millis, luck: Floats) -> list[Happening]:
        """What happens on the day that starts at *day*; *luck* is the factor of each area."""
        rhythm = shape(day, 24, self.town.zone)
        mean = self.town.yearly / HOURS_A_YEAR * luck[:, None]
        counts = self._chance.poisson(mean[:, :, None] * rhythm)
        usual = self._drawn(day, counts, "")
        return [*usual, *self._spiked(day, rhythm)]

    def _spiked(self, day: Millis, rhythm: Floats) -> Iterator[Happening]:
        for hour in range(24):
            for group, area, rate in extra(self.town, self.spikes, day + hour * HOUR):
                counts = np.zeros((*self.town.yearly.shape, 24), dtype=np.int64)
                counts[area, :, hour] = self._chance.poisson(rate * rhythm[hour])
                yield from self._drawn(day, counts, group)

    def _drawn(self, day: Millis, counts: Counts, spike: str) -> Iterator[Happening]:
        """Incidents of *counts*, [areas, categories, hours]; those of a *spike* (its group, or "") count in it."""
        town = self.town
        area, category, hour = np.nonzero(counts)
        times = counts[area, category, hour]
        area, category, hour = (np.repeat(each, times) for each in (area, category, hour))
        at = day + hour * HOUR + self._chance.integers(0, HOUR, len(hour))
        place = self._chance.choice(PLACES, len(hour), p=town.popular)
        shares = np.array([DOMESTIC.get(each, 0.0) for each in town.categories])
        knife = self._chance.random(len(hour)) < (1.0 if spike == KNIFE_CRIME else town.knife[area, category])
        domestic = self._chance.random(len(hour)) < (0.0 if spike else shares[category])
        columns = (area, place, category, at, knife, domestic)
        return map(Happening, *(column.tolist() for column in columns))

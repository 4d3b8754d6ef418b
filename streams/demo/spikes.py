"""Labelled spikes: where the demonstration makes violence rise, and whether firebreak has said so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from schemas.events import DAY, HOUR, AlertEvent, AlertKind, AlertReason, Millis
from streams.core.taxonomy import KNIFE_CRIME, ROBBERY, STREET_VIOLENCE
from streams.demo.rhythm import shape
from streams.demo.town import Town

Floats = npt.NDArray[np.float64]

GROUPS = (STREET_VIOLENCE, ROBBERY, KNIFE_CRIME)
FACTORS: Mapping[str, tuple[float, ...]] = {
    STREET_VIOLENCE: (3.0, 4.0, 5.0),
    ROBBERY: (3.0, 4.0, 5.0),
    KNIFE_CRIME: (6.0, 8.0, 10.0),
}
"""Of one knife crime a day, five times as many would still be few."""
LENGTHS = (6, 12, 18, 24)
LEAST_EXTRA = 12.0
"""Incidents that a spike adds, on average: of fewer no desk would speak, and no count could tell them from chance."""
ONSETS = range(15, 24)
"""Local hours at which a spike begins."""
GRACE: Millis = DAY
"""So long after its end a spike may still be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """*factor* times the usual incidents of *group* in *area* within [onset, end)."""

    area: str
    group: str
    onset: Millis
    end: Millis
    factor: float

    @property
    def over(self) -> Millis:
        """When it can no longer be found."""
        return self.end + GRACE


def choose_spikes(town: Town, first: Millis, last: Millis, number: int, rng: np.random.Generator) -> tuple[Spike, ...]:
    """
    *number* spikes, in order of onset, each in an area of its own (busy ones more often), all over before *last*.

    Onsets are in the afternoon and evening of days spread evenly over [first, last).
    """
    room = last - first - GRACE - (max(LENGTHS) + 24) * HOUR
    if number and room < 0:
        raise ValueError(f"{(last - first) / DAY:.1f} days have no room for a spike and its aftermath")
    spikes: list[Spike] = []
    for index in range(number):
        earliest = first + int((index + rng.uniform()) * room / number)
        onset = _evening(earliest, town.zone, int(rng.choice(ONSETS)))
        possible = list(_possible(town, GROUPS[index % len(GROUPS)], onset, {spike.area for spike in spikes}))
        if possible:
            weights = np.array([weight for _, weight in possible])
            spikes.append(possible[int(rng.choice(len(possible), p=weights / weights.sum()))][0])
    return tuple(sorted(spikes, key=lambda spike: (spike.onset, spike.area)))


def _possible(town: Town, group: str, onset: Millis, taken: Container[str]) -> Iterator[tuple[Spike, float]]:
    """All spikes of *group* from *onset* that are large enough, in areas not *taken*, and the usual count there."""
    usual = shape(onset, max(LENGTHS), town.zone)
    rates = town.hourly(group).sum(axis=1).tolist()
    for (area, rate), length, factor in product(zip(town.areas, rates, strict=True), LENGTHS, FACTORS[group]):
        if area not in taken and (factor - 1.0) * rate * usual[:length].sum() >= LEAST_EXTRA:
            yield Spike(area=area, group=group, onset=onset, end=onset + length * HOUR, factor=factor), rate


def _evening(earliest: Millis, zone: str, hour: int) -> Millis:
    """First time at or after *earliest* at which the local clock shows *hour*."""
    local = dt.datetime.fromtimestamp(earliest / 1000, ZoneInfo(zone))
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    if at < local:
        at += dt.timedelta(days=1)
    return int(at.timestamp()) * 1000


def extra(town: Town, spikes: Iterable[Spike], hour: Millis) -> Iterator[tuple[str, int, Floats]]:
    """Group, area and additional incidents a mean hour by category, of the spikes that hold at *hour*."""
    for spike in spikes:
        if spike.onset <= hour < spike.end:
            area = town.areas.index(spike.area)
            yield spike.group, area, (spike.factor - 1.0) * town.hourly(spike.group)[area]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How the alerts opened in [first, now) stand beside the spikes that are over by now, or found already."""

    injected: int
    found: int
    alerts: int
    false_alerts: int


def tally(spikes: Sequence[Spike], events: Iterable[AlertEvent], first: Millis, now: Millis) -> Tally:
    """
    Judge by what was said when alerts opened.

    A spike is found when an alert of its group opens in its area, or takes its area in, from onset to 24 hours after
    its end. A false alert is one that opened away from every spike, in area or in time, whatever its group. Sentinel
    events, which tell of one incident without statistics, are alerts and never false.
    """
    live = [event for event in events if first <= event.clock]
    opened = [event for event in live if event.kind == AlertKind.OPENED]
    found = [spike for spike in spikes if any(finds(event, spike) for event in live)]
    injected = [spike for spike in spikes if spike.end <= now or spike in found]
    false = [
        event
        for event in opened
        if event.reason not in {AlertReason.SENTINEL, AlertReason.INHIBITED}
        and not any(_beside(event, spike) for spike in spikes)
    ]
    return Tally(injected=len(injected), found=len(found), alerts=len(opened), false_alerts=len(false))


def finds(event: AlertEvent, spike: Spike) -> bool:
    """Whether an alert that opened, or that another area joined, tells of *spike*."""
    news = event.kind == AlertKind.OPENED or event.reason == AlertReason.NEW_AREA
    return news and event.group == spike.group and _beside(event, spike)


def _beside(event: AlertEvent, spike: Spike) -> bool:
    return spike.area in event.areas and spike.onset <= event.clock <= spike.over

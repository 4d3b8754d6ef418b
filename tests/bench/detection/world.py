"""A city made of known parts: counts by hour and area, labelled spikes, and the same noise without them."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Kind = Literal["boroughs", "wards"]

ZONE = "Europe/London"
START = dt.datetime(2021, 1, 4, 6, tzinfo=dt.UTC)
HISTORY_DAYS, TEST_DAYS = 3 * 365, 365
SIZES = (1.5, 2.0, 3.0, 4.0)
LENGTHS = (3, 6, 12, 24, 72, 168)
AREAS: dict[Kind, tuple[int, float, float, float, float]] = {
    "boroughs": (33, 7.0, 1.1, 0.4, 44.0),
    "wards": (650, 0.4, 0.9, 0.02, 4.4),
}
"""Number of areas; median, log spread, least and most incidents a day."""
SPIKES_PER_AREA_YEAR = {"history": 3.0, "test": 5.0}
BATCH_EXTRA = 0.1
"""Mean of the geometric number of further victims in an incident: variance-to-mean ratio 1.2."""


@dataclass(frozen=True, slots=True)
class Spike:
    """Extra violence in one area: [onset, end) in hours from the start, multiplier, expected extra, how many areas."""

    area: int
    onset: int
    end: int
    size: float
    extra: float
    areas: int


@dataclass(frozen=True, slots=True)
class Special:
    """A known period in hours from the start: [first, end), its kind, its area or None for all."""

    first: int
    end: int
    kind: str
    area: int | None


@dataclass(frozen=True, slots=True)
class World:
    """
    Counts [areas, hours] with spikes and clean (without the test year's), and what made them.

    smooth: expected rate without the day shocks; rate: with them. neighbours: nearest first. test: first test hour.
    """

    start_hour: int
    counts: Counts
    clean: Counts
    smooth: Floats
    rate: Floats
    neighbours: tuple[tuple[int, ...], ...]
    specials: tuple[Special, ...]
    spikes: tuple[Spike, ...]
    test: int


def build(kind: Kind, seed: int, days: int = HISTORY_DAYS + TEST_DAYS, test_days: int = TEST_DAYS) -> World:
    """A world of its own for each *seed*."""
    rng = np.random.default_rng([seed, len(kind)])
    count, median, spread, least, most = AREAS[kind]
    hours = days * 24
    start = int(START.timestamp()) // 3600
    local = _local_hours(start, hours)
    neighbours = _neighbours(rng, count)
    mean = np.clip(median * np.exp(rng.normal(0.0, spread, count)), least, most) / 24.0
    specials = _specials(rng, local, count)
    smooth = mean[:, None] * _profiles(rng, count)[:, local % 168] * _season(rng, hours)
    smooth *= _special_effect(rng, specials, count, hours) * _drift(rng, count, days)
    rate = smooth * _day_shocks(rng, count, days)
    test = (days - test_days) * 24
    clean = _incidents(rng, rate, neighbours)
    old = _spikes(rng, rate, neighbours, (24 * 28, test - 168), SPIKES_PER_AREA_YEAR["history"])
    new = _spikes(rng, rate, neighbours, (test, hours - 168), SPIKES_PER_AREA_YEAR["test"])
    clean = clean + _extra(rng, rate, old)
    counts = clean + _extra(rng, rate, new)
    return World(start, counts, clean, smooth, rate, neighbours, specials, new, test)


def _local_hours(start: int, hours: int) -> npt.NDArray[np.int64]:
    zone = ZoneInfo(ZONE)
    offsets = []
    for hour in range(start, start + hours):
        offset = dt.datetime.fromtimestamp(hour * 3600, zone).utcoffset() or dt.timedelta(0)
        offsets.append(int(offset.total_seconds()) // 3600)
    local: npt.NDArray[np.int64] = np.arange(start, start + hours) + np.array(offsets)
    return local


def _neighbours(rng: np.random.Generator, count: int) -> tuple[tuple[int, ...], ...]:
    place = rng.uniform(0.0, 1.0, (count, 2))
    distance = ((place[:, None] - place[None]) ** 2).sum(axis=2)
    return tuple(tuple(int(k) for k in np.argsort(row)[1:9]) for row in distance)


def _profiles(rng: np.random.Generator, count: int) -> Floats:
    """Hour-of-week profiles, mean 1: residential, school run, Thursday to Saturday nights, mixed and wiggled."""
    cell = np.arange(168)
    hour, day = cell % 24, (cell // 24 + 3) % 7  # the epoch was a Thursday; day 0 is Monday
    residential = 1.0 + 0.8 * np.cos(2 * np.pi * (hour - 20) / 24) + 0.15 * (day >= 5)
    school = 0.15 + np.exp(-0.5 * ((hour - 15.5) / 1.2) ** 2) * 4.0 * (day < 5)
    late = np.exp(-0.5 * (((hour - 0.5 + 12) % 24 - 12) / 2.5) ** 2)
    evening_of = np.where(hour < 6, (day - 1) % 7, day)
    night = 0.15 + late * np.select([evening_of == 3, evening_of == 4, evening_of == 5], [2.5, 5.0, 6.0], 0.8)
    shapes = np.array([residential, school, night])
    shapes /= shapes.mean(axis=1, keepdims=True)
    weights = rng.dirichlet((3.0, 1.0, 2.0), count)
    wiggle = rng.normal(0.0, 1.0, (count, 168))
    kernel = np.exp(-0.5 * (np.minimum(cell, 168 - cell) / 2.0) ** 2)
    wiggle = np.fft.irfft(np.fft.rfft(wiggle) * np.fft.rfft(kernel / np.sqrt((kernel**2).sum())), 168)
    mixed = (weights @ shapes) * np.exp(0.15 * wiggle)
    profiles: Floats = mixed / mixed.mean(axis=1, keepdims=True)
    return profiles


def _season(rng: np.random.Generator, hours: int) -> Floats:
    years = np.arange(hours) / (24 * 365.25)
    phase, second = rng.uniform(0.45, 0.6), rng.uniform(0.0, 1.0)
    waves = 0.16 * np.cos(2 * np.pi * (years - phase)) + 0.03 * np.cos(4 * np.pi * (years - second))
    answer: Floats = np.exp(waves + rng.normal(0.0, 0.04) * years)
    return answer


def _drift(rng: np.random.Generator, count: int, days: int) -> Floats:
    """Slow drift of each area: sd 12 %, memory 30 days."""
    fade = np.exp(-1.0 / 30.0)
    path = np.empty((count, days))
    path[:, 0] = rng.normal(0.0, 0.12, count)
    for day in range(1, days):
        path[:, day] = fade * path[:, day - 1] + rng.normal(0.0, 0.12 * np.sqrt(1 - fade**2), count)
    return np.repeat(np.exp(path - 0.5 * 0.12**2), 24, axis=1)


def _day_shocks(rng: np.random.Generator, count: int, days: int) -> Floats:
    """Gamma shocks by area and day (cv 17 %) times a day shock of the whole city (AR 0.5, sd 9 %)."""
    shape = 1.0 / 0.17**2
    city = np.empty(days)
    city[0] = 0.0
    for day in range(1, days):
        city[day] = 0.5 * city[day - 1] + rng.normal(0.0, 0.09 * np.sqrt(0.75))
    return np.repeat(rng.gamma(shape, 1.0 / shape, (count, days)) * np.exp(city), 24, axis=1)


def _specials(rng: np.random.Generator, local: npt.NDArray[np.int64], count: int) -> tuple[Special, ...]:
    """Eight bank holidays and a New Year each year; fixtures, five hours every other week, in a tenth of the areas."""
    start, hours = int(local[0]), len(local)
    specials = []
    for year in range(hours // (24 * 365) + 1):
        for day in (0, 100, 103, 125, 146, 237, 358, 359):
            first = year * 8766 + day * 24 - start % 24
            kind = "new_year" if day == 0 else "bank_holiday"
            specials.append(Special(first, first + 24, kind, None))
    stadiums = rng.choice(count, max(2, count // 10), replace=False)
    for area in stadiums:
        first = int(rng.integers(0, 14)) * 24 + 9
        specials += [Special(at, at + 5, "fixture", int(area)) for at in range(first, hours, 14 * 24)]
    return tuple(s for s in specials if s.end > 0 and s.first < hours)


def _special_effect(rng: np.random.Generator, specials: tuple[Special, ...], count: int, hours: int) -> Floats:
    effect = np.ones((count, hours))
    for special in specials:
        size = {"new_year": 2.2, "fixture": 1.7}.get(special.kind) or rng.uniform(1.15, 1.45)
        rows = slice(None) if special.area is None else special.area
        effect[rows, max(special.first, 0) : special.end] *= size
    return effect


def _victims(rng: np.random.Generator, incidents: Counts) -> Counts:
    """Incidents with their further victims."""
    answer = incidents.copy()
    some = incidents > 0
    answer[some] += rng.negative_binomial(incidents[some], 1.0 / (1.0 + BATCH_EXTRA))
    return answer


def _incidents(rng: np.random.Generator, rate: Floats, neighbours: tuple[tuple[int, ...], ...]) -> Counts:
    """Counts: nine tenths from the rate, one tenth near repeats (mean 4 days later, a quarter of them next door)."""
    hours = rate.shape[1]
    first = rng.poisson(rate * 0.9 / (1.0 + BATCH_EXTRA))
    area, hour = np.nonzero(first)
    repeats = rng.binomial(first[area, hour], 0.1 / 0.9)
    area, hour = np.repeat(area, repeats), np.repeat(hour, repeats)
    later = hour + np.ceil(rng.exponential(96.0, len(hour))).astype(np.int64)
    near = np.array([row[:4] for row in neighbours])
    moved = rng.uniform(size=len(area)) < 0.25
    area = np.where(moved, near[area, rng.integers(0, near.shape[1], len(area))], area)
    kept = later < hours
    second = np.zeros_like(first)
    np.add.at(second, (area[kept], later[kept]), 1)
    return _victims(rng, first + second)


def _spikes(
    rng: np.random.Generator,
    rate: Floats,
    neighbours: tuple[tuple[int, ...], ...],
    span: tuple[int, int],
    per_area_year: float,
) -> tuple[Spike, ...]:
    """Spikes with onsets in *span* at busy hours; three in ten hit a centre and its three nearest neighbours."""
    count, busy = rate.shape[0], rate.sum(axis=0)
    events = int(per_area_year * count * (span[1] - span[0]) / 8760 / 1.9)
    hours = np.arange(*span)
    chance = busy[span[0] : span[1]] / busy[span[0] : span[1]].sum()
    spikes = []
    for onset in sorted(rng.choice(hours, events, p=chance)):
        size, length = float(rng.choice(SIZES)), int(rng.choice(LENGTHS))
        centre = int(rng.integers(count))
        areas = (centre, *neighbours[centre][:3]) if rng.uniform() < 0.3 else (centre,)
        for area in areas:
            extra = float((size - 1.0) * rate[area, onset : onset + length].sum())
            spikes.append(Spike(area, int(onset), int(onset) + length, size, extra, len(areas)))
    return tuple(spikes)


def _extra(rng: np.random.Generator, rate: Floats, spikes: tuple[Spike, ...]) -> Counts:
    more = np.zeros(rate.shape, dtype=np.int64)
    for spike in spikes:
        part = (spike.area, slice(spike.onset, spike.end))
        more[part] += _victims(rng, rng.poisson((spike.size - 1.0) * rate[part] / (1.0 + BATCH_EXTRA)))
    return more

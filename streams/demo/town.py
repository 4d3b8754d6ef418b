"""The made-up London at rest: how much of what happens where in a year, and the places where it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from streams.core.geography import Region
from streams.core.taxonomy import DOMESTIC_ABUSE, KNIFE_CRIME, ROBBERY, SEXUAL_VIOLENCE, STREET_VIOLENCE
from streams.demo.rates import Rate
from streams.demo.rhythm import HOURS_A_YEAR

Floats = npt.NDArray[np.float64]

PLACES = 256
"""Different places of incidents in an area."""

DOMESTIC: Mapping[str, float] = {
    "homicide": 0.047,
    "violence_injury": 0.488,
    "violence_no_injury": 0.255,
    "robbery_person": 0.019,
    "sexual": 0.131,
    "stalking_harassment": 0.427,
}
"""Share with a domestic flag (Chicago 2018: homicide, battery, assault, robbery, sexual offences, stalking)."""

_STREET = ("homicide", "violence_injury", "violence_no_injury", "violence_unspecified", "knife_injury")
_KNIFE = ("knife_injury", "robbery_person")
_ROBBERY = ("robbery_person", "robbery_business")


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """
    What is the same on every day.

    yearly: incidents a year, [areas, categories]. knife: share with a knife, same shape. places: longitude and
    latitude, [areas, PLACES, 2]. popular: chance of each place, [PLACES].
    """

    areas: tuple[str, ...]
    names: tuple[str, ...]
    categories: tuple[str, ...]
    zone: str
    yearly: Floats
    knife: Floats
    places: Floats
    popular: Floats
    neighbours: tuple[tuple[int, ...], ...]

    def column(self, category: str) -> int:
        """Number of a category."""
        return self.categories.index(category)

    def hourly(self, group: str) -> Floats:
        """Incidents of *group* in a mean hour, [areas, categories]: what each category adds to the group."""
        rate = self.yearly / HOURS_A_YEAR
        return rate * np.stack([self._share(group, category) for category in self.categories], axis=1)

    def _share(self, group: str, category: str) -> Floats:
        """Share of a category's incidents that count in *group*, by area."""
        ones = np.ones(len(self.areas))
        domestic = DOMESTIC.get(category, 0.0)
        if group == STREET_VIOLENCE:
            return ones * (1.0 - domestic) if category in _STREET else 0.0 * ones
        if group == DOMESTIC_ABUSE:
            return ones * (domestic if category != "stalking_harassment" else 0.0)
        if group == KNIFE_CRIME:
            return self.knife[:, self.column(category)] if category in _KNIFE else 0.0 * ones
        counted = category in _ROBBERY if group == ROBBERY else group == SEXUAL_VIOLENCE and category == "sexual"
        return ones if counted else 0.0 * ones


def town_of(region: Region, rates: Sequence[Rate], rng: np.random.Generator) -> Town:
    """Build the town of *rates* within the borders of *region*, on its coarse level; places are drawn from *rng*."""
    areas = tuple(code for code in region.unit_areas(region.partition_level) if code in {rate.area for rate in rates})
    categories = tuple(sorted({rate.category for rate in rates}))
    row = {code: index for index, code in enumerate(areas)}
    column = {category: index for index, category in enumerate(categories)}
    yearly, knife = np.zeros((2, len(areas), len(categories)))
    for rate in rates:
        yearly[row[rate.area], column[rate.category]] = rate.incidents
        knife[row[rate.area], column[rate.category]] = rate.knife
    popular = np.sort(rng.gamma(0.5, 1.0, PLACES))[::-1]
    names = {area.code: area.name for area in region.areas}
    return Town(
        areas=areas,
        names=tuple(names[code] for code in areas),
        categories=categories,
        zone=region.zone,
        yearly=yearly,
        knife=np.divide(knife, yearly, out=np.zeros_like(knife), where=yearly > 0),
        places=np.stack([_points(region.boundaries[code], rng) for code in areas]),
        popular=popular / popular.sum(),
        neighbours=tuple(_known(region.neighbours.get(code, ()), row) for code in areas),
    )


def _known(codes: Iterable[str], row: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(row[code] for code in codes if code in row)


def _points(polygon: BaseGeometry, rng: np.random.Generator) -> Floats:
    """Places within a polygon, uniform; [PLACES, 2]."""
    west, south, east, north = polygon.bounds
    found = np.empty((0, 2))
    while len(found) < PLACES:
        some = rng.uniform((west, south), (east, north), (4 * PLACES, 2))
        found = np.concatenate([found, some[shapely.contains_xy(polygon, some)]])
    return np.round(found[:PLACES], 5)

"""How the agencies of the made-up London tell of what happened: late, twice, out of order, and corrected afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.events import (
    DAY,
    HOUR,
    Handling,
    Injury,
    Kind,
    LocationType,
    Millis,
    Notification,
    Precision,
    Tense,
    Weapon,
)
from streams.demo.town import Town
from streams.ingest.arrival import Arrival

Floats = npt.NDArray[np.float64]

SCHEME = "firebreak"
SOURCE_PREFIX = "demo."
CITY_OF_LONDON = "E09000001"
MINUTE: Millis = 60_000

PROMPT = ((0.0, 0.5), (0.5, 3.5), (0.95, 5.8), (0.99, 15.0), (1.0, 60.0))
"""Shares of prompt reports that have arrived after so many minutes (live dispatch feed, Montgomery County)."""

LATE = {"sexual": 0.27, "stalking_harassment": 0.24}
LATE_DOMESTIC = 0.11
"""Share recorded in a later month than committed (Metropolitan Police, violence against women and girls, 2024)."""
LATE_MEDIAN: Millis = 3 * DAY
LATE_SPREAD = 1.4
"""Of the logarithm: one in twenty late reports comes within seven hours, one in twenty after a month."""

REPEATED = 0.011
UPDATED, RECLASSIFIED, CANCELLED, MOVED = 0.05, 0.03, 0.045, 0.02
REINSTATED = 0.70
"""Of the cancelled; both as published of shootings in Philadelphia."""
CORRECTION_MEDIAN: Millis = 6 * HOUR
CORRECTION_SPREAD = 1.2
OVERTAKEN = 0.03
"""Share of first reports of corrected incidents that arrive after the correction."""
FURTHER_VICTIMS = 0.1

_BECOMES = {
    "violence_injury": "violence_no_injury",
    "violence_no_injury": "violence_injury",
    "knife_injury": "violence_injury",
    "robbery_person": "violence_no_injury",
    "disorder": "violence_no_injury",
    "violence_unspecified": "violence_injury",
}
_INJURIES = {
    "homicide": Injury.FATAL,
    "knife_injury": Injury.SERIOUS,
    "violence_injury": Injury.MINOR,
    "violence_no_injury": Injury.NONE,
}
_AMBULANCE, _TRANSPORT = 0.2, 0.1
"""Shares of wounds that the ambulance tells first, and of street incidents that are the transport police's."""


class Happening(NamedTuple):
    """What happened: where (number of the area and of the place in it), what (number of the category), and when."""

    area: int
    place: int
    category: int
    occurred_at: Millis
    knife: bool
    domestic: bool


class Desks:
    """
    The agencies' desks.

    They number their incidents by day and draw delays, corrections and repeats from *rng*.
    """

    def __init__(self, town: Town, rng: np.random.Generator) -> None:
        self._town = town
        self._rng = rng
        self._told = 0
        self._minutes = np.array(PROMPT).T

    def tell(self, happening: Happening) -> Iterator[Arrival]:
        """All that will ever be said of one incident; not in order of arrival."""
        late = self._late(happening)
        delay = self._delay(late=late)
        first = self._first(happening, late=late, published_at=happening.occurred_at + delay)
        messages = [first, *self._corrections(happening, first)]
        known = [each.published_at + int(self._rng.integers(200, 20_000)) for each in messages if each.published_at]
        if len(known) > 1 and self._rng.random() < OVERTAKEN:
            known[0] = known[1] + int(self._rng.integers(1_000, HOUR))
        for at, message in zip(known, messages, strict=True):
            yield Arrival(at, message)
            if self._rng.random() < REPEATED:
                yield Arrival(at + int(self._rng.integers(1_000, 10 * MINUTE)), message)

    def _late(self, happening: Happening) -> bool:
        category = self._town.categories[happening.category]
        share = LATE.get(category, LATE_DOMESTIC if happening.domestic else 0.0)
        return share > 0.0 and bool(self._rng.random() < share)

    def _delay(self, *, late: bool) -> Millis:
        if late:
            return self._lognormal(LATE_MEDIAN, LATE_SPREAD)
        return int(np.interp(self._rng.random(), *self._minutes) * MINUTE)

    def _lognormal(self, median: Millis, spread: float) -> Millis:
        return int(median * np.exp(spread * self._rng.standard_normal()))

    def _first(self, happening: Happening, *, late: bool, published_at: Millis) -> Notification:
        town, category = self._town, self._town.categories[happening.category]
        source = self._source(happening, category, late=late)
        longitude, latitude = town.places[happening.area, happening.place].tolist()
        return Notification(
            kind=Kind.REPORTED,
            source=SOURCE_PREFIX + source,
            source_ref=self._reference(published_at),
            revision=1,
            occurred_at=happening.occurred_at,
            published_at=published_at,
            longitude=longitude,
            latitude=latitude,
            area_code=None,
            category=category,
            scheme=SCHEME,
            precision=Precision.HOUR if late else Precision.MINUTE,
            reported_at=published_at - MINUTE // 2 if late else happening.occurred_at + MINUTE // 4,
            victims=int(self._rng.geometric(1.0 / (1.0 + FURTHER_VICTIMS))),
            injury=_INJURIES.get(category, Injury.UNKNOWN),
            weapon=Weapon.KNIFE if happening.knife else Weapon.UNKNOWN,
            domestic=happening.domestic,
            knife=happening.knife,
            location_type=_location(source, domestic=happening.domestic),
            handling=Handling.OFFICIAL_SENSITIVE,
            tense=Tense.EXERCISE,
        )

    def _source(self, happening: Happening, category: str, *, late: bool) -> str:
        if late:
            return "met.crime"
        draw = self._rng.random()
        if category in {"violence_injury", "knife_injury"} and draw < _AMBULANCE:
            return "las"
        if not happening.domestic and draw > 1.0 - _TRANSPORT:
            return "btp"
        return "colp.cad" if self._town.areas[happening.area] == CITY_OF_LONDON else "met.cad"

    def _reference(self, at: Millis) -> str:
        self._told += 1
        return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%y%m%d}-{self._told:06}"

    def _corrections(self, happening: Happening, first: Notification) -> list[Notification]:
        draw = self._rng.random() - (UPDATED + RECLASSIFIED + CANCELLED + MOVED)
        if draw >= 0.0:
            return []
        later = self._revised(first, CORRECTION_MEDIAN)
        if draw < -(RECLASSIFIED + CANCELLED + MOVED):
            return [later._replace(kind=Kind.UPDATED, victims=(first.victims or 1) + 1)]
        if draw < -(CANCELLED + MOVED):
            becomes = _BECOMES.get(first.category, first.category)
            return [later._replace(kind=Kind.RECLASSIFIED, category=becomes)]
        if draw < -MOVED:
            return self._cancelled(later)
        return [self._moved(happening, later)]

    def _cancelled(self, later: Notification) -> list[Notification]:
        if self._rng.random() >= REINSTATED:
            return [later._replace(kind=Kind.CANCELLED)]
        again = self._revised(later, CORRECTION_MEDIAN)
        return [later._replace(kind=Kind.CANCELLED), again._replace(kind=Kind.REINSTATED)]

    def _moved(self, happening: Happening, later: Notification) -> Notification:
        """To another place of the area or of one next to it."""
        near = (happening.area, *self._town.neighbours[happening.area][:3])
        area = near[int(self._rng.integers(len(near)))]
        longitude, latitude = self._town.places[area, int(self._rng.integers(self._town.places.shape[1]))].tolist()
        return later._replace(kind=Kind.UPDATED, longitude=longitude, latitude=latitude)

    def _revised(self, before: Notification, median: Millis) -> Notification:
        published_at = (before.published_at or 0) + self._lognormal(median, CORRECTION_SPREAD)
        return before._replace(revision=before.revision + 1, published_at=published_at)


def _location(source: str, *, domestic: bool) -> LocationType:
    if source == "btp":
        return LocationType.TRANSPORT
    return LocationType.HOME if domestic else LocationType.STREET

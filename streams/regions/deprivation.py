"""
``deprivation.csv``: how deprived the areas of a level are, as bands from 1 (the most deprived fifth) to 5.

A file holds bands, or ranks (1 is the most deprived, as in the English indices), or scores (more is more deprived);
ranks and scores become fifths of the areas of their level. All areas of a level are told, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.equity import BANDS, MEASURES, bands_of
from schemas.errors import UsageError
from streams.core.geography import Area
from streams.regions.tables import Row

FILE = "deprivation.csv"
COLUMNS = ("area", "source", "vintage")
LARGEST = 1e9


def read_deprivation(rows: Sequence[Row], areas: Mapping[str, Area]) -> tuple[dict[str, int], str]:
    """Bands by area, and the source with its vintage; empty without rows."""
    if not rows:
        return {}, ""
    measure = _measure(rows[0])
    numbers: dict[str, float] = {}
    for row in rows:
        area = row.needed("area")
        if area not in areas:
            raise row.mistake("area", f"{area} is no area of areas.csv")
        if area in numbers:
            raise row.mistake("area", f"{area} is there twice")
        numbers[area] = _number(row, measure)
    told = {f"{row.needed('source')}, {row.needed('vintage')}" for row in rows}
    if len(told) > 1:
        raise rows[-1].mistake("source", f"one file has one source and vintage; here are {', '.join(sorted(told))}")
    return _bands(numbers, areas, measure), told.pop()


def _measure(row: Row) -> str:
    given = [name for name in MEASURES if row.text(name)]
    if len(given) != 1:
        raise row.mistake(
            given[1] if given else "band", f"one of {', '.join(MEASURES)} is needed, the same in all rows"
        )
    return given[0]


def _number(row: Row, measure: str) -> float:
    if _measure(row) != measure:
        raise row.mistake(_measure(row), f"the rows before have {measure}; one file has one measure")
    if measure == "score":
        return row.decimal(measure, -LARGEST, LARGEST) or 0.0
    number = row.whole(measure, 1) or 0
    if measure == "band" and number > BANDS:
        raise row.mistake(measure, f"{number} is not between 1 and {BANDS}")
    return number


def _bands(numbers: Mapping[str, float], areas: Mapping[str, Area], measure: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for level in dict.fromkeys(areas[code].level for code in numbers):
        of_level = [area.code for area in areas.values() if area.level == level]
        missing = [code for code in of_level if code not in numbers]
        if missing:
            raise UsageError(f"{FILE}: {missing[0]} is missing; all areas of level {level} are told, or none")
        found |= bands_of(measure, {code: numbers[code] for code in of_level})
    return found

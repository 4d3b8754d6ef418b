"""
The table of rates of the demonstration, computed from the published files.

``python -m support.published_rates FOLDER > streams/demo/rates.csv`` (with ``tests`` on the path) writes it anew.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

BOROUGHS = "london-mps-borough-monthly-2024-2026.csv.gz"
KNIFE = "london-mps-knife-dashboard-2022-2026.csv.gz"
CITY = "data-police-uk-city-of-london-street-2022-2023.csv.gz"
CITY_CODE = "E09000001"
MONTHS = (*(f"2025{month:02}" for month in range(3, 13)), "202601", "202602")

OF_MPS = {
    "HOMICIDE": "homicide",
    "VIOLENCE WITH INJURY": "violence_injury",
    "VIOLENCE WITHOUT INJURY": "violence_no_injury",
    "ROBBERY OF PERSONAL PROPERTY": "robbery_person",
    "ROBBERY OF BUSINESS PROPERTY": "robbery_business",
    "RAPE": "sexual",
    "OTHER SEXUAL OFFENCES": "sexual",
    "STALKING AND HARASSMENT": "stalking_harassment",
    "POSSESSION OF WEAPONS": "weapon_possession",
    "VIOLENT DISORDER": "disorder",
    "PUBLIC FEAR ALARM OR DISTRESS": "disorder",
    "RACE OR RELIGIOUS AGG PUBLIC FEAR": "disorder",
    "OTHER OFFENCES PUBLIC ORDER": "disorder",
}
OF_CITY = {
    "Violence and sexual offences": "violence_unspecified",
    "Robbery": "robbery_person",
    "Possession of weapons": "weapon_possession",
    "Public order": "disorder",
}

Row = tuple[str, str, int, int]
"""Area, category, incidents in twelve months, and how many of them with a knife."""


def rows(folder: Path) -> list[Row]:
    """All rows, by area and category."""
    return sorted([*_metropolitan(folder), *_city(folder)])


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _metropolitan(folder: Path) -> Iterator[Row]:
    codes, knife = _knife(folder)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in _read(folder / BOROUGHS):
        category = OF_MPS.get(row["minortext"])
        if category is not None and row["boroughname"] in codes:
            counts[codes[row["boroughname"]]][category] += sum(int(row[month] or 0) for month in MONTHS)
    for area, count in counts.items():
        wounded_in_robbery = knife[area, "Knife Crime with Injury (Personal Robbery)"]
        wounded = knife[area, "Knife Crime with Injury"] - wounded_in_robbery
        robbed = min(knife[area, "Knife Crime"] - wounded, count["robbery_person"])
        count["violence_injury"] -= wounded
        yield area, "knife_injury", wounded, wounded
        for category, incidents in count.items():
            yield area, category, incidents, robbed if category == "robbery_person" else 0


def _knife(folder: Path) -> tuple[dict[str, str], Counter[tuple[str, str]]]:
    codes: dict[str, str] = {}
    knife: Counter[tuple[str, str]] = Counter()
    for row in _read(folder / KNIFE):
        if row["area_type"] != "Borough" or row["measure"] != "Offences":
            continue
        if not row["area_code"].startswith("E09"):
            continue
        codes[row["area_name"]] = row["area_code"]
        if row["month_year"][:7].replace("-", "") in MONTHS:
            knife[row["area_code"], row["crime_subtype"]] += int(row["count"])
    return codes, knife


def _city(folder: Path) -> Iterator[Row]:
    counts = Counter(OF_CITY.get(row["Crime type"], "") for row in _read(folder / CITY))
    for category in sorted(set(OF_CITY.values())):
        yield CITY_CODE, category, counts[category], 0


if __name__ == "__main__":
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("area", "category", "incidents", "knife"))
    out.writerows(rows(Path(sys.argv[1])))

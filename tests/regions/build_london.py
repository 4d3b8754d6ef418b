"""
Makes the shipped London pack from public data: ``python tests/regions/build_london.py ../shared/data OUT``.

``region.toml`` and ``README.md`` are written by hand; everything else is made here, so that a newer lookup or boundary
file is one run away.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from shapely.geometry import shape

from streams.core.geography import Area
from streams.regions.holidays import calendar_rows, weekday_of_month
from streams.regions.neighbours import derived_neighbours
from streams.regions.tables import write_rows

BOUNDARIES = "london-boroughs-e09-simplified.geojson"
LOOKUP = "london-lsoa21-ward25-borough25-lookup.csv.gz"
CENSUS_AREA_PAIRS = "london-lsoa21-adjacency.csv.gz"
VINTAGE = "2025"
YEARS = 2010, 2030
FEWEST_NEIGHBOURS = 4

# Census 2021, usual residents in hundreds, in order of code
RESIDENTS = (
    86, 2189, 3893, 2465, 3398, 3300, 2101, 3908, 3671, 3300, 2891, 2592, 1832, 2642, 2612, 2621, 3059,
    2882, 2166, 1434, 1680, 3176, 3006, 2152, 3511, 3103, 1952, 3076, 2096, 3103, 2784, 3275, 2043,
)  # fmt: skip

CARNIVAL = ("E09000020", "E09000033")
WITHOUT_CARNIVAL = (2020, 2021)

Pair = tuple[str, str]


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def boroughs(data: Path, out: Path) -> list[Area]:
    features = json.loads((data / BOUNDARIES).read_text("utf-8"))["features"]
    features.sort(key=lambda feature: feature["properties"]["gss_code"])
    areas, kept = [], []
    for feature, residents in zip(features, RESIDENTS, strict=True):
        code, name = feature["properties"]["gss_code"], feature["properties"]["name"]
        centre = shape(feature["geometry"]).centroid
        areas.append(
            Area(
                code=code,
                name=name,
                level="borough",
                longitude=round(centre.x, 5),
                latitude=round(centre.y, 5),
                population=residents * 100,
                vintage=VINTAGE,
            )
        )
        kept.append({"type": "Feature", "properties": {"code": code, "name": name}, "geometry": feature["geometry"]})
    lines = ",\n".join(json.dumps(feature, separators=(",", ":"), ensure_ascii=False) for feature in kept)
    text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
    (out / "boundaries.geojson").write_text(text, encoding="utf-8")
    return areas


def wards(lookup: dict[str, dict[str, str]]) -> list[Area]:
    found = {row["WD25CD"]: row for row in lookup.values()}
    return [
        Area(code=code, name=row["WD25NM"], level="ward", parent=row["LAD25CD"], vintage=VINTAGE)
        for code, row in sorted(found.items())
    ]


def ward_neighbours(data: Path, lookup: dict[str, dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """
    Wards that touch, those with the longest shared border first, counted in pairs of census areas across it.

    Wards with few neighbours are given neighbours of neighbours, those with most in common first.
    """
    across: Counter[Pair] = Counter()
    for row in rows_of(data / CENSUS_AREA_PAIRS):
        one, other = (lookup[row[end]]["WD25CD"] for end in ("lsoa_a", "lsoa_b"))
        if one != other:
            across[one, other] += 1
            across[other, one] += 1
    touching: dict[str, set[str]] = {}
    for one, other in across:
        touching.setdefault(one, set()).add(other)
    return {code: _ranked(code, touching, across) for code in sorted(touching)}


def _ranked(code: str, touching: dict[str, set[str]], across: Counter[Pair]) -> tuple[str, ...]:
    near = sorted(touching[code], key=lambda other: (-across[code, other], other))
    second = {two for one in near for two in touching[one]} - {code, *near}
    common = sorted(second, key=lambda other: (-len(touching[other] & touching[code]), other))
    return (*near, *common[: max(0, FEWEST_NEIGHBOURS - len(near))])


def carnival_rows() -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    for year in range(YEARS[0], YEARS[1] + 1):
        monday = weekday_of_month(year, 8, 0, -1)
        sunday, tuesday = monday - dt.timedelta(days=1), monday + dt.timedelta(days=1)
        if year not in WITHOUT_CARNIVAL:
            rows.extend((f"{sunday}T06:00", f"{tuesday}T06:00", "fixture", code) for code in CARNIVAL)
    return rows


def build(data: Path, out: Path) -> None:
    lookup = {row["LSOA21CD"]: row for row in rows_of(data / LOOKUP)}
    areas = [*boroughs(data, out), *wards(lookup)]
    write_rows(
        out / "areas.csv",
        ("code", "name", "level", "parent", "longitude", "latitude", "population", "vintage"),
        [(a.code, a.name, a.level, a.parent, a.longitude, a.latitude, a.population, a.vintage) for a in areas],
    )
    drawn = json.loads((out / "boundaries.geojson").read_text("utf-8"))["features"]
    polygons = {feature["properties"]["code"]: shape(feature["geometry"]) for feature in drawn}
    near = derived_neighbours([area for area in areas if area.level == "borough"], polygons)
    near |= ward_neighbours(data, lookup)
    ranked = [(code, other, rank) for code, others in near.items() for rank, other in enumerate(others, start=1)]
    write_rows(out / "neighbours.csv", ("area", "neighbour", "rank"), ranked)
    rows = sorted([*calendar_rows("england-and-wales", *YEARS), *carnival_rows()])
    write_rows(out / "calendar.csv", ("start", "end", "kind", "area"), rows)
    pairs = sorted((code, row["WD25CD"]) for code, row in lookup.items())
    write_rows(out / "crosswalk.csv", ("from_code", "to_code"), pairs)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))

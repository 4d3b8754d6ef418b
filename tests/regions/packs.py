"""
Region packs for tests: ``python tests/regions/packs.py NAME ../shared/data OUT``.

The packs of Chicago and Philadelphia are made from public data whenever they are needed; that of Montgomery County
holds nothing but names and is kept beside this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from streams.regions.check import Report
from streams.regions.importing import Incidents, Plan, Polygons, import_region
from streams.regions.tables import read_rows, write_rows

MONTGOMERY = Path(__file__).parent / "montgomery"


def _quiet(warning: str) -> None:
    """Repairs of the public polygons are known."""


def chicago(data: Path, out: Path) -> Report:
    """77 community areas with polygons."""
    file = data / "chicago-community-areas.geojson.gz"
    plan = Plan(
        name="chicago",
        zone="America/Chicago",
        out=out,
        level="community",
        polygons=Polygons(file=file, code="area_numbe", name="community"),
        holidays="united-states",
        overwrite=True,
    )
    return import_region(plan, _quiet)


def chicago_districts(data: Path, out: Path) -> Report:
    """22 police districts, without polygons; one row names district 31, which is none."""
    file = data / "chicago-aggravated-assaults-2010-2019.csv.gz"
    plan = Plan(
        name="chicago-districts",
        zone="America/Chicago",
        out=out,
        level="district",
        incidents=Incidents(file=file, code="district", longitude="longitude", latitude="latitude", fewest=10),
        holidays="united-states",
        overwrite=True,
    )
    return import_region(plan, _quiet)


def philadelphia(data: Path, out: Path) -> Report:
    """22 police districts, without polygons."""
    file = data / "philadelphia-shootings-revisions-2020-2025.csv.gz"
    plan = Plan(
        name="philadelphia",
        zone="America/New_York",
        out=out,
        level="district",
        incidents=Incidents(file=file, code="police_district", longitude="lon", latitude="lat"),
        holidays="united-states",
        overwrite=True,
    )
    return import_region(plan, _quiet)


def montgomery(data: Path, out: Path) -> Report:
    """68 townships and neighbouring counties by name; their neighbours are kept, their positions are not."""
    file = data / "montgomery-county-911-2015-2016.csv.gz"
    plan = Plan(
        name="montgomery",
        zone="America/New_York",
        out=out,
        level="township",
        incidents=Incidents(file=file, code="twp", longitude="lng", latitude="lat"),
        holidays="united-states",
        years=(2015, 2016),
        overwrite=True,
    )
    report = import_region(plan, _quiet)
    table = out / "areas.csv"
    columns = ("code", "name", "level", "parent", "longitude", "latitude", "population", "vintage")
    names = [(row.text("code"), row.text("name"), row.text("level"), *[""] * 5) for row in read_rows(table, columns)]
    write_rows(table, columns, names)
    return report


PACKS: Mapping[str, Callable[[Path, Path], Report]] = {
    "chicago": chicago,
    "chicago-districts": chicago_districts,
    "philadelphia": philadelphia,
    "montgomery": montgomery,
}


if __name__ == "__main__":
    for line in PACKS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3])).lines():
        sys.stdout.write(f"{line}\n")

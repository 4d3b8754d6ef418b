"""
The region of a demonstration: the London pack without its wards.

Notifications of the made-up London carry positions, the pack has polygons of boroughs only, and an alert budget that is
shared with six hundred wards which never count anything would be wasted on them. Its bands of deprivation are made up,
dealt to the boroughs in the order of their codes: the board of equity has something to show, and none of it is true.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from schemas.equity import BANDS
from streams.core.geography import Region
from streams.regions import deprivation
from streams.regions.loader import AREAS, BOUNDARIES, load, pack_folder
from streams.regions.manifest import FILE as MANIFEST
from streams.regions.tables import read_rows, write_rows

SOURCE = "london"
ALERTS_PER_WEEK = 3
_CALENDAR = "calendar.csv"
_NEIGHBOURS = "neighbours.csv"
_AREA_COLUMNS = ("code", "name", "level", "parent", "longitude", "latitude", "population", "vintage")
_NEIGHBOUR_COLUMNS = ("area", "neighbour", "rank")
_MADE_UP = ("made up for the demonstration", "none")
"""Source and vintage of the bands of deprivation."""


def write_pack(folder: Path) -> Region:
    """Write the pack into *folder* and read it."""
    source, london = pack_folder(SOURCE), load(SOURCE)
    level = london.partition_level
    boroughs = frozenset(london.unit_areas(level))
    areas = (row for row in read_rows(source / AREAS, _AREA_COLUMNS) if row.text("level") == level)
    write_rows(folder / AREAS, _AREA_COLUMNS, ([row.text(each) for each in _AREA_COLUMNS] for row in areas))
    pairs = (row for row in read_rows(source / _NEIGHBOURS, _NEIGHBOUR_COLUMNS) if row.text("area") in boroughs)
    write_rows(
        folder / _NEIGHBOURS, _NEIGHBOUR_COLUMNS, ([row.text(each) for each in _NEIGHBOUR_COLUMNS] for row in pairs)
    )
    for name in (BOUNDARIES, _CALENDAR):
        shutil.copyfile(source / name, folder / name)
    write_rows(
        folder / deprivation.FILE,
        ("area", "band", "source", "vintage"),
        ([code, 1 + number % BANDS, *_MADE_UP] for number, code in enumerate(sorted(boroughs))),
    )
    (folder / MANIFEST).write_text(_manifest(london), encoding="utf-8")
    return load(folder)


def _manifest(london: Region) -> str:
    lines = {
        "name": london.name,
        "zone": london.zone,
        "day_starts": f"{london.day_starts:02}:00",
        "levels": [london.partition_level],
        "groups": list(london.groups),
        "sentinels": list(london.sentinels),
    }
    # JSON's texts and lists of texts are TOML's too
    written = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    return f"{written}\n[budget]\nalerts_per_week = {ALERTS_PER_WEEK}\n"

"""A small pack in a folder, to be spoilt by tests: two boroughs side by side, with two wards and one."""

from __future__ import annotations

import json
from pathlib import Path

MANIFEST = """\
name = "toytown"
zone = "Europe/London"
day_starts = "06:00"
levels = ["borough", "ward"]
groups = ["street_violence", "robbery", "homicide"]

[budget]
alerts_per_week = 5

[budget.ward.robbery]
alerts_per_week = 0.5
"""

AREAS = """\
code,name,level,parent,longitude,latitude,population,vintage
B1,West,borough,,0.5,50.5,1000,2025
B2,East,borough,,1.5,50.5,,2025
W1,Mill,ward,B1,0.25,50.5,,2025
W2,Quay,ward,B1,0.75,50.5,,2025
W3,Park,ward,B2,1.5,50.5,,2025
"""

CALENDAR = """\
start,end,kind,area
2026-12-31T18:00,2027-01-01T06:00,new_year,
2026-08-30,2026-09-01,fixture,B2
"""

NEIGHBOURS = """\
area,neighbour,rank
W1,W3,2
W1,W2,1
W2,W1,1
"""

SCHEME = """\
scheme,code,category,groups,flags
cad,ASSAULT*,violence_injury,street_violence,
cad,ROB,robbery_person,robbery,
cad,*,other,,
"""

Box = tuple[float, float, float, float]


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(code: object, positions: list[list[float]], **properties: object) -> dict[str, object]:
    geometry = {"type": "Polygon", "coordinates": [positions]}
    return {"type": "Feature", "properties": {"code": code, **properties}, "geometry": geometry}


def collection(*features: dict[str, object]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


BOUNDARIES = collection(feature("B1", ring(0, 50, 1, 51)), feature("B2", ring(1, 50, 2, 51)))


def write_pack(folder: Path, **changes: str | bytes | None) -> Path:
    """
    The pack, with some of its files changed: ``areas="..."`` replaces areas.csv, None leaves a file out.

    Keys are ``manifest, areas, boundaries, neighbours, calendar, crosswalk, deprivation, scheme``.
    """
    files: dict[str, str | bytes | None] = {
        "manifest": MANIFEST,
        "areas": AREAS,
        "boundaries": BOUNDARIES,
        "neighbours": NEIGHBOURS,
        "calendar": CALENDAR,
        "crosswalk": None,
        "scheme": SCHEME,
    }
    names = {"manifest": "region.toml", "boundaries": "boundaries.geojson", "scheme": "schemes/cad.csv"}
    (folder / "schemes").mkdir(parents=True, exist_ok=True)
    for key, content in (files | changes).items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / names.get(key, f"{key}.csv")).write_bytes(data)
    return folder

"""A made-up town with a hundred days of notifications: late, repeated, corrected, moved, withdrawn, with two spikes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from schemas.events import DAY, HOUR, Kind, Millis, Notification
from streams.ingest.arrival import Arrival

START: Millis = 1_699_228_800_000
DAYS = 60
AREAS = tuple("ABCDEF")
CATEGORIES = ("violence_injury", "violence_injury", "robbery_person", "homicide")
GROUPS = {
    "violence_injury": ("street_violence",),
    "robbery_person": ("robbery",),
    "homicide": ("homicide", "street_violence"),
}
MANIFEST = """\
name = "toytown"
zone = "Europe/London"
day_starts = "06:00"
levels = ["borough", "ward"]
groups = ["street_violence", "robbery", "homicide"]
sentinels = ["homicide"]

[budget]
alerts_per_week = 0.6
"""


def write_pack(folder: Path) -> Path:
    """The town's region pack: six boroughs in a row, each with two wards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "region.toml").write_text(MANIFEST, encoding="utf-8")
    rows = ["code,name,level,parent,longitude,latitude,population,vintage"]
    for number, area in enumerate(AREAS):
        rows.append(f"{area},Borough {area},borough,,{number * 0.1:.1f},51.5,,")
        rows += [f"{area}{n},Ward {area}{n},ward,{area},{number * 0.1 + n * 0.01:.2f},51.5,," for n in (1, 2)]
    (folder / "areas.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def arrivals(seed: int, days: int = DAYS) -> list[Arrival]:
    """What the town's sources send, in order of when it can be known."""
    random = Random(seed)
    made: list[Arrival] = []
    number = 0
    for day in range(days):
        for area in AREAS:
            spike = 12 if (day, area) in {(days - 15, "C"), (days - 6, "F")} else 0
            for _ in range(_poisson(random, 2.0) + spike):
                number += 1
                made += _incident(random, number, START + day * DAY + random.randrange(24) * HOUR, area)
    return sorted(made, key=lambda arrival: arrival.known_at_ms)


def _incident(random: Random, number: int, occurred: Millis, area: str) -> list[Arrival]:
    first = Notification(
        kind=Kind.REPORTED,
        source=random.choice(("cad", "las")),
        source_ref=f"N{number:06d}",
        revision=1,
        occurred_at=occurred,
        published_at=None,
        longitude=None,
        latitude=None,
        area_code=random.choice((area, f"{area}1", f"{area}2")),
        category=random.choices(CATEGORIES, (60, 20, 19, 1))[0],
        scheme="firebreak",
        victims=random.choice((1, 1, 1, 2)),
    )
    known = occurred + random.choice((60_000, 300_000, 3 * HOUR, 40 * HOUR))
    told = [(known, first)]
    if random.random() < 0.2:
        told.append((known + 60_000, first))
    revision, kind = 1, Kind.REPORTED
    while random.random() < 0.25:
        revision, known = revision + 1, known + random.randrange(1, 30) * HOUR
        kind = random.choice((Kind.UPDATED, Kind.RECLASSIFIED, Kind.CANCELLED, Kind.REINSTATED))
        told.append((known, _later(random, first, kind, revision, area)))
    return [Arrival(at, each._replace(published_at=at)) for at, each in told]


def _later(random: Random, first: Notification, kind: Kind, revision: int, area: str) -> Notification:
    later = first._replace(kind=kind, revision=revision)
    if kind is Kind.UPDATED:
        return later._replace(area_code=random.choice((area, random.choice(AREAS))), victims=random.randrange(1, 4))
    if kind is Kind.RECLASSIFIED:
        return later._replace(category=random.choice(CATEGORIES))
    return later


def batch_hours(told: list[Arrival]) -> Counter[tuple[str, str, str, Millis]]:
    """Hour counts by another way: the last revision of each incident decides; then all are counted at once."""
    last: dict[str, Notification] = {}
    content: dict[str, Notification] = {}
    for arrival in told:
        each = arrival.notification
        ref = each.incident_id
        if ref in last and each.revision <= last[ref].revision:
            continue
        last[ref] = each
        if each.kind != Kind.CANCELLED:
            content[ref] = each
    counts: Counter[tuple[str, str, str, Millis]] = Counter()
    for ref, each in last.items():
        if each.kind == Kind.CANCELLED:
            continue
        said = content[ref]
        hour = (said.occurred_at or 0) // HOUR * HOUR
        code = said.area_code or ""
        for group in GROUPS[said.category]:
            counts[code[0], "borough", group, hour] += 1
            if len(code) > 1:
                counts[code, "ward", group, hour] += 1
    return counts


def _poisson(random: Random, mean: float) -> int:
    # Knuth, The Art of Computer Programming 2, 3.4.1, algorithm Q
    limit, product, count = 2.718281828459045**-mean, random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count

"""Made-up notifications to measure with: a city's worth of places and categories, some updates, some repeats."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from schemas.events import HOUR, Kind, Millis, Notification
from streams.core.geography import Region

CATEGORIES = ("violence_injury", "violence_no_injury", "robbery_person", "sexual", "stalking_harassment", "other")
WEIGHTS = (24, 30, 9, 8, 12, 17)
SOURCES = ("met.cad", "met.crime", "las", "btp")


def notifications(region: Region, count: int, now: Millis, seed: int = 1) -> Iterator[Notification]:
    """*count* notifications of the last hours before *now*: nine in ten are first reports, the rest updates."""
    random = Random(seed)  # noqa: S311 - data to measure with
    points = [(a.longitude, a.latitude) for a in region.areas if a.longitude is not None and a.latitude is not None]
    reports: list[Notification] = []
    for number in range(count):
        if reports and random.random() < 0.1:
            before = random.choice(reports)
            yield before._replace(kind=Kind.UPDATED, revision=before.revision + 1 + number, victims=random.randrange(4))
            continue
        made = _report(random, random.choice(points), number, now)
        if len(reports) < 10_000:
            reports.append(made)
        yield made


def _report(random: Random, point: tuple[float, float], number: int, now: Millis) -> Notification:
    occurred = now - random.randrange(6 * HOUR)
    return Notification(
        kind=Kind.REPORTED,
        source=random.choice(SOURCES),
        source_ref=f"CAD {number:07d}/25NOV2026",
        revision=1,
        occurred_at=occurred,
        published_at=occurred + random.randrange(600_000),
        longitude=point[0] + random.uniform(-0.01, 0.01),
        latitude=point[1] + random.uniform(-0.01, 0.01),
        area_code=None,
        category=random.choices(CATEGORIES, WEIGHTS)[0],
        scheme="firebreak",
        reported_at=occurred + random.randrange(60_000),
        victims=1,
        domestic=random.random() < 0.2,
        knife=random.random() < 0.1,
        precision_m=50,
        event_id=f"{random.getrandbits(128):032x}",
    )

"""As known at T: five years of published revisions, and what the publication of a day says about every district."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry
from regions.packs import PACKS
from support.enriching import enriched
from support.files import DATA, real, rows_of

from consumers.archive.keeper import TOPICS, Keeper
from consumers.archive.questions import Archive, Question
from consumers.loop import Place
from schemas.events import DAY, Millis
from schemas.settings import from_env
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile
from streams.ingest.reader import read
from streams.regions.loader import load

FILE = "philadelphia-shootings-revisions-2020-2025.csv.gz"
AHEAD = 300_000
EASTERN = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """The whole revision stream in an archive."""
    file, folder = real(FILE), tmp_path_factory.mktemp("philadelphia")
    PACKS["philadelphia"](DATA, folder / "pack")
    arrivals = (each for each in read([file], load_profile("philadelphia-revisions")) if isinstance(each, Arrival))
    catalogue = from_env({}).catalogue()
    keeper = Keeper(
        folder / "archive",
        [catalogue[each] for each in TOPICS],
        {},
        every=1e9,
        now=time.monotonic,
        registry=CollectorRegistry(),
    )
    keeper.take(list(enriched(arrivals, load(str(folder / "pack")))))
    keeper.revoked([Place("incidents.enriched", 0)])
    return Archive(folder / "archive")


def published(at: Millis) -> Counter[tuple[str, str]]:
    """Shootings by district and group as the last publication before *at* has them, by the file alone."""
    last: dict[str, dict[str, str]] = {}
    known = [(int(dt.datetime.fromisoformat(row["known_at"]).timestamp() * 1000), row) for row in rows_of(real(FILE))]
    for when, row in sorted(known, key=lambda each: each[0]):
        local = dt.datetime.fromisoformat(row["occurred_local"]).replace(tzinfo=EASTERN)
        if when < at and local.timestamp() * 1000 <= when + AHEAD:
            last[row["incident_id"]] = row
    counts: Counter[tuple[str, str]] = Counter()
    for row in last.values():
        if row["event"] != "withdrawn":
            groups = ["firearm", "shooting", "street_violence", *(["homicide"] if row["fatal"] != "0" else [])]
            counts.update((row["police_district"], group) for group in groups)
    return counts


def days() -> Iterable[Millis]:
    first, last = 1_601_510_400_000, 1_735_689_600_000
    return range(first, last, 211 * DAY)


def districts(counts: Counter[tuple[str, str]], known: set[str]) -> dict[tuple[str, str], int]:
    return {key: count for key, count in counts.items() if key[0] in known}


@pytest.mark.parametrize(
    "at", list(days()), ids=lambda at: dt.datetime.fromtimestamp(at / 1000, dt.UTC).date().isoformat()
)
def test_counts_as_known_on_a_day_are_those_of_that_days_publication(asked: Archive, at: Millis) -> None:
    told: Counter[tuple[str, str]] = Counter()
    for each in asked.hours(at):
        told[each.area, each.group] += each.incidents
    known = {area for area, _ in told}

    assert len(known) > 10
    assert dict(told) == districts(published(at), known)


@pytest.mark.parametrize("at", [1_640_995_200_000, 1_735_689_600_000], ids=["2022", "2025"])
def test_totals_as_known_on_a_day_hold_the_unlocated_too(asked: Archive, at: Millis) -> None:
    by_group: Counter[str] = Counter()
    for (_, group), count in published(at).items():
        by_group[group] += count

    assert {each.group: each.incidents for each in asked.counts(Question(known_at=at))} == dict(by_group)
    by_day = Counter[str]()
    for each in asked.counts(Question(known_at=at, by="day")):
        by_day[each.group] += each.incidents
    assert by_day == by_group

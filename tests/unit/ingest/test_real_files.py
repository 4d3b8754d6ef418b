"""Every built-in profile on its real file, against what another reader finds there."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import pytest
from support.files import american, real, rows_of, told_apart, wall

from schemas.errors import UsageError
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile

NEW_YORK, CHICAGO = -5, -6
CALL = re.compile(r"\d+-\d+-\d+ @ \d+:\d+:\d+")


def at(text: str, standard: int) -> int:
    return american(wall(*map(int, re.findall(r"\d+", text))), standard)


@lru_cache(1)
def read(name: str, path: Path) -> list[Arrival]:
    """All arrivals: in order, each incident and revision once, no row lost."""
    arrivals, bad = told_apart([path], load_profile(name))

    known = [arrival.known_at_ms for arrival in arrivals]
    assert bad == []
    assert known == sorted(known)
    assert len({(a.notification.source_ref, a.notification.revision) for a in arrivals}) == len(arrivals)
    assert all(a.notification.published_at == a.known_at_ms for a in arrivals)
    return arrivals


def test_montgomery_dispatches() -> None:
    path = real("montgomery-county-911-2015-2016.csv.gz")
    rows = list(rows_of(path))

    arrivals = read("montgomery-911", path)

    assert len(arrivals) == len(rows) == 99_492
    expected = Counter(
        (
            at(row["timeStamp"], NEW_YORK),
            None if (call := CALL.search(row["desc"])) is None else at(call[0], NEW_YORK),
            row["twp"] or None,
            row["title"],
            (float(row["lng"]), float(row["lat"])),
        )
        for row in rows
    )
    found = Counter(
        (a.known_at_ms, n.occurred_at, n.area_code, n.category, (n.longitude, n.latitude))
        for a in arrivals
        for n in (a.notification,)
    )
    assert found == expected
    assert sum(a.notification.occurred_at is None for a in arrivals) == 3
    assert len({a.notification.source_ref for a in arrivals}) == 99_492


def test_chicago_assaults_of_ten_years() -> None:
    path = real("chicago-aggravated-assaults-2010-2019.csv.gz")
    rows = list(rows_of(path))

    arrivals = read("chicago-assaults", path)

    assert len(arrivals) == len(rows) == 148_636
    expected = Counter(
        (at(row["date"], CHICAGO), row["district"], float(row["longitude"]), float(row["latitude"])) for row in rows
    )
    found = Counter((n.occurred_at, n.area_code, n.longitude, n.latitude) for a in arrivals for n in (a.notification,))
    assert found == expected
    assert all(a.known_at_ms == a.notification.occurred_at for a in arrivals)
    places = Counter(row["loc_cat"] for row in rows)
    types = Counter(a.notification.location_type for a in arrivals)
    assert (types["STREET"], types["HOME"], types["SCHOOL"]) == (
        places["street"],
        places["residence"],
        places["education"],
    )
    assert {(a.notification.category, a.notification.scheme) for a in arrivals} == {("ASSAULT/AGGRAVATED", "chicago")}


def test_chicago_crimes_of_2018() -> None:
    path = real("chicago-crimes-2018-jan-aug.csv.gz")
    rows = list(rows_of(path))

    arrivals = read("chicago-crimes", path)

    assert len(arrivals) == len(rows) == 156_385
    expected = Counter(
        (
            at(row["Date"], CHICAGO),
            row["CommunityArea"],
            row["PrimaryType"] + "/" + row["Description"],
            row["Domestic"] == "True",
        )
        for row in rows
    )
    found = Counter((a.known_at_ms, n.area_code, n.category, n.domestic) for a in arrivals for n in (a.notification,))
    assert found == expected
    weapons = Counter(a.notification.weapon for a in arrivals)
    assert weapons["KNIFE"] == sum("KNIFE" in row["Description"] for row in rows) == 2_351
    assert weapons["FIREARM"] == sum(bool(re.search("HANDGUN|FIREARM|RIFLE", row["Description"])) for row in rows)
    flagged = {a.notification.category for a in arrivals if a.notification.firearm}
    assert flagged == {
        row["PrimaryType"] + "/" + row["Description"]
        for row in rows
        if "HANDGUN" in row["Description"] or "OTHER FIREARM" in row["Description"]
    }


def test_philadelphia_revisions() -> None:
    path = real("philadelphia-shootings-revisions-2020-2025.csv.gz")
    rows = list(rows_of(path))

    arrivals = read("philadelphia-revisions", path)

    assert len(arrivals) == len(rows) == 44_335
    events = Counter(row["event"] for row in rows)
    kinds = Counter(a.notification.kind for a in arrivals)
    assert kinds == {
        "REPORTED": events["baseline"] + events["created"],
        "UPDATED": events["updated"],
        "CANCELLED": events["withdrawn"],
        "REINSTATED": events["reappeared"],
    }
    lives: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: dt.datetime.fromisoformat(row["known_at"])):
        known_at = dt.datetime.fromisoformat(row["known_at"]).timestamp() * 1000
        happened = at(row["occurred_local"], NEW_YORK)
        dead = "FATAL" if int(row["fatal"]) else "SERIOUS"
        place = (float(row["lon"]), float(row["lat"])) if row["lat"] else (None, None)
        lives[row["incident_id"]].append(
            (known_at, happened, int(row["victims"]), dead, row["police_district"] or None, *place)
        )
    found: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
    for known_at, n in arrivals:
        found[n.source_ref].append((known_at, n.occurred_at, n.victims, n.injury, n.area_code, n.longitude, n.latitude))
    assert found == lives
    assert {(n.category, n.injury) for _, n in arrivals} == {("fatal", "FATAL"), ("nonfatal", "SERIOUS")}


def test_revisions_of_one_incident_only_grow() -> None:
    arrivals = read("philadelphia-revisions", real("philadelphia-shootings-revisions-2020-2025.csv.gz"))

    newest: dict[str, int] = {}
    for _, n in arrivals:
        assert n.revision > newest.get(n.source_ref, 0)
        newest[n.source_ref] = n.revision
    assert len(newest) == 14_980


def test_street_crimes_of_the_city_of_london() -> None:
    path = real("data-police-uk-city-of-london-street-2022-2023.csv.gz")
    rows = list(rows_of(path))

    arrivals = read("police-uk", path)

    assert len(arrivals) == len(rows) == 9_019
    ids = Counter(row["Crime ID"] for row in rows if row["Crime ID"])
    found = Counter(a.notification.source_ref for a in arrivals)
    assert {ref: count for ref, count in found.items() if ref in ids} == ids
    assert sum(count for ref, count in found.items() if ref not in ids) == 810
    assert max(count for ref, count in found.items() if ref not in ids) == 1
    assert sum(a.notification.kind == "UPDATED" for a in arrivals) == sum(ids.values()) - len(ids) == 115
    assert Counter((n.category, n.area_code) for _, n in arrivals) == Counter(
        (row["Crime type"], row["LSOA code"] or None) for row in rows
    )
    assert sum(n.longitude is None and n.latitude is None for _, n in arrivals) == 612
    months = Counter(row["Month"] for row in rows)
    in_utc = Counter(
        (dt.datetime.fromtimestamp((n.occurred_at or 0) / 1000, dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m")
        for _, n in arrivals
    )
    assert in_utc == months
    assert {n.precision for _, n in arrivals} == {"MONTH"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("chicago-assaults", "montgomery-county-911-2015-2016.csv.gz"),
        ("montgomery-911", "chicago-crimes-2018-jan-aug.csv.gz"),
        ("csv", "philadelphia-shootings-revisions-2020-2025.csv.gz"),
    ],
)
def test_a_file_of_another_source_is_one_clear_line(name: str, file: str) -> None:
    with pytest.raises(UsageError, match="line 1: no column"):
        read(name, real(file))

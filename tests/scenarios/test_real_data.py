"""
Real notifications through the whole: live dispatches, ten years of assaults, a stream of published revisions.

What is counted equals a batch over the file by other code; through a real Kafka the same bytes come out.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from regions.packs import MONTGOMERY, PACKS
from support.commands import firebreak
from support.files import american, real, rows_of
from support.kafka import KafkaCluster

EASTERN, CENTRAL = -5, -6
ALLOWED_AHEAD = 300_000
Cell = tuple[str, str, str, str]
Row = Mapping[str, str]


@dataclass(slots=True)
class Batch:
    """Hour counts by area, level, group and hour, with their victims, and what became of the rows."""

    areas: frozenset[str]
    level: str
    incidents: Counter[Cell] = field(default_factory=Counter)
    victims: Counter[Cell] = field(default_factory=Counter)
    read: int = 0
    refused: int = 0
    known: set[str] = field(default_factory=set)

    def count(self, area: str, groups: tuple[str, ...], at: int, victims: int = 1) -> None:
        hour = dt.datetime.fromtimestamp(at // 3_600_000 * 3600, dt.UTC).isoformat().replace("+00:00", "Z")
        if area in self.areas:
            for group in groups:
                self.incidents[area, self.level, group, hour] += 1
                self.victims[area, self.level, group, hour] += victims

    def lines(self) -> list[list[str]]:
        return [[*cell, str(count), str(self.victims[cell])] for cell, count in sorted(self.incidents.items())]


def wall(text: str, standard: int) -> int:
    """Instant in ms of wall time in the United States."""
    return american(dt.datetime.fromisoformat(text), standard)


DISPATCHES = {
    "EMS: ASSAULT VICTIM": ("street_violence",),
    "EMS: SHOOTING": ("firearm", "shooting", "street_violence"),
    "EMS: STABBING": ("knife_crime", "street_violence"),
    "EMS: ACTIVE SHOOTER": ("firearm", "shooting"),
}
CALLED = re.compile(r"(\d{4}-\d\d-\d\d) @ (\d\d:\d\d:\d\d)")


def montgomery(rows: Iterator[Row], batch: Batch) -> None:
    """Every dispatch counts in the hour of the call, or of the entry where the call has no time."""
    for row in rows:
        batch.read += 1
        entered, called = wall(row["timeStamp"], EASTERN), CALLED.search(row["desc"])
        at = wall(f"{called[1]} {called[2]}", EASTERN) if called else entered
        if at > entered + ALLOWED_AHEAD:
            batch.refused += 1
            continue
        batch.known.add(str(batch.read))
        batch.count(row["twp"], DISPATCHES.get(row["title"], ()), at)


def chicago(rows: Iterator[Row], batch: Batch) -> None:
    """Every row is an assault in the street or at home alike."""
    for row in rows:
        batch.read += 1
        batch.known.add(str(batch.read))
        batch.count(row["district"], ("street_violence",), wall(row["date"], CENTRAL))


def philadelphia(rows: Iterator[Row], batch: Batch) -> None:
    """The last publication about an incident says whether it stands, and where and when it happened."""
    last: dict[str, tuple[Row, int]] = {}
    events = [(int(dt.datetime.fromisoformat(row["known_at"]).timestamp() * 1000), row) for row in rows]
    for known_at, row in sorted(events, key=lambda event: event[0]):
        at = wall(row["occurred_local"], EASTERN)
        batch.read += 1
        if at > known_at + ALLOWED_AHEAD:
            batch.refused += 1
            continue
        last[row["incident_id"]] = row, at
    batch.known.update(last)
    for row, at in last.values():
        if row["event"] != "withdrawn":
            dead = ("homicide",) if row["fatal"] != "0" else ()
            groups = ("firearm", *dead, "shooting", "street_violence")
            batch.count(row["police_district"], groups, at, int(row["victims"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One data set: how it is read, and how a batch counts it; ``until`` ends the part that goes through Kafka."""

    file: str
    profile: str
    pack: str
    level: str
    tick: str
    batch: Callable[[Iterator[Row], Batch], None]
    rows: int
    until: str = ""


CASES = {
    "montgomery": Case(
        file="montgomery-county-911-2015-2016.csv.gz",
        profile="montgomery-911",
        pack="montgomery",
        level="township",
        tick="6h",
        batch=montgomery,
        rows=99_492,
    ),
    "philadelphia": Case(
        file="philadelphia-shootings-revisions-2020-2025.csv.gz",
        profile="philadelphia-revisions",
        pack="philadelphia",
        level="district",
        tick="1d",
        batch=philadelphia,
        rows=44_335,
    ),
    "chicago": Case(
        file="chicago-aggravated-assaults-2010-2019.csv.gz",
        profile="chicago-assaults",
        pack="chicago-districts",
        level="district",
        tick="1d",
        batch=chicago,
        rows=148_636,
        until="2012",
    ),
}


@dataclass(frozen=True, slots=True)
class Played:
    """A data set, its pack, and what the core leaves of it."""

    case: Case
    file: Path
    pack: Path
    core: Path

    def replay(self, file: Path, out: Path, *more: str) -> None:
        how = ("--profile", self.case.profile, "--region", str(self.pack), "--tick", self.case.tick)
        firebreak("replay", str(file), *how, "--out", str(out), "--quiet", *more)

    def expected(self) -> Batch:
        with (self.pack / "areas.csv").open(encoding="utf-8", newline="") as areas:
            batch = Batch(frozenset(row["code"] for row in csv.DictReader(areas)), self.case.level)
        self.case.batch(rows_of(self.file), batch)
        return batch


@pytest.fixture(scope="module", params=CASES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    case = CASES[request.param]
    file, folder = real(case.file), tmp_path_factory.mktemp(request.param)
    pack = MONTGOMERY
    if case.pack != "montgomery":
        pack = folder / "pack"
        PACKS[case.pack](file.parent, pack)
    played = Played(case, file, pack, folder / "core")
    played.replay(file, played.core, "--through", "core")
    return played


def test_the_hours_equal_a_batch_over_the_file(played: Played) -> None:
    with (played.core / "hours.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)

    assert header == ["area", "level", "group", "hour", "incidents", "victims"]
    assert lines == played.expected().lines()


def test_no_row_is_missing_from_the_account(played: Played) -> None:
    summary, batch = json.loads((played.core / "summary.json").read_text("utf-8")), played.expected()

    assert summary["read"] == batch.read == played.case.rows
    assert summary["read"] == summary["accepted"] + summary["duplicates"] + sum(summary["rejected"].values())
    assert sum(summary["rejected"].values()) == batch.refused
    assert summary["incidents"] == len(batch.known)


def test_a_real_kafka_with_two_workers_a_stage_leaves_the_same_bytes(
    played: Played, kafka: KafkaCluster, tmp_path: Path
) -> None:
    file, core = played.file, played.core
    if played.case.until:
        file, core = tmp_path / "first.csv.gz", tmp_path / "core"
        _beginning(played, file)
        played.replay(file, core)
    out = tmp_path / "kafka"

    played.replay(file, out, "--through", "kafka", "--broker", kafka.bootstrap, "--workers", "2", "--batch", "65536")

    for name in ("hours.csv", "alerts.jsonl"):
        assert (out / name).read_bytes() == (core / name).read_bytes(), name
    assert (out / "hours.csv").read_bytes().count(b"\n") > 500
    assert _account(out) == _account(core)


def _beginning(played: Played, file: Path) -> None:
    """The rows before a date; they are in order of time."""
    with gzip.open(played.file, "rt", encoding="utf-8") as whole, gzip.open(file, "wt", encoding="utf-8") as part:
        part.write(next(whole))
        part.writelines(line for line in whole if line < played.case.until)


def _account(folder: Path) -> dict[str, object]:
    account: dict[str, object] = json.loads((folder / "summary.json").read_text("utf-8"))
    del account["seconds"]
    return account

"""What real files taught, each a law of what is made of them."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from click.testing import CliRunner
from regions.packs import PACKS, chicago
from support.commands import firebreak
from support.files import real, rows_of
from support.two_stages import TwoStages

from schemas.events import Kind, Millis
from streams.core.alert import MODEL
from streams.core.stage import RowValue
from streams.core.thresholds import UNCALIBRATED
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile
from streams.ingest.reader import read
from streams.regions.loader import load
from streams.review.command import review
from streams.ticks import heartbeat

REVISIONS = "philadelphia-shootings-revisions-2020-2025.csv.gz"
EASTERN = ZoneInfo("America/New_York")
HOUR: Millis = 3_600_000


@pytest.fixture(scope="module")
def philadelphia(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The file and its pack."""
    file, pack = real(REVISIONS), tmp_path_factory.mktemp("philadelphia") / "pack"
    PACKS["philadelphia"](file.parent, pack)
    return file, pack


class Counting:
    """The first two stages of one partition, and the rows that they keep."""

    def __init__(self, pack: Path) -> None:
        self._stages = TwoStages(load(str(pack)))
        self._rows: dict[str, RowValue | None] = {}

    def take(self, arrival: Arrival) -> None:
        """Take one notification in, and the tick after it."""
        clock = arrival.known_at_ms + 1000
        for told in (arrival.notification, heartbeat(clock, simulated=True)):
            self._stages.take(clock, told)

    def cells(self) -> dict[str, set[tuple[object, ...]]]:
        """Hours, incidents, victims and names of incidents of each row; not when they were received."""
        self._rows |= {row.key: row.value for row in self._stages.count.dirty()}
        return {key: set(map(_plain, cast("Hours", value))) for key, value in self._rows.items() if value}


Hours = tuple[tuple[int, int, int, tuple[tuple[str, int, object], ...]], ...]
"""What a row of the stage holds."""


def _plain(hour: tuple[int, int, int, tuple[tuple[str, int, object], ...]]) -> tuple[object, ...]:
    at, incidents, victims, named = hour
    return at, incidents, victims, tuple(incident for incident, _, _ in named)


def _alike(one: Arrival, other: Arrival) -> bool:
    a, b = one.notification, other.notification
    return (a.occurred_at, a.area_code, a.category, a.victims, a.injury) == (
        b.occurred_at,
        b.area_code,
        b.category,
        b.victims,
        b.injury,
    )


def test_withdrawn_and_reinstated_returns_to_the_identical_state(philadelphia: tuple[Path, Path]) -> None:
    file, pack = philadelphia
    told: dict[str, list[Arrival]] = defaultdict(list)
    for each in read([file], load_profile("philadelphia-revisions")):
        if isinstance(each, Arrival):
            told[each.notification.source_ref].append(each)
    tried = 0
    for arrivals in told.values():
        kinds = [each.notification.kind for each in arrivals]
        if Kind.CANCELLED not in kinds[1:-1]:
            continue
        at = kinds.index(Kind.CANCELLED, 1)
        if kinds[at + 1] != Kind.REINSTATED or not _alike(arrivals[at - 1], arrivals[at + 1]):
            continue
        counting = Counting(pack)
        for each in arrivals[:at]:
            counting.take(each)
        before = counting.cells()
        counting.take(arrivals[at])
        assert counting.cells() == {} or before == {}
        counting.take(arrivals[at + 1])
        assert counting.cells() == before
        tried += bool(before)

    assert tried > 100


def test_what_arrives_late_is_in_its_own_hour_and_fires_no_alert_of_today(
    philadelphia: tuple[Path, Path], tmp_path: Path
) -> None:
    file, pack = philadelphia
    given = ("--profile", "philadelphia-revisions", "--region", str(pack), "--tick", "1d", "--quiet")
    firebreak("replay", str(file), *given, "--out", str(tmp_path))
    ever: dict[str, set[int]] = defaultdict(set)
    for row in rows_of(file):
        at = dt.datetime.fromisoformat(row["occurred_local"]).replace(tzinfo=EASTERN)
        ever[f"philadelphia.shootings|{row['incident_id']}"].add(int(at.timestamp() * 1000) // HOUR)
    opened = [
        event
        for event in map(json.loads, (tmp_path / "alerts.jsonl").read_text("utf-8").splitlines())
        if event["kind"] == "OPENED" and event["reason"] == "FIRST"
    ]

    assert len(opened) > 20
    for event in opened:
        clock = int(dt.datetime.fromisoformat(event["clock"]).timestamp() * 1000) // HOUR
        for incident in event["incidents"]:
            assert any(clock - event["window"] <= hour <= clock for hour in ever[incident]), (event["clock"], incident)


def reviewed(tmp_path: Path, file: str, profile: str) -> dict[str, object]:
    given = ["--region", "london", "--monthly", str(real(file)), "--profile", profile, "--quiet"]
    period = ["--from", "2024-02", "--until", "2026-03", "--out", str(tmp_path)]
    result = CliRunner().invoke(review, [*given, *period], standalone_mode=False)
    assert result.exception is None, result.exception
    told: dict[str, object] = json.loads((tmp_path / "review.json").read_text("utf-8"))
    return told


def test_the_truncated_first_month_of_the_rolling_table_is_left_out_and_said(tmp_path: Path) -> None:
    name = "london-mps-ward-monthly-2024-2026.csv.gz"
    sums: dict[str, int] = defaultdict(int)
    for row in rows_of(real(name)):
        for column in row:
            if column.isdigit():
                sums[column] += int(float(row[column] or 0))
    first, second, *_ = sorted(sums)
    assert sums[first] < 0.05 * sums[second], "the file is no longer truncated: the test needs another"

    told = json.dumps(reviewed(tmp_path, name, "mps-ward-monthly"))

    assert f"{first[:4]}-{first[4:]}" in told
    report = next(tmp_path.glob("*.html")).read_text("utf-8")
    assert "truncated" in report.lower() or "left out" in report.lower()


def test_small_areas_without_sexual_offences_are_told_to_have_none(tmp_path: Path) -> None:
    name = "london-mps-lsoa-monthly-2024-2026.csv.gz"
    offences = {row["major_category"] for row in rows_of(real(name))}
    assert not [each for each in offences if "SEXUAL" in each.upper()]

    told = reviewed(tmp_path, name, "mps-lsoa-monthly")

    assert "sexual_violence" not in told["totals"] or not any(told["totals"]["sexual_violence"].values())  # type: ignore[operator, index]  # JSON


def test_identity_does_not_rest_on_row_numbers(philadelphia: tuple[Path, Path], tmp_path: Path) -> None:
    """The same rows in another order of lines within a publication make the same hours."""
    file, pack = philadelphia
    rows = list(rows_of(file))[7_783:9_783]
    given = ("--profile", "philadelphia-revisions", "--region", str(pack), "--tick", "1d", "--quiet")
    for name, order in (("one", rows), ("other", sorted(rows, key=lambda row: (row["known_at"], row["incident_id"])))):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as made:
            lines = csv.DictWriter(made, list(rows[0]))
            lines.writeheader()
            lines.writerows(order)
        firebreak("replay", str(tmp_path / f"{name}.csv"), *given, "--out", str(tmp_path / name))

    assert (tmp_path / "one" / "hours.csv").read_bytes() == (tmp_path / "other" / "hours.csv").read_bytes()


def test_a_month_above_mean_and_two_deviations_is_one_in_wards_of_london_too() -> None:
    """Three categories in 679 wards, month by month against the two years before: more than a hundred a month."""
    name, past = "london-mps-ward-monthly-2010-2024.csv.gz", 24
    kinds = {"VIOLENCE WITH INJURY": 0, "RAPE": 1, "OTHER SEXUAL OFFENCES": 1}
    rows = list(rows_of(real(name)))
    months = sorted(column for column in rows[0] if column.isdigit())
    wards = {code: number for number, code in enumerate(sorted({row["wardcode"] for row in rows}))}
    counts = np.zeros((3, len(wards), len(months)))
    for row in rows:
        kind = 2 if row["majortext"] == "ROBBERY" else kinds.get(row["minortext"])
        if kind is not None:
            counts[kind, wards[row["wardcode"]]] += [float(row[month] or 0) for month in months]
    windows = np.lib.stride_tricks.sliding_window_view(counts[:, :, :-1], past, axis=2)

    fired = counts[:, :, past:] > windows.mean(axis=3) + 2 * windows.std(axis=3, ddof=1)

    assert 100 < fired.sum() / (len(months) - past) < 130


def test_today_above_mean_and_two_deviations_is_a_noise_machine_in_chicago() -> None:
    """Why a budget is kept: four kinds of crime in 77 areas, day by day against the 28 days before."""
    kinds, first, days, past = ("BATTERY", "ASSAULT", "ROBBERY", "CRIM SEXUAL ASSAULT"), dt.date(2018, 1, 1), 243, 28
    counts = np.zeros((len(kinds), 78, days))
    for row in rows_of(real("chicago-crimes-2018-jan-aug.csv.gz")):
        if row["PrimaryType"] in kinds and row["CommunityArea"]:
            day = (dt.date.fromisoformat(row["Date"][:10]) - first).days
            counts[kinds.index(row["PrimaryType"]), int(row["CommunityArea"]), day] += 1
    windows = np.lib.stride_tricks.sliding_window_view(counts[:, 1:, :-1], past, axis=2)

    fired = counts[:, 1:, past:] > windows.mean(axis=3) + 2 * windows.std(axis=3)

    assert 14 < fired.sum() / (days - past) < 20


def test_the_default_rule_keeps_its_budget_where_that_one_is_a_noise_machine(tmp_path: Path) -> None:
    """Thresholds before any calibration, all groups of the imported pack, real surges among the alerts."""
    file = real("chicago-crimes-2018-jan-aug.csv.gz")
    chicago(file.parent, tmp_path / "pack")

    given = ("--profile", "chicago-crimes", "--region", str(tmp_path / "pack"), "--quiet", "--out", str(tmp_path))
    firebreak("replay", str(file), *given)

    events = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text("utf-8").splitlines()]
    opened = [event for event in events if event["kind"] == "OPENED" and event["model"] == MODEL]
    last = dt.datetime.fromisoformat(json.loads((tmp_path / "summary.json").read_text("utf-8"))["last"])
    weeks = (last - dt.datetime(2018, 1, 29, tzinfo=last.tzinfo)).days / 7
    assert {event["calibration"] for event in opened} == {UNCALIBRATED}
    assert 0.25 * 7 <= len(opened) / weeks <= 7, "the pack asks for seven a week; four weeks have no baseline"

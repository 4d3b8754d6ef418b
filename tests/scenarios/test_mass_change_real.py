"""Publications of a real system of record that lost the places of hundreds of incidents at once: told, and no flood."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from regions.packs import PACKS
from support.commands import firebreak
from support.files import real, rows_of

FILE = "philadelphia-shootings-revisions-2020-2025.csv.gz"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """All events of the replayed publications, one tick a day."""
    file, folder = real(FILE), tmp_path_factory.mktemp("philadelphia")
    PACKS["philadelphia"](file.parent, folder / "pack")
    given = ("--profile", "philadelphia-revisions", "--region", str(folder / "pack"), "--tick", "1d", "--quiet")
    firebreak("replay", str(file), *given, "--out", str(folder / "out"))
    lines = (folder / "out" / "alerts.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def mornings(file: Path, more_than: int, wanted: Callable[[dict[str, str]], bool]) -> set[str]:
    """Mornings after the days on which more than so many *wanted* rows were published."""
    rows: Counter[dt.date] = Counter()
    for row in rows_of(file):
        if wanted(row):
            rows[dt.datetime.fromisoformat(row["known_at"]).astimezone(dt.UTC).date()] += 1
    days = (day for day, many in rows.items() if many > more_than)
    return {f"{day + dt.timedelta(days=1)}T00:00:00.000Z" for day in days}


def loses_its_place(row: dict[str, str]) -> bool:
    return "location_removed" in row["changed"] or row["event"] == "withdrawn"


def revises_what_is_old(row: dict[str, str]) -> bool:
    known = dt.datetime.fromisoformat(row["known_at"]).replace(tzinfo=None)
    occurred = dt.datetime.fromisoformat(row["occurred_local"])
    return row["event"] not in {"baseline", "created"} and known - occurred > dt.timedelta(days=6)


def test_each_day_that_lost_hundreds_is_one_alarm_of_the_data(events: list[dict[str, object]]) -> None:
    days = mornings(real(FILE), 400, loses_its_place)
    alarms = Counter(event["clock"] for event in events if event["kind"] == "DATA_ALARM")

    assert len(days) >= 3
    assert {day: alarms[day] for day in days} == dict.fromkeys(days, 1)


def test_no_other_day_is_an_alarm_than_one_that_revised_a_hundred(events: list[dict[str, object]]) -> None:
    alarms = {event["clock"] for event in events if event["kind"] == "DATA_ALARM"}

    assert alarms <= mornings(real(FILE), 100, revises_what_is_old)


def test_no_alert_moves_on_the_counts_of_such_a_day(events: list[dict[str, object]]) -> None:
    days = mornings(real(FILE), 400, loses_its_place)

    moved = [event for event in events if event["clock"] in days and event["kind"] != "DATA_ALARM"]

    assert [event for event in moved if event["group"] not in {"homicide", "shooting"}] == []
    assert [event for event in moved if event["kind"] == "OPENED" and event["reason"] != "SENTINEL"] == []


def test_no_single_event_is_told_on_such_a_day_that_was_not_published_first(events: list[dict[str, object]]) -> None:
    days = mornings(real(FILE), 400, lambda row: row["event"] not in {"baseline", "created"})
    first: dict[str, str] = {}
    for row in rows_of(real(FILE)):
        first.setdefault(f"philadelphia.shootings|{row['incident_id']}", row["known_at"])
    told = [event for event in events if event["clock"] in days and event["reason"] == "SENTINEL"]

    assert len(days) >= 10
    for event in told:
        clock = dt.datetime.fromisoformat(str(event["clock"]))
        for incident in cast("list[str]", event["incidents"]):
            assert clock - dt.datetime.fromisoformat(first[incident]) < dt.timedelta(days=2), (event["clock"], incident)

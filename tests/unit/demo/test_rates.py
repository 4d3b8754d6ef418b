"""Every figure that the made-up London rests on, computed again from the published files."""

from __future__ import annotations

import calendar
import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from support.published_rates import BOROUGHS, CITY, KNIFE, rows

from streams.demo.rates import published_rates
from streams.demo.reporting import CANCELLED, LATE, LATE_DOMESTIC, REINSTATED
from streams.demo.rhythm import HOURS, MONTHS, WEEKDAYS
from streams.demo.town import DOMESTIC

DATA = Path(__file__).parents[4] / "shared" / "data"
ASSAULTS = "chicago-aggravated-assaults-2010-2019.csv.gz"
CHICAGO = "chicago-crimes-2018-jan-aug.csv.gz"
TRIANGLE = "london-mps-vawg-offence-committed-vs-recorded-2014-2026.csv.gz"
REVISIONS = "philadelphia-shootings-revisions-2020-2025.csv.gz"


def table(name: str) -> Iterator[dict[str, str]]:
    if not (DATA / name).exists():
        pytest.skip(f"needs ../shared/data/{name}")
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_the_table_of_rates_is_what_the_published_files_give() -> None:
    for name in (BOROUGHS, KNIFE, CITY):
        if not (DATA / name).exists():
            pytest.skip(f"needs ../shared/data/{name}")

    assert [tuple(rate) for rate in published_rates()] == rows(DATA)


def test_london_s_totals_are_those_of_the_monthly_tables() -> None:
    published: Counter[str] = Counter()
    for row in table(BOROUGHS):
        if row["boroughname"] != "Unknown":
            published[row["minortext"]] += sum(
                int(n or 0) for month, n in row.items() if month[:4].isdigit() and month >= "202503"
            )
    ours: Counter[str] = Counter()
    for rate in published_rates():
        if rate.area != "E09000001":
            ours[rate.category] += rate.incidents

    assert ours["homicide"] == published["HOMICIDE"]
    assert ours["robbery_person"] == published["ROBBERY OF PERSONAL PROPERTY"]
    assert ours["sexual"] == published["RAPE"] + published["OTHER SEXUAL OFFENCES"]
    assert ours["violence_injury"] + ours["knife_injury"] == published["VIOLENCE WITH INJURY"]


def test_no_more_knives_than_incidents() -> None:
    assert all(0 <= rate.knife <= rate.incidents for rate in published_rates())


def test_months_are_those_of_violence_with_injury() -> None:
    counts: Counter[int] = Counter()
    days: Counter[int] = Counter()
    for row in table(BOROUGHS):
        if row["minortext"] == "VIOLENCE WITH INJURY":
            for column in (each for each in row if each[:4].isdigit()):
                counts[int(column[4:])] += int(row[column] or 0)
    for year, month in [(2024 + (2 + n) // 12, (2 + n) % 12 + 1) for n in range(24)]:
        days[month] += calendar.monthrange(year, month)[1]
    mean = sum(counts.values()) / sum(days.values())

    assert pytest.approx(MONTHS, abs=0.0006) == [counts[m] / days[m] / mean for m in range(1, 13)]


def test_weekdays_and_hours_are_those_of_ten_years_of_assaults() -> None:
    times = [datetime.fromisoformat(row["date"]) for row in table(ASSAULTS)]
    weekdays, hours = Counter(at.weekday() for at in times), Counter(at.hour for at in times)

    assert pytest.approx(WEEKDAYS, abs=0.0006) == [7 * weekdays[day] / len(times) for day in range(7)]
    assert pytest.approx(HOURS, abs=0.00006) == [hours[hour] / len(times) for hour in range(24)]


def test_domestic_shares_are_those_of_chicago() -> None:
    kinds = {
        "HOMICIDE": "homicide",
        "BATTERY": "violence_injury",
        "ASSAULT": "violence_no_injury",
        "ROBBERY": "robbery_person",
        "CRIM SEXUAL ASSAULT": "sexual",
        "SEX OFFENSE": "sexual",
        "STALKING": "stalking_harassment",
    }
    found: Counter[tuple[str, bool]] = Counter()
    for row in table(CHICAGO):
        if row["PrimaryType"] in kinds:
            found[kinds[row["PrimaryType"]], row["Domestic"] == "True"] += 1

    for category, share in DOMESTIC.items():
        told = found[category, True] / (found[category, True] + found[category, False])
        assert share == pytest.approx(told, abs=0.0006), category


def test_late_shares_are_those_recorded_in_a_later_month() -> None:
    kinds = {"Rape": "sexual", "Other Sexual Offences": "sexual", "Stalking and Harassment": "stalking_harassment"}
    kinds["Violence with Injury"] = "domestic"
    found: Counter[tuple[str, bool]] = Counter()
    for row in table(TRIANGLE):
        kind = kinds.get(row["crimsec_group"])
        if kind is not None and row["committed_month"].startswith("2024"):
            found[kind, row["recorded_month"] > row["committed_month"]] += int(row["count"])

    late = {kind: found[kind, True] / (found[kind, True] + found[kind, False]) for kind in set(kinds.values())}

    assert pytest.approx(late, abs=0.015) == {**LATE, "domestic": LATE_DOMESTIC}


def test_cancelled_and_reinstated_are_those_of_philadelphia() -> None:
    events = Counter(row["event"] for row in table(REVISIONS))
    incidents = len({row["incident_id"] for row in table(REVISIONS)})

    assert pytest.approx(events["withdrawn"] / incidents, abs=0.001) == CANCELLED
    assert pytest.approx(events["reappeared"] / events["withdrawn"], abs=0.01) == REINSTATED

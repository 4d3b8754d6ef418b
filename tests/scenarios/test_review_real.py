"""The review of London from its published tables, against those tables added up another way."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from bench.review import gains
from click.testing import CliRunner, Result
from support.files import real

from streams.regions.loader import load
from streams.review.command import review
from streams.review.months import month
from streams.review.profile import read_profile
from streams.review.reading import read_monthly

OFFENCES = {
    "homicide": ("HOMICIDE",),
    "sexual_violence": ("RAPE", "OTHER SEXUAL OFFENCES"),
    "robbery": ("ROBBERY OF PERSONAL PROPERTY", "ROBBERY OF BUSINESS PROPERTY"),
    "street_violence": ("HOMICIDE", "VIOLENCE WITH INJURY", "VIOLENCE WITHOUT INJURY", "VIOLENT DISORDER"),
}


def published(name: str, first: str, end: str) -> dict[str, Counter[str]]:
    """Incidents by group and year, by csv alone."""
    found = {group: Counter[str]() for group in OFFENCES}
    with gzip.open(real(name), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for group, offences in OFFENCES.items():
                if row["minortext"] in offences:
                    for column in row:
                        if column.isdigit() and first <= column < end:
                            found[group][column[:4]] += int(row[column] or 0)
    return found


def run(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        review, ["--region", "london", "--out", str(out), "--quiet", *arguments], standalone_mode=False
    )


@cache
def wards(out: Path) -> dict[str, object]:
    file = str(real("london-mps-ward-monthly-2010-2024.csv.gz"))
    made = run(out, "--monthly", file, "--profile", "mps-ward-monthly", "--from", "2010-04", "--until", "2024-03")
    assert made.exception is None, made.exception
    told: dict[str, object] = json.loads((out / "review.json").read_text("utf-8"))
    return told


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("review")


def test_totals_are_those_of_the_published_table(out: Path) -> None:
    told = wards(out)["totals"]
    assert told == published("london-mps-ward-monthly-2010-2024.csv.gz", "201004", "202403")


def test_boroughs_with_what_is_in_no_borough_are_the_published_totals_too(tmp_path: Path) -> None:
    name = "london-mps-borough-monthly-2010-2024.csv.gz"
    arguments = ("--profile", "mps-borough-monthly", "--from", "2010-04", "--until", "2024-03")
    assert run(tmp_path, "--monthly", str(real(name)), *arguments).exception is None
    told = json.loads((tmp_path / "review.json").read_text("utf-8"))
    assert told["totals"] == published(name, "201004", "202403")


def test_the_shifts_of_2020_are_dated(out: Path) -> None:
    shifts = [each for each in wards(out)["shifts"] if each["month"].startswith("2020")]  # type: ignore[attr-defined]  # JSON
    for group in ("street_violence", "sexual_violence", "robbery"):
        falls = [each["month"] for each in shifts if each["group"] == group and each["direction"] == "down"]
        rises = [each["month"] for each in shifts if each["group"] == group and each["direction"] == "up"]
        # the first restrictions came on 23 March and were eased from June on
        assert falls[0] in ("2020-03", "2020-04"), group
        assert rises[0] in ("2020-06", "2020-07"), group


def test_no_small_number_of_an_area_is_told(out: Path) -> None:
    told = wards(out)
    assert not {each["now"] for each in told["changes"]} & {1, 2, 3, 4}  # type: ignore[attr-defined]  # JSON
    assert {each["level"] for each in told["focus"] if each["group"] == "sexual_violence"} == {"borough"}  # type: ignore[attr-defined]  # JSON
    pages = "".join(path.read_text("utf-8") for path in sorted(out.glob("areas/*.html")))
    assert not re.search(r"Last twelve months:</b> [1-4]\.", pages)


def test_the_report_needs_nothing_but_itself(out: Path) -> None:
    wards(out)
    page = (out / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#|areas/)', page)
    assert set(re.findall(r'href="(areas/[^"]+)"', page)) == {f"areas/{path.name}" for path in out.glob("areas/*.html")}


def test_the_areas_named_hold_more_of_next_years_harm_than_those_of_raw_counts() -> None:
    files = [real("london-mps-ward-monthly-2010-2024.csv.gz")]
    panel = read_monthly(files, read_profile("mps-ward-monthly"), load("london"), month("2010-04"), month("2024-01"))
    whole = panel.counts.sum(axis=0)
    for group, least in (("homicide", 0.02), ("sexual_violence", 0.0), ("robbery", 0.0), ("street_violence", 0.0)):
        counts = panel.of(group)
        foretold, raw = gains(counts, whole - counts, month("2012-01") - panel.first, len(panel.months))
        assert foretold.mean() > raw.mean() + least, group


def test_sexual_violence_by_month_of_the_offence_is_not_taken_to_fall(tmp_path: Path) -> None:
    file = str(real("london-mps-vawg-offence-committed-vs-recorded-2014-2026.csv.gz"))
    arguments = ("--profile", "mps-vawg", "--from", "2014-01", "--until", "2026-03")
    assert run(tmp_path, "--monthly", file, *arguments).exception is None
    told = json.loads((tmp_path / "review.json").read_text("utf-8"))
    last = told["series"]["sexual_violence"][-1]
    before = [each["count"] for each in told["series"]["sexual_violence"][-37:-13]]
    # a raw fall of a quarter, of which the share recorded by now tells that it is none
    assert last["count"] < 0.8 * sum(before) / len(before)
    assert 0.8 < last["count"] / last["completeness"] / (sum(before) / len(before)) < 1.25
    assert not [each for each in told["shifts"] if each["group"] == "sexual_violence" and each["month"] > "2025-06"]

"""The whole command in made-up worlds: what it calls changed where nothing did, and what it withholds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from markupsafe import escape

from schemas.disclosure import SMALL
from streams.regions.loader import load
from streams.review.command import review
from streams.review.months import days, iso, month
from streams.review.panel import Counts

FIRST, END = month("2016-01"), month("2024-01")
OFFENCES = {"HOMICIDE": 0.05, "VIOLENCE WITH INJURY": 12.0, "RAPE": 1.0, "ROBBERY OF PERSONAL PROPERTY": 4.0}
Told = dict[str, list[dict[str, object]]]
FEW = 40
WARDS = [area for area in load("london").areas if area.level == "ward"]


def world(
    folder: Path, seed: int, wards: int = len(WARDS), alter: Callable[[Counts], Counts] = lambda counts: counts
) -> Path:
    """A ward table in which every ward keeps its rate, with a season; the first one's violence is altered."""
    random = np.random.default_rng(seed)
    months = np.arange(FIRST, END)
    season = (1.0 + 0.15 * np.sin(2 * np.pi * months / 12)) * days(months) / days(months).mean()
    lines = ["wardname,wardcode,majortext,minortext,lookup_boroughname," + ",".join(iso(int(at)) for at in months)]
    for number, area in enumerate(WARDS[:wards]):
        for offence, level in OFFENCES.items():
            counts = random.poisson(level * random.gamma(4.0, 0.25) * season)
            if number == 0 and offence == "VIOLENCE WITH INJURY":
                counts = alter(counts)
            lines.append(f'"{area.name}",{area.code},V,{offence},B,' + ",".join(map(str, counts)))
    file = folder / "wards.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def run(file: Path, out: Path) -> Told:
    arguments = ["--region", "london", "--monthly", str(file), "--profile", "mps-ward-monthly", "--quiet"]
    arguments += ["--from", iso(FIRST), "--until", iso(END), "--out", str(out)]
    made = CliRunner().invoke(review, arguments, standalone_mode=False)
    assert made.exception is None, made.exception
    told: Told = json.loads((out / "review.json").read_text("utf-8"))
    return told


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calm")


@pytest.fixture(scope="module")
def calm(out: Path) -> Told:
    return run(world(out, 1), out)


def test_where_nothing_changed_at_most_one_area_in_twenty_is_reported_as_changed(calm: Told) -> None:
    areas = {each["area"] for each in calm["changes"]}
    changed = {each["area"] for each in calm["changes"] if each["verdict"] in ("UP", "DOWN")}
    shifted = {each["area"] for each in calm["area_shifts"]}
    assert len(areas) > 700
    assert len(changed | shifted) <= 0.05 * len(areas)
    assert not calm["shifts"]


def test_a_ward_that_rose_to_three_times_is_named_with_its_month(tmp_path: Path) -> None:
    at = month("2022-06") - FIRST
    told = run(world(tmp_path, 2, FEW, lambda counts: np.r_[counts[:at], 3 * counts[at:]]), tmp_path)
    first = WARDS[0].code
    (shift,) = [each for each in told["area_shifts"] if (each["area"], each["group"]) == (first, "street_violence")]
    assert str(shift["earliest"]) <= "2022-06" <= str(shift["latest"])
    assert shift["direction"] == "up"
    assert (tmp_path / "areas" / f"{first}.html").read_text("utf-8").count("Level shifts here") == 1


def test_small_numbers_of_areas_are_in_no_table_and_no_page(out: Path, calm: Told) -> None:
    small = {str(number) for number in SMALL}
    rows = (out / "years.csv").read_text("utf-8").splitlines()
    assert not [row for row in rows if small & set(row.split(",")[6:7])]
    assert not [each for each in calm["changes"] if each["now"] in SMALL or each["before"] in SMALL]
    assert not [each for each in calm["changes"] if each["now"] is None and each["ratio"] is not None]
    withheld = {each["area"] for each in calm["changes"] if each["group"] == "homicide" and each["ratio"] is None}
    page = (out / "report.html").read_text("utf-8")
    (drawn,) = re.findall(r'aria-label="Homicide: where it changed">(.*?)</svg>', page, re.DOTALL)
    boroughs = [area.name for area in load("london").areas if area.level == "borough" and area.code in withheld]
    assert boroughs
    assert all(f"<title>{escape(name)}: numbers too small to be told</title>" in drawn for name in boroughs)


@pytest.mark.usefixtures("calm")
def test_every_figure_says_source_age_rule_and_how_it_was_made(out: Path) -> None:
    assert '"newest_month": "2023-12"' in (out / "review.json").read_text("utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", (out / "report.html").read_text("utf-8"), re.DOTALL)
    assert captions
    for caption in captions:
        for part in ("Metropolitan Police", "newest month December 2023", 'href="#made"'):
            assert part in caption
        assert "1-4" in caption or "no number withheld" in caption


def test_places_the_source_never_names_are_not_taken_for_quiet(tmp_path: Path) -> None:
    told = run(world(tmp_path, 3, FEW), tmp_path)
    assert {each["area"] for each in told["focus"] if each["level"] == "ward"} == {each.code for each in WARDS[:FEW]}
    assert any("nothing is known there" in str(note) for note in told["notes"])

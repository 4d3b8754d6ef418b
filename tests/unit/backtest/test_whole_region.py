"""A backtest of the whole region: its hours are sums of its areas, and a thin rise everywhere is told by it alone."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.pasts import START, Past, past, write_lines
from support.quick import quick_backtests

from schemas.errors import UsageError
from schemas.events import HOUR
from streams.backtest.cli import backtest
from streams.backtest.hours import Hours, iso_hour, read_hours, with_whole
from streams.backtest.plan import budget_of, chosen_units, planned
from streams.backtest.run import run
from streams.calibrate import calibrate
from streams.core.detection.unit import UnitModel
from streams.core.places import plan_of
from streams.regions.loader import load

GROUP = "street_violence"
SWITCH = "\n[detection]\nwhole_region = true\n"
TEST_DAYS = 14


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_backtests():
        yield


def switched_on(made: Past) -> Past:
    manifest = made.pack / "region.toml"
    manifest.write_text(manifest.read_text() + SWITCH)
    return made


def sums(file: Path) -> Counter[str]:
    """Incidents of each hour over all lines of an hours file, as a spreadsheet adds them up."""
    told = Counter[str]()
    for line in csv.DictReader(gzip.decompress(file.read_bytes()).decode().splitlines()):
        told[line["hour"]] += int(line["incidents"])
    return told


def test_the_hours_of_the_region_are_the_sums_of_the_lines(tmp_path: Path) -> None:
    made = switched_on(past(tmp_path))
    region = load(made.pack)
    hours = with_whole(read_hours(made.file, region), region)

    table = hours.counts["region", GROUP]
    told = {iso_hour(hours.first + k): int(number) for k, number in enumerate(table[0]) if number}
    assert table.shape == (1, hours.hours)
    assert told == sums(made.file)


def test_areas_that_are_too_many_for_one_count_are_one_line(tmp_path: Path) -> None:
    made = switched_on(past(tmp_path, days=1))
    region = load(made.pack)
    full = np.full((6, 3), 65_535, dtype=np.uint16)
    hours = Hours(first=START, hours=3, counts={("borough", GROUP): full}, sentinels=(), unplaced=0)

    with pytest.raises(UsageError, match="the whole region has more than 65535 incidents of street_violence"):
        with_whole(hours, region)


@pytest.mark.parametrize("levels", [(), ("--level", "region")])
def test_a_backtest_scores_the_region_as_a_model_fed_with_the_sums(tmp_path: Path, levels: tuple[str, ...]) -> None:
    made = switched_on(past(tmp_path))
    span = ("--from", iso_hour(made.end - TEST_DAYS * 24), "--until", iso_hour(made.end))
    out = tmp_path / "out"
    asked = ["--hours", str(made.file), "--region", str(made.pack), *span, "--out", str(out), "--no-spikes", *levels]
    answer = CliRunner().invoke(backtest, asked, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output

    told = json.loads((out / "report.json").read_text())
    (unit,) = [unit for unit in told["units"] if unit["level"] == "region"]
    assert (unit["key"], unit["areas"]) == (f"town|region|{GROUP}", 1)
    assert unit["incidents"] == int(made.counts[:, -TEST_DAYS * 24 :].sum())
    assert len(told["units"]) == (1 if levels else 2)
    with np.load(out / ("scores.npz" if levels else "scores.region.npz")) as scores:
        assert scores["areas"].tolist() == ["town"]
        table = scores["score"]
    whole = plan_of(load(made.pack)).units[-1]
    live, expected = UnitModel(whole, START * HOUR), []
    for number, incidents in enumerate(made.counts.sum(axis=0).tolist()):
        if incidents:
            live.record(0, (START + number) * HOUR, incidents)
        live.advance((START + number + 1) * HOUR)
        expected.append(float(live.score((START + number + 1) * HOUR).score[0]))
    assert (table[0] == np.array(expected, dtype=np.float32)[-TEST_DAYS * 24 :]).all()


def test_a_calibration_has_a_threshold_of_the_region(tmp_path: Path) -> None:
    made = switched_on(past(tmp_path))
    out = tmp_path / "calibration.json"
    asked = ["--hours", str(made.file), "--region", str(made.pack), "--out", str(out)]
    answer = CliRunner().invoke(calibrate, asked, catch_exceptions=False)

    assert answer.exit_code == 0, answer.output
    told = json.loads(out.read_text())
    units = [f"town|borough|{GROUP}", f"town|region|{GROUP}"]
    assert sorted(told["thresholds"]) == sorted(told["days"]) == units
    boroughs, region = (told["nominal"][unit] for unit in units)
    assert region < boroughs, "one area's share of the budget"


MANY = 40
RATE = 0.3
RISE = 1.25


def city(folder: Path) -> tuple[Path, Path, int]:
    """Forty areas with seven incidents a day each, and in the last week three days with a quarter more everywhere."""
    pack = folder / "pack"
    pack.mkdir()
    (pack / "region.toml").write_text(
        'name = "city"\nzone = "UTC"\nday_starts = "06:00"\nlevels = ["borough"]\ngroups = ["street_violence"]\n'
        "[budget]\nalerts_per_week = 0.1\n[budget.region.street_violence]\nalerts_per_week = 0.02\n" + SWITCH
    )
    areas = [f"A{k:02}" for k in range(MANY)]
    rows = [f"{code},,borough,,{0.01 * (k % 8):.2f},{51 + 0.01 * (k // 8):.2f},," for k, code in enumerate(areas)]
    write_lines(pack / "areas.csv", rows, "code,name,level,parent,longitude,latitude,population,vintage")
    rng, hours = np.random.default_rng(2), 180 * 24
    rates = np.full((MANY, hours), RATE)
    rates[:, -5 * 24 : -2 * 24] *= RISE
    counts = rng.poisson(rates)
    lines = (
        f"{areas[a]},{GROUP},{iso_hour(START + h)},{counts[a, h]}" for a, h in zip(*np.nonzero(counts), strict=True)
    )
    return pack, write_lines(folder / "hours.csv", lines), hours


def test_a_rise_that_is_thin_everywhere_is_told_by_the_region_and_by_no_area(tmp_path: Path) -> None:
    pack, file, length = city(tmp_path)
    region = load(pack)
    hours = with_whole(read_hours(file, region), region)
    units = chosen_units(region, hours, (), ())
    end = START + length
    plan = planned(
        region,
        hours,
        first=end - 8 * 24,
        end=end,
        tick_hours=1,
        units=units,
        budget=budget_of(region, units, per_area_year=None, per_week=None),
        seed=1,
    )
    result = run(plan, spikes=False)
    told = [event for event in result.events if event.kind == "OPENED"]

    assert [(event.level, event.area, event.areas, event.inhibited_by) for event in told] == [
        ("region", "city", ("city",), "")
    ]
    began = (end - 5 * 24) * HOUR
    assert began < told[0].opened_at <= began + 3 * 24 * HOUR
    assert told[0].observed > told[0].upper > told[0].expected

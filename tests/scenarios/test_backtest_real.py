"""The detector on public data of the past: budgets are kept, and no shift of level makes an alert that never ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.real_data import backtested

DATA = Path(__file__).parents[3] / "shared" / "data"


def run(name: str, file: str, out: Path) -> dict[str, Any]:
    if not (DATA / file).exists():
        pytest.skip(f"needs ../shared/data/{file}")
    return backtested(name, DATA, out)


def opened(out: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    return [event for event in events if event["kind"] == "OPENED"]


def test_ten_years_of_chicago_by_district_keep_a_budget_of_one_alert_a_week(tmp_path: Path) -> None:
    told = run("chicago-districts", "chicago-aggravated-assaults-2010-2019.csv.gz", tmp_path)

    assert told["units"][0]["incidents"] == 74_397, "as awk counts them in the file"
    assert told["null_years"] >= 8
    assert 0.8 <= told["alerts"] / (5 * 365.25 / 7) <= 1.25
    assert told["longest_alert_days"] <= 56
    by_district = told["units"][0]["alerts_of_an_area"]
    assert 0.5 <= by_district["quietest_third"] / by_district["busiest_third"] <= 2.0


def test_when_london_closed_and_opened_again_in_2020_no_alert_stayed_open_beyond_eight_weeks(tmp_path: Path) -> None:
    told = run("london-2020", "london-mps-borough-monthly-2010-2024.csv.gz", tmp_path)

    assert told["longest_alert_days"] <= 56
    bands = told["units"][0]["daily_counts"]
    days = sum(band["area_days"] for band in bands)
    assert sum(band["observed_of_expected"] * band["area_days"] for band in bands) / days >= 0.9, "down and up again"
    for event in opened(tmp_path):
        assert event["observed"] > event["expected"], "nothing is alerted that did not happen"

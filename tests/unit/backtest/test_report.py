"""What a backtest leaves behind: files that others read, and a page that needs nothing but itself."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.pasts import AREAS, Past, past, write_lines
from support.quick import quick_backtests

from schemas.errors import UsageError
from streams.backtest.cli import backtest, detectability_command
from streams.backtest.hours import iso_hour


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_backtests():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return past(tmp_path_factory.mktemp("past"))


def arguments(made: Past, out: Path, *more: str) -> list[str]:
    begin, until = iso_hour(made.end - 16 * 24), iso_hour(made.end)
    given = ["--hours", str(made.file), "--region", str(made.pack), "--from", begin, "--until", until]
    return [*given, "--alerts-per-week", "0.5", "--out", str(out), *more]


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def ran(made: Past, out: Path, *more: str) -> Result:
    result = CliRunner().invoke(backtest, arguments(made, out, *more), catch_exceptions=False)
    assert result.exit_code == 0
    return result


@pytest.fixture(scope="module")
def out(made: Past, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "backtest"
    ran(made, folder)
    return folder


def test_scores_are_32_bit_floats_by_area_and_hour_from_the_first_hour_of_the_test(made: Past, out: Path) -> None:
    scores = arrays(out / "scores.npz")

    assert set(scores) == {"areas", "start", "score"}
    assert scores["areas"].tolist() == list(AREAS)
    assert str(scores["start"]) == iso_hour(made.end - 16 * 24)
    assert (scores["score"].dtype, scores["score"].shape) == (np.float32, (6, 16 * 24))
    area, hour = np.unravel_index(scores["score"].argmax(), scores["score"].shape)
    assert AREAS[area] == "D"
    assert 16 * 24 - 144 <= hour < 16 * 24, "the highest score follows the spike"


def test_alert_events_are_lines_of_json_in_order_of_time(out: Path) -> None:
    lines = (out / "alerts.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]

    clocks = [event["clock"] for event in events]
    assert clocks == sorted(clocks)
    opened = [event for event in events if event["kind"] == "OPENED"]
    assert "D" in {event["area"] for event in opened}
    assert {event["region"] for event in events} == {"town"}


def test_the_report_adds_up(out: Path) -> None:
    told = json.loads((out / "report.json").read_text())
    events = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    opened = [event for event in events if event["kind"] == "OPENED"]

    (unit,) = told["units"]
    weeks = 16 * 24 / 168
    assert told["alerts"] == unit["alerts"] == len(opened) >= 1
    assert told["realised_alerts_per_week"] == pytest.approx(len(opened) / weeks, abs=1e-4)
    assert told["asked_alerts_per_week"] == 0.5
    assert told["nominal_alerts_per_week"] == unit["nominal_alerts_per_week"] == pytest.approx(0.5, rel=0.15)
    assert told["realised_of_nominal"] == pytest.approx(
        told["realised_alerts_per_week"] / told["nominal_alerts_per_week"], rel=1e-3
    )
    assert sum(unit["alerts_by_week"]) <= len(opened)
    assert len(unit["alerts_by_week"]) == 2
    assert sum(row["area_days"] for row in unit["daily_counts"]) >= 6 * 16
    assert [row["area"] for row in unit["detectability"]] == list(AREAS)
    spikes = unit["spikes"]
    assert sum(row["spikes"] for row in spikes["by_size_and_length"]) == spikes["all"]["spikes"] > 0


class Page(html.parser.HTMLParser):
    """Tags and what they point at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.points: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.points += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "br", "line", "polyline"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - parser's
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself_and_shows_four_pictures(out: Path) -> None:
    text = (out / "report.html").read_text()
    page = Page(text)

    assert page.open == []
    assert page.points == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 4
    assert "nan" not in text.lower()
    assert "Area D" in text


def test_names_of_areas_cannot_break_the_page(tmp_path: Path) -> None:
    made = past(tmp_path)
    areas = made.pack / "areas.csv"
    areas.write_text(areas.read_text().replace("Area D", "<script>alert(1)</script>"))

    ran(made, tmp_path / "out")

    text = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_equal_runs_are_equal_bytes(made: Past, out: Path, tmp_path: Path) -> None:
    ran(made, tmp_path)

    for name in ("alerts.jsonl", "report.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_without_spikes_the_page_leaves_their_parts_out(made: Past, out: Path, tmp_path: Path) -> None:
    ran(made, tmp_path, "--no-spikes")

    text = (tmp_path / "report.html").read_text()
    assert Page(text).tags.count("svg") == 2
    assert "Detectability" not in text
    assert (tmp_path / "alerts.jsonl").read_bytes() == (out / "alerts.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--tick", "15m"), "--tick 15m: whole hours"),
        (("--tick", "0h"), "--tick 0h: whole hours"),
        (("--from", "soon"), "--from soon: not the start of an hour"),
        (("--group", "arson"), "--group arson: region town has no such scored group"),
        (("--budget-per-area-year", "1"), "exclude each other"),
        (("--from", "2024-02-06"), "leaves 1 days to learn from"),
    ],
)
def test_a_mistake_is_one_line(made: Past, tmp_path: Path, change: tuple[str, str], told: str) -> None:
    result = CliRunner().invoke(backtest, arguments(made, tmp_path, *change))

    assert isinstance(result.exception, UsageError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_several_groups_have_a_score_each_and_two_levels_a_file_each(tmp_path: Path) -> None:
    made = past(tmp_path)
    pack = made.pack
    toml = (pack / "region.toml").read_text().replace('["borough"]', '["borough", "ward"]')
    (pack / "region.toml").write_text(toml.replace('"homicide"', '"robbery"'))
    with (pack / "areas.csv").open("a") as file:
        file.write("W1,Ward 1,ward,A,0.001,51.5,,\nW2,Ward 2,ward,D,0.031,51.5,,\n")
    lines = [
        f"{area},{group},{iso_hour(made.end - 1 - 7 * hour)},1"
        for area, group in (("A", "robbery"), ("W1", "robbery"), ("B", "street_violence"))
        for hour in range(200)
    ]
    made_again = Past(pack=pack, file=write_lines(tmp_path / "two.csv", lines), counts=made.counts)

    ran(made_again, tmp_path / "out", "--no-spikes")

    boroughs, wards = arrays(tmp_path / "out" / "scores.npz"), arrays(tmp_path / "out" / "scores.ward.npz")
    assert set(boroughs) == {"areas", "start", "score", "score_street_violence", "score_robbery"}
    assert (boroughs["score"] == boroughs["score_street_violence"]).all()
    assert wards["areas"].tolist() == ["W1", "W2"]
    keys = [unit["key"] for unit in json.loads((tmp_path / "out" / "report.json").read_text())["units"]]
    assert keys == ["town|borough|street_violence", "town|borough|robbery", "town|ward|robbery"]


def test_the_map_of_detectability_is_a_table_or_a_file(made: Past, tmp_path: Path) -> None:
    given = ["--hours", str(made.file), "--region", str(made.pack), "--alerts-per-week", "0.5"]
    shown = CliRunner().invoke(detectability_command, given, catch_exceptions=False)
    for name in ("map.csv", "map.json"):
        CliRunner().invoke(detectability_command, [*given, "--out", str(tmp_path / name)], catch_exceptions=False)

    rows = [line.split(",") for line in (tmp_path / "map.csv").read_text().splitlines()]
    assert rows[0] == ["level", "group", "area", "incidents_a_day", "3h", "6h", "12h", "24h", "72h", "168h"]
    assert [row[2] for row in rows[1:]] == list(AREAS)
    body = json.loads((tmp_path / "map.json").read_text())
    weeks = [row["multiplier"]["168h"] for row in body]
    assert ["" if rho is None else f"{rho:g}" for rho in weeks] == [row[-1] for row in rows[1:]]
    assert shown.stdout.splitlines()[1].split() == [cell for cell in rows[1] if cell]
    wrong = CliRunner().invoke(detectability_command, [*given, "--out", "map.txt"])
    assert isinstance(wrong.exception, UsageError)

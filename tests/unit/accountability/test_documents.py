"""Documents for the public: everything given is in them, what was not measured is said, small numbers are not told."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import toytown
from support.alerts import opened

from schemas.events import DAY, HOUR, AlertEvent, AlertKind
from schemas.jsonform import alert_event_json, iso
from streams.accountability.command import DOCUMENTS, accountability
from streams.accountability.facts import AlertLoad, Facts
from streams.regions.loader import load

JANUARY = 1_672_531_200_000
"""2023-01-01T00:00:00Z, local midnight in London too."""


def run(folder: Path, *arguments: str) -> Result:
    pack = toytown.write_pack(folder / "pack")
    typed = ["--region", str(pack), "--out", str(folder / "out"), *arguments]
    return CliRunner().invoke(accountability, typed, standalone_mode=False)


def written(folder: Path, events: list[AlertEvent]) -> Path:
    file = folder / "alerts.jsonl"
    file.write_text("".join(f"{alert_event_json(each)}\n" for each in events), "utf-8")
    return file


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    assert run(tmp_path).exception is None
    texts = {name: (tmp_path / "out" / name).read_text("utf-8") for name in DOCUMENTS}
    assert "was not measured" in texts["method.md"]
    assert "Not measured for this record" in texts["transparency-record.md"]
    assert "no alerts were given" in texts["equality.md"]
    assert "no hours were given" in texts["equality.md"]
    assert "To be said by the organisation" in texts["transparency-record.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(DOCUMENTS)


def test_alerts_are_counted_by_coarse_area_and_outcome(tmp_path: Path) -> None:
    events = [opened(alert_id=area, area=area) for area in ("A", "A1", "A2", "B")]
    events += [
        opened(alert_id="B", kind=AlertKind.UPDATED, area="B"),
        opened(alert_id="B", kind=AlertKind.CLOSED, area="B", outcome="data_error"),
    ]
    file = written(tmp_path, events)

    assert run(tmp_path, "--alerts", str(file), "--organisation", "Toytown Council").exception is None

    with (tmp_path / "out" / "alert-load.csv").open(encoding="utf-8") as rows:
        assert {row["area"]: int(row["alerts"]) for row in csv.DictReader(rows)} == {
            **dict.fromkeys("CDEF", 0),
            "A": 3,
            "B": 1,
        }
    assert "data error 1" in (tmp_path / "out" / "equality.md").read_text("utf-8")
    assert "Toytown Council" in (tmp_path / "out" / "transparency-record.md").read_text("utf-8")


def test_closed_months_are_told_by_coarse_area_without_small_numbers(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    lines = ["area,group,hour,incidents"]
    for area, incidents in zip("ABCDEF", (3, 40, 30, 20, 0, 10), strict=True):
        lines += [f"{area},robbery,{iso(JANUARY + 5 * HOUR)},{incidents}"] if incidents else []
    # a second month that is not over, and wards, which are told to nobody
    lines += [f"A,robbery,{iso(JANUARY + 40 * 24 * HOUR)},9", f"A1,robbery,{iso(JANUARY + 5 * HOUR)},3"]
    lines += [f"B,robbery,{iso(JANUARY)},1"]
    file.write_text("\n".join(lines) + "\n", "utf-8")

    made = run(tmp_path, "--hours", str(file))

    assert made.exception is None, made.exception
    with (tmp_path / "out" / "monthly.csv").open(encoding="utf-8") as rows:
        told = [(row["month"], row["area"], row["incidents"]) for row in csv.DictReader(rows)]
    assert {month for month, _, _ in told} == {"2023-01"}
    assert {area: number for _, area, number in told}["A"] == "1-4"
    assert not {number for _, _, number in told} & {"1", "2", "3", "4"}
    assert {area for _, area, _ in told} == set("ABCDEF")


def with_bands(folder: Path) -> Path:
    """The town with residents, and bands of deprivation: A to C are the most deprived."""
    pack = toytown.write_pack(folder / "pack")
    areas = (pack / "areas.csv").read_text("utf-8").splitlines()
    areas = [row[:-1] + "10000," if ",borough," in row else row for row in areas]
    (pack / "areas.csv").write_text("\n".join(areas) + "\n", "utf-8")
    rows = [f"{area},{1 if area in 'ABC' else 5},made up,2023" for area in toytown.AREAS]
    (pack / "deprivation.csv").write_text("\n".join(["area,band,source,vintage", *rows]) + "\n", "utf-8")
    return pack


def months_of_alerts() -> list[AlertEvent]:
    """In January A 12, B 9, C 2 and D 20; one in February, which is not over."""
    counts = {"A": 12, "B": 9, "C": 2, "D": 20}
    found = [
        opened(alert_id=f"{area}{k}", area=area, opened_at=JANUARY + k * DAY, clock=JANUARY + k * DAY)
        for area, number in counts.items()
        for k in range(number)
    ]
    return [*found, opened(alert_id="new", area="E", opened_at=JANUARY + 33 * DAY, clock=JANUARY + 33 * DAY)]


def test_a_closed_month_is_told_by_band_with_limits_and_without_small_numbers(tmp_path: Path) -> None:
    file, pack = written(tmp_path, months_of_alerts()), with_bands(tmp_path)
    typed = ["--region", str(pack), "--out", str(tmp_path / "out"), "--alerts", str(file)]
    made = CliRunner().invoke(accountability, typed, standalone_mode=False)
    assert made.exception is None, made.exception

    with (tmp_path / "out" / "equity.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["month"] for row in rows} == {"2023-01"}
    told = {row["area"] or row["band"]: row for row in rows}
    assert told["C"]["alerts"] == "1-4"
    assert not {row["alerts"] for row in rows} & {"1", "2", "3", "4"}
    shown = [told[name]["alerts"] for name in ("1", "A", "B")]
    # band 1 less A less B would be C's two: one of them at least is hidden
    assert "c" in shown
    assert (told["D"]["alerts"], float(told["D"]["per_10000_residents"])) == ("20", 20.0)
    assert float(told["D"]["low"]) == pytest.approx(12.217, abs=0.001)
    assert all(row["low"] == "" for row in rows if row["alerts"] in {"c", "1-4"})
    assert "made up, 2023" in (tmp_path / "out" / "equality.md").read_text("utf-8")


@pytest.mark.parametrize("month", ["2023-02", "2022-12", "January"])
def test_a_month_that_is_not_closed_is_refused(tmp_path: Path, month: str) -> None:
    refused = run(tmp_path, "--alerts", str(written(tmp_path, months_of_alerts())), "--month", month).exception
    assert str(refused).startswith(f"--month {month}")


def test_the_polices_own_activity_is_set_beside_alerts_or_it_is_said_why_not(tmp_path: Path) -> None:
    file, activity = written(tmp_path, months_of_alerts()), tmp_path / "stops.csv"
    activity.write_text("month,area,number\n2023-01,A,30\n", "utf-8")
    assert run(tmp_path, "--alerts", str(file), "--activity", str(activity)).exception is None
    assert "not enough history: 1 months" in (tmp_path / "out" / "equality.md").read_text("utf-8")
    activity.write_text("month,area,number\n2023-01,X,30\n", "utf-8")
    refused = run(tmp_path, "--activity", str(activity)).exception
    assert str(refused) == "stops.csv, row 2, column area: X is no borough of the region"


def test_outcomes_are_told_in_words(tmp_path: Path) -> None:
    events = months_of_alerts()
    closes = [
        opened(
            alert_id=f"D{k}", area="D", kind=AlertKind.CLOSED, outcome="real", action="visit", clock=JANUARY + 31 * DAY
        )
        for k in range(6)
    ]
    assert run(tmp_path, "--alerts", str(written(tmp_path, [*events, *closes]))).exception is None
    text = (tmp_path / "out" / "outcomes.md").read_text("utf-8")
    assert "| robbery | 6 | 6 | 100 % |" in text
    assert "| visit | 6 |" in text
    assert "Not measured: it needs the hours" in text


def test_scores_without_hours_are_refused(tmp_path: Path) -> None:
    scores = tmp_path / "scores.npz"
    scores.write_bytes(b"")
    file = written(tmp_path, months_of_alerts())
    refused = run(tmp_path, "--alerts", str(file), "--scores", str(scores)).exception
    assert str(refused).startswith("--scores needs --hours")


def test_ties_of_alerts_say_nothing_of_the_order_of_areas() -> None:
    one, other = facts_of([0, 0, 0, 0, 1, 2]), facts_of([2, 1, 0, 0, 0, 0])
    assert one.correlation == pytest.approx(-(other.correlation or 0.0))
    assert facts_of([1, 1, 1, 1, 1, 1]).correlation == 0.0


def facts_of(alerts: list[int]) -> Facts:
    loads = [AlertLoad(area=str(k), name=str(k), alerts=each, residents=100 + k) for k, each in enumerate(alerts)]
    region = load("london")
    return Facts(
        region=region,
        topics=(),
        organisation="",
        contact="",
        categories=(),
        loads=tuple(loads),
        outcomes=None,
        backtest=None,
    )


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"realised_of_nominal": 1}'])
def test_a_file_that_is_none_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "given.json"
    file.write_text(content, "utf-8")
    for option in ("--alerts", "--backtest"):
        refused = run(tmp_path, option, str(file)).exception
        assert refused is not None
        assert str(refused).startswith("given.json")
        assert "\n" not in str(refused)

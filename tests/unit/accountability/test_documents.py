"""Documents for the public: everything given is in them, what was not measured is said, small numbers are not told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import toytown

from schemas.events import HOUR
from schemas.jsonform import iso
from streams.accountability.command import DOCUMENTS, accountability
from streams.accountability.facts import AlertLoad, Facts
from streams.regions.loader import load

JANUARY = 1_672_531_200_000
"""2023-01-01T00:00:00Z, local midnight in London too."""


def run(folder: Path, *arguments: str) -> Result:
    pack = toytown.write_pack(folder / "pack")
    typed = ["--region", str(pack), "--out", str(folder / "out"), *arguments]
    return CliRunner().invoke(accountability, typed, standalone_mode=False)


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
    events = [{"kind": "OPENED", "area": area} for area in ("A", "A1", "A2", "B")]
    events += [{"kind": "UPDATED", "area": "B"}, {"kind": "CLOSED", "area": "B", "outcome": "data_error"}]
    file = tmp_path / "alerts.jsonl"
    file.write_text("\n".join(map(json.dumps, events)) + "\n", "utf-8")

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

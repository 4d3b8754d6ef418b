"""Actions about alerts, and what followed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import UsageError
from streams.review.outcomes import difference, read_alerts


def line(alert: str, day: int, action: str = "", *, area: str = "A", closed: bool = False) -> str:
    event = {
        "alert_id": alert,
        "area": area,
        "group": "robbery",
        "opened_at": f"2025-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00Z",
        "observed": 9,
        "expected": 3.0,
        "outcome": "REAL" if closed else "",
        "action": action,
    }
    return json.dumps(event)


def test_actions_are_compared_with_similar_spikes_without_one(tmp_path: Path) -> None:
    acted = [line(f"y{k}", 0, "OUTREACH", area=f"Y{k}", closed=True) for k in range(40)]
    idle = [line(f"n{k}", 0, area=f"N{k}") for k in range(40)]
    back = [line(f"b{k}", 14, area=f"N{k}") for k in range(30)]
    file = tmp_path / "alerts.jsonl"
    file.write_text("\n".join([*acted, *idle, *back]) + "\n", "utf-8")

    (row,) = read_alerts(file).rows

    assert (row.action, row.alerts, row.again, row.similar, row.similar_again) == ("OUTREACH", 40, 0, 70, 30)
    assert row.words == "fewer came again"


def test_a_few_alerts_are_compared_with_nothing(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text(line("a", 0) + "\n" + line("a", 0, "PATROL", closed=True) + "\n", "utf-8")
    told = read_alerts(file)
    assert told.rows[0].words == "too few to compare"
    assert [each.outcome for each in told.of("A")] == ["REAL"]


def test_limits_of_a_difference_hold_it() -> None:
    low, high = difference(5, 50, 20, 50)
    assert low < -0.3 < high < 0


def test_a_line_that_is_no_alert_is_told(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text('{"alert_id": "x"}\n', "utf-8")
    with pytest.raises(UsageError, match=r"alerts\.jsonl, line 1: no alert event"):
        read_alerts(file)

"""Precision, time to action and reviews of small histories that can be counted by hand; spikes where they were put."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support.alerts import opened

from schemas.errors import UsageError
from schemas.events import HOUR, AlertEvent, AlertKind, AlertReason
from streams.accountability.outcomes import Case, cases, overdue, precision, times
from streams.accountability.spikes import GAP, WEEK, WEEKS, Scores, heights, read_scores, spikes
from streams.backtest.hours import Hours


def history(alert: str, hours: int, outcome: str, action: str = "visit", text: str = "") -> list[AlertEvent]:
    """An alert that was closed so many hours after it opened."""
    first = opened(alert_id=alert)
    closed = opened(
        alert_id=alert,
        kind=AlertKind.CLOSED,
        clock=first.opened_at + hours * HOUR,
        outcome=outcome,
        action=action,
        text=text,
    )
    return [first, closed]


def test_precision_is_of_alerts_with_an_outcome_with_limits_by_jeffreys() -> None:
    events = [event for k in range(8) for event in history(f"a{k}", 2, "real" if k < 6 else "data_error")]
    events += [opened(alert_id="open"), opened(alert_id="injected", tense="INJECTION")]
    ((rule, real, closed, limits),) = precision(cases(events), lambda case: case.rule)
    assert (rule, real, closed) == ("robbery", 6, 8)
    assert limits == pytest.approx(stats.beta.ppf([0.025, 0.975], 6.5, 2.5))


def test_single_events_are_a_rule_of_their_own_and_few_have_no_limits() -> None:
    events = [opened(alert_id="s", group="homicide", reason=AlertReason.SENTINEL)]
    events += [opened(alert_id="s", group="homicide", kind=AlertKind.CLOSED, outcome="real")]
    (told,) = precision(cases(events), lambda case: case.rule)
    assert (told.of, told.limits) == ("homicide, single", None)


def test_time_to_action_is_by_its_type_and_a_reopened_alert_is_not_closed() -> None:
    events = [event for k in range(5) for event in history(f"a{k}", k + 1, "real")]
    events += history("late", 90, "real", "licensing")
    again = history("again", 1, "real")
    events += [*again, opened(alert_id="again", kind=AlertKind.REOPENED, clock=again[1].clock + HOUR)]
    licensing, visit = times(cases(events))
    assert (licensing.action, licensing.alerts, licensing.hours) == ("licensing", 1, None)
    assert (visit.alerts, visit.hours) == (5, (2.0, 3.0, 4.0))


def test_a_review_is_overdue_until_a_note_says_that_it_was_held() -> None:
    late = history("late", 1, "real", text="youth team, review 2026-11-01")
    held = history("held", 1, "real", text="Review by 2026-10-01")
    held.append(opened(alert_id="held", kind=AlertKind.NOTED, text="reviewed, quiet", clock=held[1].clock + HOUR))
    later = history("later", 1, "real", text="review 2026-12-24")
    nonsense = history("nonsense", 1, "real", text="review 2026-13-40")
    known = cases([*late, *held, *later, *nonsense])
    assert [case.alert for case in overdue(known, dt.date(2026, 11, 25))] == ["late"]


def test_heights_are_highest_first_apart_from_each_other_and_from_alerts() -> None:
    scores = np.zeros(20 * WEEK, dtype=np.float32)
    scores[[100, 110, 1500, 3000]] = 3.0, 4.0, 2.5, 9.0
    assert list(heights(scores, [3000])) == [110, 1500]
    assert list(heights(scores, [])) == [3000, 110, 1500]


def test_the_weeks_after_a_spike_are_counted_beside_the_usual_weeks_before_it() -> None:
    at = 40 * WEEK
    counts = np.zeros((2, 60 * WEEK), dtype=np.uint16)
    counts[:, :: WEEK // 7] = 1
    counts[1, at : at + GAP] = 50
    counts[1, at + GAP :] = 0
    counts[1, at + GAP : at + GAP + 5] = 3
    hours = Hours(first=0, hours=counts.shape[1], counts={("borough", "robbery"): counts}, sentinels=(), unplaced=0)
    alert = case("B", at, "visit")
    table = np.zeros(counts.shape, dtype=np.float32)
    table[0, at + 3], table[0, 3], table[1, at + 3] = 4.0, 9.0, 9.0
    scores = Scores(areas=("A", "B"), first=0, of={"robbery": table})

    acted, similar = spikes([alert], hours, scores, "borough", ("A", "B"))

    assert (acted.area, acted.acted, acted.expected, acted.after) == ("B", True, 7.0 * WEEKS, 15)
    assert (similar.area, similar.acted, similar.score, similar.after) == ("A", False, 4.0, 7 * WEEKS)


def case(area: str, at: int, action: str) -> Case:
    return Case(
        alert="x",
        rule="robbery",
        level="borough",
        area=area,
        group="robbery",
        opened_at=at * HOUR,
        score=6.0,
        closed_at=None,
        outcome="real",
        action=action,
        review=None,
    )


def test_a_file_that_holds_no_scores_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scores.npz"
    file.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"^scores\.npz: no scores"):
        read_scores(file, ["robbery"])


def test_scores_are_read_by_group_or_as_those_of_the_only_one(tmp_path: Path) -> None:
    table = np.ones((2, 5), dtype=np.float32)
    file = tmp_path / "scores.npz"
    np.savez_compressed(file, areas=np.array(["A", "B"]), start=np.array("1970-01-02T00:00:00Z"), score=table)
    read = read_scores(file, ["robbery"])
    assert (read.areas, read.first, list(read.of)) == (("A", "B"), 24, ["robbery"])
    with pytest.raises(UsageError, match="a single group, but 2 groups"):
        read_scores(file, ["robbery", "shooting"])
    np.savez_compressed(
        file, areas=np.array(["A", "B"]), start=np.array("1970-01-02T00:00:00Z"), score=table, score_robbery=2 * table
    )
    assert read_scores(file, ["robbery", "shooting"]).of["robbery"].sum() == 20

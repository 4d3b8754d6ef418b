"""Health against police: worlds with a known truth, and tails against another library."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner
from support.diverging import AREAS, CODES, PAST, detected, signals, world

from consumers.archive.divergence import Finding, Settings, Verdict, count_tail, judged, share_tail
from consumers.archive.diverging import divergence, findings, told
from consumers.archive.questions import WeekOfSource
from schemas.errors import UsageError


def week_of(area: int, *, health: float = 1.0, police: float = 1.0) -> Finding:
    """The last week of a quiet world in which one area's counts are its usual ones times a factor."""
    of_health, of_police = world(3, PAST + 1)
    of_health[area, -1] = round(of_health[area, :-1].mean() * health)
    of_police[area, -1] = round(of_police[area, :-1].mean() * police)
    return judged(CODES, of_health, of_police)[area]


@pytest.mark.parametrize(("x", "n", "p", "spread"), [(0, 5, 0.3, 0.01), (9, 20, 0.3, 0.05), (80, 200, 0.25, 1e-5)])
def test_the_tail_of_a_share_is_that_of_a_beta_binomial(x: int, n: int, p: float, spread: float) -> None:
    weight = (1 - spread) / spread
    law = scipy.stats.betabinom(n, p * weight, (1 - p) * weight)
    assert share_tail(x, n, p, spread) == pytest.approx(law.sf(x) + law.pmf(x) / 2, rel=1e-4)


@pytest.mark.parametrize(("k", "mean", "spread"), [(0, 3.0, 0.1), (9, 4.0, 0.2), (150, 120.0, 0.01)])
def test_the_tail_of_a_count_is_that_of_a_negative_binomial(k: int, mean: float, spread: float) -> None:
    law = scipy.stats.nbinom(1 / spread, 1 / (1 + spread * mean))
    assert count_tail(k, mean, spread) == pytest.approx(law.sf(k - 1), rel=1e-6)


def test_health_up_and_police_flat_is_told_with_both_sides_and_how_rare_it_is() -> None:
    found = week_of(4, health=4.0)

    assert found.verdict is Verdict.HEALTH_UP
    assert found.verdict.signal
    assert found.health > 3 * found.expected_health
    assert found.police == pytest.approx(found.expected_police, rel=0.2)
    assert found.share > found.usual_share
    assert found.by_chance_weeks > 26


def test_police_down_alone_is_worded_as_such() -> None:
    found = week_of(4, police=0.1)

    assert found.verdict is Verdict.POLICE_DOWN


@pytest.mark.parametrize(("health", "police"), [(3.0, 3.0), (6.0, 2.5), (1.0, 1.0), (0.2, 1.0), (1.0, 3.0)])
def test_both_up_and_whatever_lowers_the_share_give_no_signal(health: float, police: float) -> None:
    assert not week_of(4, health=health, police=police).verdict.signal


@pytest.mark.parametrize("overdispersion", [0.0001, 0.005])
def test_chance_alone_signals_within_the_budget(overdispersion: float) -> None:
    """Beyond-chance shares in 200 weeks at one in four weeks: 50 by budget, Poisson; signals are a part of them."""
    found = [each for seed in (1, 2) for each in signals(*world(seed, PAST + 100, overdispersion), Settings(one_in=4))]

    beyond = sum(each in (Verdict.HEALTH_UP, Verdict.POLICE_DOWN, Verdict.SHARE_ONLY) for each in found)
    low, high = scipy.stats.poisson(50).interval(0.999)
    assert low <= beyond <= high
    assert beyond / 2 < sum(each.signal for each in found) <= beyond


def test_an_area_whose_health_count_is_three_times_the_usual_is_told_in_most_worlds() -> None:
    assert detected(3.0, 60, Settings()) > 0.65
    assert detected(1.0, 60, Settings()) < 0.05


def test_without_enough_history_that_is_the_answer() -> None:
    health, police = world(5, 20)
    assert {each.verdict for each in judged(CODES, health, police)} == {Verdict.NOT_ENOUGH_HISTORY}
    health, police = world(5, PAST + 1)
    health[7, :-1], police[7, :-1], health[7, -1] = 0, 0, 50
    health[8, :-1] = 0  # a hospital that has never told of anything is no usual share
    health[8, -1] = 50

    found = judged(CODES, health, police)

    assert [each.verdict for each in found[7:9]] == [Verdict.NOT_ENOUGH_HISTORY] * 2
    assert math.isnan(found[7].by_chance_weeks)
    assert sum(each.verdict is Verdict.NOT_ENOUGH_HISTORY for each in found) == 2


def test_groups_judged_side_by_side_share_the_budget() -> None:
    health, police = world(6, PAST + 1)

    alone, among_four = judged(CODES, health, police), judged(CODES, health, police, groups=4)

    for one, other in zip(alone, among_four, strict=True):
        assert other.by_chance_weeks == pytest.approx(one.by_chance_weeks / 4)


def test_counts_of_other_areas_than_named_are_refused() -> None:
    with pytest.raises(ValueError, match="counts of 2 areas are needed"):
        judged(["A", "B"], np.zeros((3, 5), np.int64), np.zeros((3, 5), np.int64))


def test_rows_of_sources_become_sides_and_sources_of_neither_side_are_left_out() -> None:
    health, police = world(7, 60)
    health[2, -1] = 200
    rows = [
        WeekOfSource(CODES[area], "knife_crime", source, week - 60, int(counts[area, week]))
        for source, counts in (("las", health), ("met", police), ("media", 50 * health))
        for area in range(AREAS)
        for week in range(60)
    ]
    # two sources of one side add up
    rows += [WeekOfSource(CODES[0], "knife_crime", "hospital", -1, 5)]

    found = list(findings(rows, ["las", "hospital"], ["met"], 60, Settings()))

    group, first = found[0]
    assert (group, first.area, first.verdict) == ("knife_crime", CODES[2], Verdict.HEALTH_UP)
    by_area = {each.area: each for _, each in found}
    assert by_area[CODES[0]].health == health[0, -1] + 5
    assert by_area[CODES[1]].police == police[1, -1]
    assert told("knife_crime", first, 1_772_409_600_000)["week_until"] == "2026-03-02T00:00:00.000Z"


class Asked:
    """An archive in which the last week of one area has many more incidents of health sources."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def weeks_of_sources(self, until: int, weeks: int, settle: int, tense: str) -> Iterator[WeekOfSource]:
        """Weeks of a world; the question has to be the one that was asked."""
        assert (until, settle, tense) == (1_772_409_600_000, 2 * 24 * 3_600_000, "ACTUAL")
        health, police = world(7, weeks)
        health[2, -1] = 200
        for source, counts in (("las", health), ("met", police)):
            for area, code in enumerate(CODES):
                for week in range(weeks):
                    yield WeekOfSource(code, "robbery", source, week - weeks, int(counts[area, week]))


COMMAND = ["--health", "las", "--police", "met", "--until", "2026-03-02", "--settle-days", "2"]


def test_the_command_tells_signals_first_as_lines_and_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.archive.questions.Archive", Asked)

    lines = CliRunner().invoke(divergence, [*COMMAND, "--json"], catch_exceptions=False).output.splitlines()
    table = CliRunner().invoke(divergence, COMMAND, catch_exceptions=False, env={"COLUMNS": "200"}).output

    assert len(lines) == AREAS
    first = json.loads(lines[0])
    assert (first["area"], first["verdict"], first["signal"], first["health"]) == (CODES[2], "health_up", True, 200)
    assert "health sources are up, police sources are not" in table


def test_a_source_can_not_be_of_both_sides() -> None:
    with pytest.raises(UsageError, match="las can't be of both sides"):
        CliRunner().invoke(divergence, [*COMMAND, "--police", "las"], catch_exceptions=False)

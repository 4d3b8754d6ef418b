"""What is asked of a backtest: units, budget, span."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pasts import START, past, write_lines, write_pack

from schemas.errors import UsageError
from streams.backtest.hours import Hours, read_hours
from streams.backtest.plan import Budget, budget_of, check_span, chosen_units
from streams.core.detection.unit import Unit
from streams.regions.loader import load


def unit(areas: int, group: str = "g") -> Unit:
    return Unit(
        region="r",
        level="l",
        group=group,
        areas=tuple(f"A{k}" for k in range(areas)),
        neighbours=((),) * areas,
        zone="UTC",
        day_starts=6,
    )


def hours(days: int) -> Hours:
    return Hours(first=START, hours=days * 24, counts={}, sentinels=(), unplaced=0)


def test_a_budget_an_area_and_year_is_one_of_each_unit(tmp_path: Path) -> None:
    region = load(write_pack(tmp_path))

    budget = budget_of(region, [unit(33), unit(650, "h")], per_area_year=1.0, per_week=None)

    assert budget.own["r|l|g"] * 365.25 / 7 == pytest.approx(33)
    assert budget.of([unit(33), unit(650, "h")]) * 365.25 / 7 == pytest.approx(683)


def test_without_one_asked_for_the_budget_is_that_of_the_pack(tmp_path: Path) -> None:
    folder = write_pack(tmp_path)
    toml = folder / "region.toml"
    toml.write_text(toml.read_text() + "[budget.borough.street_violence]\nalerts_per_week = 0.5\n")
    region = load(folder)
    own = unit(6)
    named = Unit(
        region="town",
        level="borough",
        group="street_violence",
        areas=own.areas,
        neighbours=own.neighbours,
        zone="UTC",
        day_starts=6,
    )

    assert budget_of(region, [own], per_area_year=None, per_week=None).of([own]) == 2.0
    assert budget_of(region, [named], per_area_year=None, per_week=None).of([named]) == 0.5
    assert budget_of(region, [named, own], per_area_year=None, per_week=None).of([named, own]) == 2.5
    assert budget_of(region, [named], per_area_year=None, per_week=7.0).of([named]) == 7.0
    with pytest.raises(UsageError, match="exclude each other"):
        budget_of(region, [own], per_area_year=1.0, per_week=7.0)


def test_a_small_budget_takes_more_null_years_and_a_large_unit_fewer() -> None:
    week = Budget(weekly=1.0, own={})

    assert week.years([unit(33)]) == 8, "eight years of one alert a week are 417"
    assert week.years([unit(650)]) == 4
    assert Budget(weekly=1e-9, own={}).years([unit(5)]) == 24
    assert Budget(weekly=20.0, own={}).years([unit(5)]) == 1
    assert Budget(weekly=20.0, own={"r|l|g": 1.0}).years([unit(5), unit(5, "h")]) == 8


@pytest.mark.parametrize(
    ("first", "end", "told"),
    [
        (40 * 24, 40 * 24, "is not after --from"),
        (27 * 24, 50 * 24, "leaves 27 days to learn from"),
        (-5, 50 * 24, "leaves 0 days to learn from"),
        (40 * 24, 60 * 24 + 169, "is after the last hour of the file"),
    ],
)
def test_a_span_without_history_or_data_is_refused_in_one_line(first: int, end: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_span(hours(60), START + first, START + end)


def test_a_span_may_end_some_quiet_hours_after_the_last_line() -> None:
    check_span(hours(60), START + 28 * 24, START + 60 * 24 + 100)


def test_only_units_that_have_counts_are_tested_and_strangers_are_refused(tmp_path: Path) -> None:
    made = past(tmp_path, days=30)
    region = load(made.pack)
    read = read_hours(made.file, region)

    assert [u.key for u in chosen_units(region, read, (), ())] == ["town|borough|street_violence"]
    with pytest.raises(UsageError, match="--group homicide: region town has no such scored group"):
        chosen_units(region, read, (), ("homicide",))
    with pytest.raises(UsageError, match="--level ward: region town has no such level"):
        chosen_units(region, read, ("ward",), ())


def test_a_group_without_counts_is_told_with_what_there_is(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack")
    toml = folder / "region.toml"
    toml.write_text(toml.read_text().replace('"homicide"', '"robbery"'))
    region = load(folder)
    read = read_hours(write_lines(tmp_path / "h.csv", ["A,robbery,2024-05-01,1"]), region)

    with pytest.raises(UsageError, match="it has borough robbery"):
        chosen_units(region, read, (), ("street_violence",))

"""What audiences are told: nothing finer than the rules say, sums that fit, and no small number that can be told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attack import attacked, banded

from consumers.audience.periods import Length, closed
from consumers.audience.rules import Rules, load
from consumers.audience.tables import ELSEWHERE, told, tree_of
from consumers.gazetteer import Words
from schemas.disclosure import LEFT, Shown, Tree
from schemas.errors import UsageError

ZONE = ZoneInfo("Europe/London")
AREAS = {f"A{a}": "" for a in range(3)}
WARDS = {f"A{a}W{w}": f"A{a}" for a in range(3) for w in range(4)}
WORDS = Words(zone=ZONE, levels=("borough", "ward"), names={}, parents={**AREAS, **WARDS})
FILE = """
version: 1
region: R
after: 7d
periods: {street: week, domestic: month}
whole: [A2]
audiences:
  partner: {street: ward, domestic: borough}
  public: {street: borough, domestic: region}
"""


def rules(tmp_path: Path, text: str = FILE) -> Rules:
    path = tmp_path / "audiences.yaml"
    path.write_text(text, "utf-8")
    return load(path, {"R": WORDS})


RULES = Rules(
    region="R",
    after=0,
    periods={"street": Length.WEEK, "domestic": Length.MONTH},
    whole=frozenset({"A2"}),
    audiences={
        "partner": {"street": "ward", "domestic": "borough"},
        "public": {"street": "borough", "domestic": "region"},
    },
)


@st.composite
def counts(draw: st.DrawFn) -> Mapping[str, int]:
    small = st.one_of(st.integers(0, 6), st.integers(0, 60))
    wards = {ward: draw(small) for ward in WARDS}
    areas = {area: sum(n for ward, n in wards.items() if WARDS[ward] == area) + draw(small) for area in AREAS}
    return {**wards, **areas}


@given(counts(), st.sampled_from(["partner", "public"]), st.sampled_from(["street", "domestic"]))
def test_nothing_is_told_that_is_finer_than_the_rules_say(count: Mapping[str, int], who: str, group: str) -> None:
    rows = list(told(RULES, WORDS, who, group, tree_of(RULES, WORDS, f"{group}|2026-W01", count)))

    finest = RULES.audiences[who][group]
    levels = ["region", "borough", "ward"]
    assert {row.level for row in rows} <= set(levels[: levels.index(finest) + 1])
    assert not [row for row in rows if row.level == "ward" and row.area.startswith("A2")], "told as a whole"
    assert len({(row.level, row.area) for row in rows}) == len(rows)


@given(counts())
def test_what_is_told_exactly_is_true_and_what_is_small_is_not_told(count: Mapping[str, int]) -> None:
    tree = tree_of(RULES, WORDS, "street|2026-W01", count)
    for row in told(RULES, WORDS, "partner", "street", tree):
        if row.level == "region" or row.area.endswith(ELSEWHERE):
            continue
        if row.cell.shown is Shown.EXACT:
            assert row.cell.number == count[row.area]
            assert row.cell.number not in range(1, 5)
        elif row.cell.shown is Shown.BAND:
            assert count[row.area] in range(1, 5)


@given(counts())
def test_all_audiences_see_the_same_numbers(count: Mapping[str, int]) -> None:
    tree = tree_of(RULES, WORDS, "street|2026-W01", count)
    partner = {(row.level, row.area): row.cell for row in told(RULES, WORDS, "partner", "street", tree)}

    for row in told(RULES, WORDS, "public", "street", tree):
        assert partner[row.level, row.area] == row.cell


@given(counts(), st.randoms(use_true_random=False))
def test_integer_programmes_over_all_levels_tell_no_small_number(count: Mapping[str, int], rnd: object) -> None:
    tree: Tree = tree_of(RULES, WORDS, "street|2026-W01", count)
    for area, code in banded(tree)[:3]:
        low, high = attacked(tree, area, code)
        assert high - low >= LEFT - 1


@given(st.sampled_from(list(Length)), st.integers(0, 2_000), st.integers(0, 900))
def test_periods_follow_each_other_without_gap_or_overlap(length: Length, since: int, days: int) -> None:
    begin = dt.datetime(2024, 1, 1, tzinfo=ZONE) + dt.timedelta(days=since)
    until = begin + dt.timedelta(days=days)

    found = list(closed(length, ZONE, int(begin.timestamp() * 1000), int(until.timestamp() * 1000)))

    assert all(one.end == other.begin for one, other in pairwise(found))
    assert len({each.name for each in found}) == len(found)
    for each in found:
        assert int(begin.timestamp() * 1000) <= each.begin < each.end <= int(until.timestamp() * 1000)
        assert dt.datetime.fromtimestamp(each.begin / 1000, ZONE).time() == dt.time()


def test_the_file_is_read(tmp_path: Path) -> None:
    found = rules(tmp_path)

    assert found.periods == {"street": Length.WEEK, "domestic": Length.MONTH}
    assert found.after == 7 * 86_400_000


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "version is 2"),
        ("region: R", "region: S", "region: 'S' is none of R"),
        ("street: week", "street: decade", "Invalid enum value 'decade'"),
        ("domestic: region}", "domestic: street}", "public: domestic: 'street' is none of region, borough, ward"),
        ("  public: {street: borough", "  public: {arson: borough", "public: groups: 'arson' is none of"),
        ("whole: [A2]", "whole: [A0W1]", "whole: 'A0W1' is none of A0, A1, A2"),
        ("  public:", "  Pub lic:", "'Pub lic' is no name"),
        ("after: 7d", "after: soon", "soon"),
        ("whole: [A2]", "secret: [A2]", "unknown field `secret`"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FILE
    with pytest.raises(UsageError) as raised:
        rules(tmp_path, FILE.replace(old, new))

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)

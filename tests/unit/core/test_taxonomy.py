from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import taxonomy
from streams.core.taxonomy import (
    CATEGORIES,
    GROUPS,
    Classification,
    Entry,
    Meaning,
    Taxonomy,
    Unknown,
    is_protected,
)

VIOLENT = sorted(code for code, category in CATEGORIES.items() if category.violent)
HARMLESS = sorted(code for code, category in CATEGORIES.items() if not category.violent)
FLAG = st.sampled_from([True, False, None])


def scheme(**codes: str) -> Taxonomy:
    """Scheme "cad" with one category a code; ``_`` in a code stands for ``*``."""
    return Taxonomy([Entry("cad", code.replace("_", "*"), Meaning(category)) for code, category in codes.items()])


def test_an_exact_code_wins_over_prefixes_and_the_longest_prefix_over_others() -> None:
    made = scheme(_="other", AS_="violence_no_injury", ASSAULT_="violence_injury", ASSAULT="homicide")

    found = [made.map("cad", code) for code in ("ASSAULT", "ASSAULT AGG", "ASLEEP", "THEFT", "")]

    categories = [meaning.category for meaning in found if isinstance(meaning, Meaning)]
    assert categories == ["homicide", "violence_injury", "violence_no_injury", "other", "other"]


def test_unknown_scheme_and_unknown_code_are_different_answers() -> None:
    made = scheme(ASSAULT="violence_injury")

    assert made.map("cad", "THEFT") is Unknown.CODE
    assert made.map("dac", "ASSAULT") is Unknown.SCHEME
    assert made.classify("cad", "THEFT", None, None, None) is Unknown.CODE
    assert made.classify("dac", "ASSAULT", None, None, None) is Unknown.SCHEME


@pytest.mark.parametrize("code", ["Ems: Assault Victim", "  EMS:  ASSAULT\tVICTIM ", "ems: assault victim"])
def test_case_and_white_space_make_no_difference(code: str) -> None:
    made = Taxonomy([Entry("Cad", "EMS: ASSAULT VICTIM", Meaning("violence_injury"))])

    assert made.map("CAD", code) == Meaning("violence_injury")
    assert made.map("CAD", code) == Meaning("violence_injury")


@given(
    st.lists(st.text("ab*", min_size=1, max_size=4).map(lambda s: s.replace("*", "") + "*"), max_size=6), st.text("ab")
)
def test_the_answer_is_the_longest_prefix_among_all(prefixes: list[str], code: str) -> None:
    made = Taxonomy([Entry("s", "x", Meaning("other")), *(Entry("s", p, Meaning("homicide", (p,))) for p in prefixes)])

    found = made.map("s", code)

    fitting = [len(prefix) for prefix in prefixes if code[: len(prefix) - 1] == prefix[:-1]]
    assert (len(found.groups[0]) if isinstance(found, Meaning) else None) == max(fitting, default=None)


def test_a_flood_of_codes_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomy, "SPELLINGS_KEPT", 10)
    made = scheme(_="other")

    answers = {made.classify("cad", f"code {number}", None, None, None) for number in range(100)}

    assert answers == {Classification("other", ())}
    assert len(made._classified) == 10
    assert len(made._schemes["cad"].met) == 10


@pytest.mark.parametrize("category", VIOLENT)
def test_flags_put_violence_into_the_group_of_the_flag(category: str) -> None:
    made = Taxonomy([])
    meaning = Meaning(category, ("street_violence",))

    assert made.groups_for(meaning, True, None, None) == ("knife_crime", "street_violence")
    assert made.groups_for(meaning, None, True, None) == ("firearm", "street_violence")
    assert made.groups_for(meaning, False, False, False) == ("street_violence",)


@pytest.mark.parametrize("category", HARMLESS)
def test_a_flag_on_what_is_no_violence_counts_nowhere(category: str) -> None:
    assert Taxonomy([]).groups_for(Meaning(category), True, True, True) == ()


def test_domestic_violence_is_domestic_abuse_and_not_street_violence() -> None:
    stabbing = Meaning("knife_injury", ("knife_crime", "street_violence"), ("knife",))

    assert Taxonomy([]).groups_for(stabbing, None, None, True) == ("domestic_abuse", "knife_crime")


def test_a_domestic_homicide_is_still_told_as_a_homicide() -> None:
    groups = Taxonomy([]).groups_for(Meaning("homicide", ("homicide", "street_violence")), None, None, True)

    assert groups == ("domestic_abuse", "homicide")


def test_flags_that_the_code_tells_hold_whatever_the_notification_says() -> None:
    battery = Meaning("violence_injury", ("street_violence",), ("domestic", "knife"))

    assert Taxonomy([]).groups_for(battery, False, None, False) == ("domestic_abuse", "knife_crime")


def test_groups_that_the_region_does_not_count_are_left_out() -> None:
    made = Taxonomy([Entry("s", "c", Meaning("robbery_person", ("robbery",)))], groups=("knife_crime",))

    assert made.classify("s", "c", None, None, None) == Classification("robbery_person", ())
    assert made.classify("s", "c", True, None, None) == Classification("robbery_person", ("knife_crime",))


@given(
    category=st.sampled_from(sorted(CATEGORIES)),
    groups=st.sets(st.sampled_from(GROUPS)),
    flags=st.sets(st.sampled_from(("knife", "firearm", "domestic"))),
    told=st.tuples(FLAG, FLAG, FLAG),
)
def test_groups_follow_the_table_of_rules(
    category: str, groups: set[str], flags: set[str], told: tuple[bool | None, bool | None, bool | None]
) -> None:
    made = Taxonomy([Entry("s", "c", Meaning(category, tuple(groups), tuple(flags)))])

    once, again = made.classify("s", "c", *told), made.classify("s", "c", *told)

    names = ("knife", "firearm", "domestic")
    in_force = {name for name, flag in zip(names, told, strict=True) if flag} | flags
    expected = set(groups)
    if CATEGORIES[category].violent:
        by_flag = {"knife": "knife_crime", "firearm": "firearm", "domestic": "domestic_abuse"}
        expected |= {by_flag[flag] for flag in in_force}
        expected -= {"street_violence"} if "domestic" in in_force else set()
    assert once == again == Classification(category, tuple(sorted(expected)))


def test_flags_are_remembered_apart() -> None:
    made = Taxonomy([Entry("s", "c", Meaning("violence_injury", ("street_violence",)))])

    answers = {flags: made.classify("s", "c", *flags) for flags in itertools.product((True, False), repeat=3)}

    assert len(set(answers.values())) == 8


def test_sexual_offences_stalking_and_anything_domestic_are_protected() -> None:
    protected = {code for code in CATEGORIES if is_protected(code, domestic=None)}

    assert protected == {"sexual", "stalking_harassment", "violence_unspecified"}
    assert is_protected("violence_injury", domestic=True)
    assert is_protected("no such category", domestic=False)

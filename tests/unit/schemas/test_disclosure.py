"""Suppression against an attacker who knows everything that is published: integer programmes over the whole tree."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attack import attacked, banded

from schemas.disclosure import LEFT, SMALL, Shown, Table, known_of, narrowed, protected, protected_tree

COUNTS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 12), min_size=1, max_size=12)


@given(COUNTS)
def test_a_small_number_is_never_published_and_no_other_is_wrong(counts: Mapping[str, int]) -> None:
    published = protected(Table(name="t", parts=counts))

    for code, cell in published.parts.items():
        assert (cell.shown is Shown.BAND) is (counts[code] in SMALL)
        assert cell.number in {None, counts[code]}
    assert published.whole.number in {None, sum(counts.values())}
    assert not narrowed(published)


@given(st.dictionaries(st.sampled_from("ABCD"), COUNTS, min_size=1))
def test_no_programme_over_the_whole_tree_narrows_a_small_number(counts: Mapping[str, Mapping[str, int]]) -> None:
    apart = {area: {f"{area}{code}": count for code, count in parts.items()} for area, parts in counts.items()}
    tree = protected_tree("t", apart)

    for area, code in banded(tree)[:6]:
        low, high = attacked(tree, area, code)
        assert high - low >= LEFT - 1


@given(st.dictionaries(st.sampled_from("ABC"), COUNTS, min_size=1))
def test_what_a_reader_can_tell_holds_the_truth(counts: Mapping[str, Mapping[str, int]]) -> None:
    apart = {area: {f"{area}{code}": count for code, count in parts.items()} for area, parts in counts.items()}
    known = known_of(protected_tree("t", apart))

    for parts in apart.values():
        for code, count in parts.items():
            assert known[code].low <= count <= known[code].high or count < SMALL.stop


def test_a_lone_small_number_is_not_given_back_by_the_whole() -> None:
    published = protected(Table(name="t", parts={"a": 2, "b": 7, "c": 9}))

    assert published.parts["a"].text == "1-4"
    assert [each.text for each in published.parts.values()].count("c") >= 1


def test_numbers_without_a_small_one_are_published_as_they_are() -> None:
    published = protected(Table(name="t", parts={"a": 0, "b": 7, "c": 9}))

    assert [each.text for each in (published.whole, *published.parts.values())] == ["16", "0", "7", "9"]


def test_which_part_is_hidden_does_not_depend_on_its_number() -> None:
    hidden = {
        next(code for code, cell in protected(Table(name="t", parts=parts)).parts.items() if cell.shown is Shown.HIDDEN)
        for parts in ({"a": 2, "b": 50, "c": 60}, {"a": 2, "b": 60, "c": 50})
    }

    assert len(hidden) == 1


def test_a_count_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="below 0"):
        Table(name="t", parts={"a": -1})

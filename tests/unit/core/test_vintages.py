"""Areas that are no more: laws of what their counts become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.vintages import Change, Part, Unsound, dealt, resolved

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=200).map(np.array)


@given(counts=COUNTS, shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=5), first=st.integers(0, 600_000))
def test_every_hour_keeps_its_total_so_merging_what_was_split_gives_back_the_original(
    counts: np.ndarray, shares: list[float], first: int
) -> None:
    parts = tuple(Part(f"N{number}", share / sum(shares)) for number, share in enumerate(shares))

    given_out = dealt(counts, first, parts, "OLD|street_violence")

    assert given_out.shape == (len(shares), len(counts))
    assert (given_out >= 0).all()
    assert (given_out.sum(axis=0) == counts).all()


@given(counts=COUNTS)
def test_a_rename_hands_over_the_very_counts(counts: np.ndarray) -> None:
    assert (dealt(counts, 7, (Part("N", 1.0),), "OLD|robbery")[0] == counts).all()


def test_the_successors_get_their_shares_and_counts_as_irregular_as_chance_makes_them() -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(0.8, 40_000)

    first, second = dealt(counts, 400_000, (Part("A", 0.3), Part("B", 0.7)), "OLD|street_violence")

    # thinned Poisson counts: mean and variance are share x rate, and the two are independent
    assert first.mean() == pytest.approx(0.24, abs=4 * (0.24 / 40_000) ** 0.5)
    assert first.var() / first.mean() == pytest.approx(1.0, abs=0.04)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.0, abs=0.02)


def test_a_longer_past_and_another_area_change_nothing_of_what_was_dealt_out() -> None:
    counts = np.random.default_rng(1).poisson(2.0, 300)
    parts = (Part("A", 0.5), Part("B", 0.5))

    whole = dealt(counts, 1000, parts, "OLD|robbery")

    assert (dealt(counts[100:], 1100, parts, "OLD|robbery") == whole[:, 100:]).all()
    assert (dealt(counts, 1000, parts, "OTHER|robbery") != whole).any()


def test_changes_in_a_row_multiply_their_shares_and_meet_again_where_they_merge() -> None:
    changes = [
        Change(old="A", new="B", share=1.0),
        Change(old="B", new="C", share=0.25),
        Change(old="B", new="D", share=0.75),
        Change(old="D", new="C", share=0.5),
        Change(old="D", new="E", share=0.5),
    ]

    assert resolved(changes)["A"] == (Part("C", 0.625), Part("E", 0.375))


@pytest.mark.parametrize(
    ("changes", "old", "told"),
    [
        ([Change(old="A", new="B", share=0.6)], "A", "its shares sum to 0.6, not to 1"),
        ([Change(old="A", new="B", share=1), Change(old="B", new="A", share=1)], "A", "it follows itself: A to B to A"),
    ],
)
def test_changes_that_contradict_each_other_are_told_with_the_code_at_fault(
    changes: list[Change], old: str, told: str
) -> None:
    with pytest.raises(Unsound, match=told) as refused:
        resolved(changes)
    assert refused.value.old == old

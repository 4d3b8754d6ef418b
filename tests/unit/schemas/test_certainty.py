"""The order in which incidents are uncertain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.certainty import DOUBTS, doubt, least_certain, reason, said
from schemas.events import Contribution, Quality

NO_AREA = {Quality.LOCATION_MISSING, Quality.OUTSIDE_REGION}
NO_GROUP = {Quality.POLICE_GENERATED, Quality.NOT_ACTUAL}
CODES = st.lists(st.sampled_from([*Quality, "OF_A_NEWER_VERSION"]))


def test_every_quality_code_is_a_doubt_or_keeps_the_incident_out_of_the_counts_or_says_nothing_of_it() -> None:
    assert set(Quality) - set(DOUBTS) == NO_AREA | NO_GROUP | {Quality.OTHER_VERSION}


def test_what_may_be_no_incident_is_worse_than_a_wrong_area_and_that_than_a_wrong_hour() -> None:
    order = [
        (),
        (Quality.AREA_CODE_ONLY,),
        (Quality.TIME_IMPRECISE,),
        (Quality.PLACE_IMPRECISE,),
        (Quality.UNKNOWN_AREA_CODE,),
        (Quality.SUSPECTED,),
        (Quality.REVISION_HELD,),
    ]

    assert sorted(set(order), key=doubt) == order


@given(CODES, CODES)
def test_one_more_doubt_never_makes_an_incident_more_certain(some: list[str], more: list[str]) -> None:
    assert doubt([*some, *more]) >= max(doubt(some), doubt(more))
    assert doubt([*some, *some]) == doubt(some)


@given(CODES)
def test_the_reason_is_the_first_of_the_table_that_the_incident_has(codes: list[str]) -> None:
    assert reason(codes) == next((code for code in DOUBTS if code in codes), "")
    assert bool(reason(codes)) == bool(doubt(codes))


def test_of_equally_uncertain_incidents_the_first_is_named_and_none_of_certain_ones() -> None:
    certain = Contribution("s|1", 5, ())
    two, three = (Contribution(f"s|{n}", 4, (Quality.AREA_CODE_ONLY,)) for n in (2, 3))

    assert least_certain([certain, two, three]) == two
    assert least_certain([two, three._replace(quality=(Quality.SUSPECTED, Quality.AREA_CODE_ONLY))]) != two
    assert least_certain([certain, Contribution("s|4", 3, ("OF_A_NEWER_VERSION", Quality.OTHER_VERSION))]) is None


@pytest.mark.parametrize("code", DOUBTS)
def test_a_doubt_is_told_in_words_that_stand_within_a_sentence(code: str) -> None:
    assert said(code)[0].islower()
    assert "_" not in said(code)
    assert not said(code).endswith(".")

"""The life of one incident, told in notifications, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import MINUTE, NOON, PlainPlaces, raw, tick

from schemas.events import ERASURE, HOUR, Change, Incident, Kind, Quality, Reason, Rejection, Tense, TimeRule
from streams.core.enrich import ENRICHED, REJECTED, Enrich
from streams.core.stage import Output, Record


class Life:
    """One stage, fed with notifications in order of offset."""

    def __init__(self, **given: Any) -> None:
        fields: dict[str, Any] = {"enriched_partitions": 2, "tick_period": 5_000}
        self.stage = Enrich(3, PlainPlaces(), **{**fields, **given})
        self.offset = 0

    def tell(self, received_at: int = NOON + 2 * MINUTE, **given: Any) -> list[Output]:
        self.offset += 1
        return self.stage.apply(Record(self.offset - 1, received_at, raw(**given)))

    def changes(self, **given: Any) -> list[Incident]:
        outputs = self.tell(**given)
        assert all(output.topic == ENRICHED for output in outputs)
        return [output.value for output in outputs if isinstance(output.value, Incident)]

    def refusal(self, **given: Any) -> Rejection:
        (output,) = self.tell(**given)
        assert output.topic == REJECTED
        assert isinstance(output.value, Rejection)
        return output.value


def test_a_report_is_added_with_its_origin_and_hour() -> None:
    (added,) = Life().changes(occurred_at=NOON + 17 * MINUTE, received_at=NOON + 20 * MINUTE)

    assert added.change == Change.ADDED
    assert (added.origin_partition, added.origin_offset, added.origin_index) == (3, 0, 0)
    assert (added.area, added.hour, added.was) == ("A", NOON, None)


def test_the_same_revision_again_changes_nothing() -> None:
    life = Life()
    life.tell()

    assert life.tell(category="robbery") == []
    assert life.stage.duplicates == 1


def test_an_incident_that_moves_is_withdrawn_there_and_added_here() -> None:
    life = Life()
    life.tell(area_code="A/1")

    withdrawn, added = life.changes(revision=2, kind=Kind.UPDATED, area_code="B")

    assert (withdrawn.change, withdrawn.area, withdrawn.ward) == (Change.WITHDRAWN, "A", "A/1")
    assert withdrawn.was is not None
    assert withdrawn.was.area == "A"
    assert (added.change, added.area, added.was, added.origin_index) == (Change.ADDED, "B", None, 1)


def test_an_incident_reclassified_in_its_area_says_what_was_counted_before() -> None:
    life = Life()
    life.tell(category="robbery")

    (amended,) = life.changes(revision=2, kind=Kind.RECLASSIFIED, category="knife_crime")

    assert amended.change == Change.AMENDED
    assert amended.groups == ("knife_crime",)
    assert amended.was is not None
    assert amended.was.groups == ("robbery",)


def test_cancelled_then_reinstated_without_content_is_counted_as_before() -> None:
    life = Life()
    (before,) = life.changes(area_code="A/2", victims=3)
    life.tell(revision=2, kind=Kind.CANCELLED, category="", area_code=None, occurred_at=None)

    (again,) = life.changes(revision=3, kind=Kind.REINSTATED, category="", area_code=None, occurred_at=None)

    counted = ("area", "ward", "groups", "hour", "victims", "category")
    assert [getattr(again, name) for name in counted] == [getattr(before, name) for name in counted]
    assert again.change == Change.ADDED


def test_an_erased_incident_leaves_the_counts_and_nothing_of_it_is_remembered_to_be_reinstated() -> None:
    life = Life()
    (before,) = life.changes(area_code="A/2", victims=3)
    bare = {"category": "", "area_code": None, "occurred_at": None}

    (gone,) = life.changes(revision=2, kind=Kind.CANCELLED, scheme=ERASURE, **bare)
    back = life.changes(revision=3, kind=Kind.REINSTATED, **bare)

    assert gone.change == Change.WITHDRAWN
    assert gone.was is not None
    assert (gone.was.area, gone.was.groups, gone.was.victims) == (before.area, before.groups, 3)
    assert [(each.change, each.was, each.groups) for each in back] == [(Change.WITHDRAWN, None, ())]
    assert [each.value for each in life.stage.dirty()] == [(3, False, None)]


def test_what_is_suspected_and_not_confirmed_is_marked_and_counted() -> None:
    (suspected,) = Life().changes(category="shots_fired")
    (recorded,) = Life().changes(category="gunshot_injury")

    assert (suspected.quality, suspected.groups) == ((Quality.SUSPECTED,), ("shots_fired",))
    assert recorded.quality == ()


def test_a_merged_incident_leaves_the_counts_and_a_closed_one_stays() -> None:
    life = Life()
    life.tell(source_ref="1")
    life.tell(source_ref="2")

    (merged,) = life.changes(source_ref="1", revision=2, kind=Kind.MERGED, merged_into="met.cad|2")
    (closed,) = life.changes(source_ref="2", revision=2, kind=Kind.CLOSED)

    assert merged.change == Change.WITHDRAWN
    assert closed.change == Change.AMENDED
    assert closed.was is not None
    assert closed.was.groups == closed.groups


def test_a_cancel_before_its_report_is_refused_and_remembered() -> None:
    life = Life()

    early = life.refusal(revision=5, kind=Kind.CANCELLED)
    late = life.refusal(revision=4)

    assert early.reason == Reason.CANCEL_BEFORE_REPORT
    assert late.reason == Reason.REVISION_BACKWARDS
    assert life.changes(revision=6)[0].change == Change.ADDED


def test_every_notification_is_accounted_for() -> None:
    life = Life()
    life.tell()
    life.tell()
    life.tell(revision=2)
    life.tell(revision=1)
    life.tell(source_ref="9", longitude=0.0, latitude=0.0)

    assert (life.stage.accepted, life.stage.duplicates, life.stage.rejected) == (2, 1, 2)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"longitude": float("nan"), "latitude": 51.5}, Reason.BAD_COORDINATES),
        ({"longitude": float("inf"), "latitude": 51.5}, Reason.BAD_COORDINATES),
        ({"longitude": -0.1, "latitude": 151.5}, Reason.BAD_COORDINATES),
        ({"longitude": -0.1, "latitude": None}, Reason.BAD_COORDINATES),
        ({"longitude": 0.0, "latitude": 0.0}, Reason.ZERO_COORDINATES),
        ({"occurred_at": NOON + 10 * MINUTE}, Reason.FUTURE_TIME),
        ({"published_at": NOON + HOUR}, Reason.FUTURE_TIME),
        ({"occurred_at": 4_070_908_800_000}, Reason.FUTURE_TIME),
        ({"occurred_at": 0}, Reason.PLACEHOLDER_TIME),
        ({"occurred_at": -2_208_988_800_000}, Reason.PLACEHOLDER_TIME),
        ({"occurred_at": NOON // 1000}, Reason.SECONDS_FOR_MILLISECONDS),
        ({"reported_at": NOON // 1000}, Reason.SECONDS_FOR_MILLISECONDS),
        ({"occurred_at": None, "published_at": None}, Reason.NO_TIME),
    ],
)
def test_what_cannot_be_believed_is_refused_with_its_reason_and_changes_nothing(
    given: dict[str, Any], reason: Reason
) -> None:
    life = Life()

    rejection = life.refusal(**given)

    assert rejection.reason == reason
    assert rejection.offset == 0
    assert list(life.stage.dirty()) == []


def test_four_minutes_ahead_is_within_what_clocks_do() -> None:
    assert Life().changes(occurred_at=NOON + 6 * MINUTE, received_at=NOON + 2 * MINUTE)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"precision": "HOUR"}, TimeRule.OCCURRED),
        ({"precision": "DAY", "reported_at": NOON - HOUR}, TimeRule.REPORTED),
        ({"precision": "MONTH"}, TimeRule.PUBLISHED),
        ({"occurred_at": None, "reported_at": NOON}, TimeRule.REPORTED),
    ],
)
def test_the_best_clock_that_is_known_decides_the_hour(given: dict[str, Any], rule: TimeRule) -> None:
    (added,) = Life().changes(**given)

    assert added.time_rule == rule


def test_what_is_unlocated_police_generated_or_a_test_is_enriched_and_counted_nowhere() -> None:
    life = Life()

    (unlocated,) = life.changes(source_ref="1", area_code=None)
    (generated,) = life.changes(source_ref="2", police_generated=True)
    (test,) = life.changes(source_ref="3", tense=Tense.TEST)

    assert unlocated.area == "UNKNOWN"
    assert (generated.groups, test.groups) == ((), ())
    assert Quality.POLICE_GENERATED in generated.quality
    assert Quality.NOT_ACTUAL in test.quality


def test_a_later_tick_goes_to_every_partition_and_an_earlier_or_repeated_one_nowhere() -> None:
    life = Life()
    at = NOON + 5_000

    first = life.stage.apply(Record(0, at, tick(at, simulated=False)))
    again = life.stage.apply(Record(1, at, tick(at, simulated=False)))
    early = life.stage.apply(Record(2, at, tick(at - 5_000, simulated=False)))

    assert [output.partition for output in first] == [0, 1]
    assert again == early == []


def test_a_clock_that_runs_ahead_does_not_move_ours_nor_does_a_simulated_tick_in_live_operation() -> None:
    life = Life()

    ahead = life.stage.apply(Record(0, NOON, tick(NOON + 5_001, simulated=False)))
    simulated = life.stage.apply(Record(1, NOON, tick(NOON + 1_000)))
    right = life.stage.apply(Record(2, NOON, tick(NOON + 5_000, simulated=False)))

    assert ahead == simulated == []
    assert len(right) == 2

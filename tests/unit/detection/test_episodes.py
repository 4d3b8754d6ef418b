"""The life of an episode, told hour by hour."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from streams.core.detection.episodes import Change, Decision, Episode, Reason, Verdict, advance
from streams.core.detection.localtime import HOUR_MS

THRESHOLD = 4.0
DAY = 24


@dataclass
class Story:
    episode: Episode | None = None
    hour: int = 0
    told: list[Decision] = field(default_factory=list)

    def score(self, score: float, *areas: str, hours: int = 1, ready: bool = True) -> Decision:
        for _ in range(hours):
            self.hour += 1
            verdict = Verdict(score=score, areas=frozenset(areas or ("A",)), ready=ready)
            self.episode, decision = advance(self.episode, verdict, self.hour * HOUR_MS, THRESHOLD)
            self.told.append(decision)
        return self.told[-1]


def test_it_opens_at_the_threshold_and_not_before() -> None:
    story = Story()

    assert story.score(3.99) == Decision(Change.NONE, Reason.BELOW)
    assert story.score(4.0) == Decision(Change.OPENED, Reason.FIRST, frozenset("A"))


def test_it_stays_open_through_a_dip_of_less_than_a_day() -> None:
    story = Story()
    story.score(5.0)

    assert story.score(1.0, hours=23) == Decision(Change.NONE, Reason.FADING)
    assert story.score(3.4) == Decision(Change.NONE, Reason.UNCHANGED)
    assert story.score(1.0, hours=23).change is Change.NONE


def test_it_ends_after_a_day_below() -> None:
    story = Story()
    story.score(5.0)

    assert story.score(3.2, hours=24) == Decision(Change.ENDED, Reason.FELL_BELOW)
    assert story.episode is None
    assert story.score(4.5).change is Change.OPENED


def test_it_escalates_when_the_score_rises_by_three_and_again_by_three_more() -> None:
    story = Story()
    story.score(5.0)

    assert story.score(7.9).change is Change.NONE
    assert story.score(8.0) == Decision(Change.ESCALATED, Reason.ESCALATED)
    assert story.score(10.9).change is Change.NONE
    assert story.score(11.0).change is Change.ESCALATED


def test_an_area_that_joins_is_told_once() -> None:
    story = Story()
    story.score(5.0, "A")

    assert story.score(5.5, "A", "B") == Decision(Change.UPDATED, Reason.NEW_AREA, frozenset("B"))
    assert story.score(5.5, "B").change is Change.NONE
    assert story.episode is not None
    assert story.episode.areas == {"A", "B"}


def test_a_level_that_never_falls_ends_after_eight_weeks_and_does_not_open_again() -> None:
    story = Story()

    story.score(6.0, hours=200 * DAY)

    changes = [decision for decision in story.told if decision.change is not Change.NONE]
    assert [(each.change, each.reason) for each in changes] == [
        (Change.OPENED, Reason.FIRST),
        (Change.ENDED, Reason.LEVEL_SHIFT),
    ]
    assert story.told.index(changes[1]) == 56 * DAY


def test_after_a_level_shift_it_opens_again_once_it_has_been_quiet() -> None:
    story = Story()
    story.score(6.0, hours=60 * DAY)

    assert story.score(1.0, hours=24).change is Change.NONE
    assert story.score(6.0).change is Change.OPENED


def test_an_area_that_is_not_ready_opens_nothing_and_keeps_nothing_open() -> None:
    story = Story()

    assert story.score(9.0, ready=False) == Decision(Change.NONE, Reason.NOT_READY)
    story.score(9.0)
    assert story.score(9.0, hours=24, ready=False) == Decision(Change.ENDED, Reason.NOT_READY)


@given(scores=st.lists(st.floats(-2.0, 15.0), max_size=400))
def test_openings_and_endings_alternate(scores: list[float]) -> None:
    story = Story()
    for score in scores:
        story.score(score)

    changes = [each.change for each in story.told if each.change in {Change.OPENED, Change.ENDED}]
    assert changes == [Change.OPENED, Change.ENDED] * (len(changes) // 2) + [Change.OPENED] * (len(changes) % 2)

"""What a guarded source takes away at once is held; what people say of it decides, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import MINUTE, NOON, PlainPlaces, notification, tick

from consumers.desk.feed import KEY, Word, order
from schemas.events import DAY, ERASURE, Change, Counted, Incident, Kind, Quality
from schemas.wire import Wire
from streams.core.enrich import Enrich, RawNotification
from streams.core.guard import SETTLING, Guard
from streams.core.revisions import LEAST
from streams.core.stage import Output, Record
from streams.journal import decode_row, encode_row

WIRE = Wire.builtin()
LATER = NOON + 3 * DAY
MANY = LEAST + 1
SETTLED = LATER + SETTLING + MINUTE


def told(**given: object) -> RawNotification:
    return RawNotification(notification(**given), b"bytes", b"key", None)


def answer(word: Word, source: str = "met.cad") -> RawNotification:
    """A person's answer as it comes from the topic."""
    value = WIRE.encode_notification(order(word, source, "sergeant", LATER))
    return RawNotification(*WIRE.decode_notification(KEY, value), KEY, value)


class Feed:
    """One guarded stage and the counts that its outputs mean; it may be restarted between any two records."""

    def __init__(self, *, guarded: bool = True, restarts: bool = False) -> None:
        self.guarded, self.restarts = guarded, restarts
        self.stage = self.made()
        self.offset = 0
        self.rows: dict[str, object] = {}
        self.counted: dict[str, list[Counted]] = {}
        self.outputs: list[Output] = []

    def made(self) -> Enrich:
        guard = Guard(["met.cad"] if self.guarded else [])
        return Enrich(0, PlainPlaces(), enriched_partitions=2, tick_period=None, guard=guard)

    def tell(self, value: RawNotification, at: int = LATER) -> list[Incident]:
        outputs = self.stage.apply(Record(self.offset, at, value))
        self.offset += 1
        self.outputs += outputs
        found = [each.value for each in outputs if isinstance(each.value, Incident)]
        assert len({each.origin_index for each in found}) == len(found)
        for each in found:
            self.count(each)
        if self.restarts:
            self.restart()
        return [each for each in found if each.change != Change.HEARTBEAT]

    def count(self, incident: Incident) -> None:
        """Subtract what was, add what is: a subtraction of what is not there is an error."""
        here = self.counted.setdefault(incident.incident_id, [])
        if incident.was is not None:
            here.remove(incident.was)
        if incident.change in {Change.ADDED, Change.AMENDED}:
            here.append(Counted(incident.area, incident.ward, incident.groups, incident.hour, incident.victims))

    def restart(self) -> None:
        for key, value in self.stage.dirty():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = decode_row(encode_row(value))
        marker, self.stage = self.stage.marker(), self.made()
        self.stage.restore(dict(self.rows), marker)  # type: ignore[arg-type]  # rows as they were written

    def report(self, number: int) -> None:
        for each in range(number):
            self.tell(told(source_ref=str(each)), NOON + MINUTE)

    def lose(self, number: int, revision: int = 2) -> list[Incident]:
        lost = []
        for each in range(number):
            lost += self.tell(told(source_ref=str(each), revision=revision, kind=Kind.UPDATED, area_code=None))
        return lost

    def settle(self, at: int = SETTLED) -> list[Incident]:
        return self.tell(tick(at), at)

    @property
    def there(self) -> int:
        return sum(each.area != "UNKNOWN" for counted in self.counted.values() for each in counted)


@pytest.mark.parametrize("restarts", [False, True])
class TestMass:
    @pytest.fixture
    def feed(self, restarts: bool) -> Feed:
        feed = Feed(restarts=restarts)
        feed.report(MANY)
        feed.tell(tick(LATER - MINUTE), LATER - MINUTE)
        assert feed.lose(MANY) == []
        return feed

    def test_a_mass_loss_is_held_and_every_incident_says_so(self, feed: Feed) -> None:
        held = feed.settle()

        assert len(held) == MANY
        assert {each.quality[-1] for each in held} == {Quality.REVISION_HELD}
        assert feed.there == MANY
        assert feed.settle(SETTLED + DAY) == []

    def test_released_it_is_what_the_source_says(self, feed: Feed) -> None:
        feed.settle()

        feed.tell(answer("release"))

        assert feed.there == 0
        assert feed.tell(answer("release")) == []

    def test_refused_it_is_as_it_was_and_a_repeat_is_a_repeat(self, feed: Feed) -> None:
        feed.settle()

        refused = feed.tell(answer("refuse"))

        assert {each.quality[-1] for each in refused} == {Quality.REVISION_REFUSED}
        assert feed.there == MANY
        assert feed.lose(MANY) == []
        assert feed.settle(SETTLED + DAY) == []

    def test_what_the_source_takes_back_itself_is_no_longer_held(self, feed: Feed) -> None:
        feed.settle()

        for each in range(MANY):
            feed.tell(told(source_ref=str(each), revision=3, kind=Kind.UPDATED))

        assert feed.there == MANY
        assert feed.tell(answer("release")) == []
        assert not any("parked" in key or key.startswith("guard|") for key in feed.rows)

    def test_taken_back_before_it_settled_nothing_was_told(self, feed: Feed) -> None:
        for each in range(MANY):
            feed.tell(told(source_ref=str(each), revision=3, kind=Kind.UPDATED))

        assert feed.settle() == []

    def test_what_comes_soon_after_a_hold_is_held_with_it(self, feed: Feed) -> None:
        feed.settle()
        feed.tell(told(source_ref="one more"), NOON + MINUTE)
        at = SETTLED + MINUTE
        feed.tell(told(source_ref="one more", revision=2, kind=Kind.CANCELLED), at)

        (held,) = feed.settle(at + SETTLING)

        assert held.quality[-1] == Quality.REVISION_HELD

    def test_the_answer_about_another_source_changes_nothing(self, feed: Feed) -> None:
        feed.settle()

        assert feed.tell(answer("release", "las")) == []
        assert feed.there == MANY


def test_a_few_are_applied_when_they_settled_as_received_then() -> None:
    feed = Feed()
    feed.report(3)
    feed.tell(tick(LATER - MINUTE), LATER - MINUTE)
    assert feed.lose(2) == []
    assert feed.settle(LATER) == []

    late = feed.settle()

    assert feed.there == 1
    assert {each.received_at for each in late} == {LATER}
    assert {each.notification for each in late} == {b"bytes"}


def test_what_is_fresh_is_withdrawn_at_once() -> None:
    feed = Feed()
    feed.report(1)

    (withdrawn,) = feed.tell(told(source_ref="0", revision=2, kind=Kind.CANCELLED), NOON + DAY)

    assert withdrawn.change == Change.WITHDRAWN


def test_what_is_held_of_a_source_that_is_guarded_no_longer_is_applied_at_the_next_tick() -> None:
    feed = Feed(restarts=True)
    feed.report(MANY)
    feed.lose(MANY)
    feed.settle()
    assert feed.there == MANY

    feed.guarded = False
    feed.restart()
    feed.settle(SETTLED + MINUTE)

    assert feed.there == 0


def test_every_revision_that_was_parked_is_accounted_for() -> None:
    feed = Feed()
    feed.report(MANY)
    feed.lose(MANY)
    feed.tell(told(source_ref="0", revision=3, kind=Kind.UPDATED))
    feed.tell(told(source_ref="0", revision=4, kind=Kind.CANCELLED))
    feed.settle()
    feed.tell(told(source_ref="1", revision=3, kind=Kind.UPDATED))
    feed.tell(answer("release"))

    of = {outcome: many for (_, outcome), many in feed.stage.guard.tell().items()}

    assert of == {"parked": MANY + 1, "superseded": 1, "held": MANY, "taken_back": 1, "released": MANY - 1}


def test_a_partition_holds_from_its_share_of_the_limit() -> None:
    share = LEAST // 4
    guard = Guard(["met.cad"], partitions=4)
    for each in range(share):
        guard.park(f"met.cad|{each}", NOON)

    (few,) = guard.tick(NOON + SETTLING)
    for each in range(share + 1):
        guard.park(f"met.cad|{each}", NOON + DAY)
    (many,) = guard.tick(NOON + DAY + SETTLING)

    assert (few.held, len(few.incidents)) == (False, share)
    assert (many.held, len(many.incidents)) == (True, share + 1)


class Step(NamedTuple):
    """One revision of one incident, or a tick."""

    incident: int
    kind: Kind
    area: str | None


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 4),
        st.sampled_from([Kind.UPDATED, Kind.CANCELLED, Kind.REINSTATED, Kind.CLOSED, Kind.HEARTBEAT]),
        st.sampled_from(["A", "B", None]),
    ),
    max_size=25,
)


def play(feed: Feed, steps: Sequence[Step]) -> Feed:
    feed.report(3)
    for number, step in enumerate(steps):
        at = LATER + number * 7 * MINUTE
        if step.kind == Kind.HEARTBEAT:
            feed.tell(tick(at), at)
            continue
        content = step.kind == Kind.UPDATED
        feed.tell(
            told(
                source_ref=str(step.incident),
                revision=number + 2,
                kind=step.kind,
                area_code=step.area if content else None,
                category="violence_injury" if content else "",
                occurred_at=NOON if content else None,
            ),
            at,
        )
    return feed


def ends(feed: Feed) -> dict[str, Counted]:
    return {incident: counted[0] for incident, counted in feed.counted.items() if counted}


@given(STEPS)
def test_once_settled_a_small_feed_ends_as_without_guard(steps: list[Step]) -> None:
    guarded, unguarded = play(Feed(), steps), play(Feed(guarded=False), steps)

    guarded.settle(LATER + DAY)
    unguarded.settle(LATER + DAY)

    assert ends(guarded) == ends(unguarded)


@given(STEPS)
def test_restarted_after_every_record_it_tells_the_same(steps: list[Step]) -> None:
    through, restarted = play(Feed(), steps), play(Feed(restarts=True), steps)

    through.settle(LATER + DAY)
    restarted.settle(LATER + DAY)

    assert restarted.outputs == through.outputs


@given(STEPS)
def test_off_it_leaves_no_row_and_parks_nothing(steps: list[Step]) -> None:
    feed = play(Feed(guarded=False, restarts=True), steps)

    assert all("|" in key for key in feed.rows)
    assert feed.stage.guard.tell() == {}


def test_an_erasure_waits_for_nobody() -> None:
    feed = Feed()
    feed.report(2)
    feed.tell(told(source_ref="1", revision=2, kind=Kind.CANCELLED))
    bare = {"category": "", "area_code": None, "occurred_at": None, "scheme": ERASURE}

    gone = [
        each
        for number in range(2)
        for each in feed.tell(told(source_ref=str(number), revision=3, kind=Kind.CANCELLED, **bare))
    ]

    assert [each.change for each in gone] == [Change.WITHDRAWN] * 2
    assert feed.there == 0
    assert feed.settle() == []

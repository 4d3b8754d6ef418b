"""Publications of a real system of record that lost hundreds of places: held, counts stay, and people decide."""

from __future__ import annotations

import copy
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from regions.packs import PACKS
from support.files import real

from schemas.events import (
    DAY,
    DESK_SOURCE,
    UNKNOWN_AREA,
    AlertEvent,
    AlertKind,
    Change,
    Counted,
    Incident,
    Kind,
    Millis,
    Notification,
    Quality,
)
from streams.core.count import Count
from streams.core.detect import Detect
from streams.core.enrich import Enrich, RawNotification
from streams.core.guard import Guard
from streams.core.places import PackPlaces, plan_of, routes
from streams.core.stage import Output, Record
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile
from streams.ingest.reader import read
from streams.regions.loader import load
from streams.ticks import heartbeat

FILE = "philadelphia-shootings-revisions-2020-2025.csv.gz"
SOURCE = "philadelphia.shootings"
LOST = (dt.date(2021, 11, 30), dt.date(2023, 5, 5))
"""Days on which hundreds of incidents lost their places."""
PATIENCE = 14
"""Days that these wait for an answer; what is held on other days is released at once."""


@dataclass
class Told:
    """A first stage and what its outputs say is counted where."""

    enrich: Enrich
    counted: dict[str, list[Counted]] = field(default_factory=lambda: defaultdict(list))
    offset: int = 0

    def take(self, notification: Notification, at: Millis) -> list[Incident]:
        self.offset += 1
        outputs = self.enrich.apply(Record(self.offset, at, RawNotification(notification, b"", None, None)))
        found = [each.value for each in outputs if isinstance(each.value, Incident)]
        for each in found:
            if each.was is not None:
                self.counted[each.incident_id].remove(each.was)
            if each.change in {Change.ADDED, Change.AMENDED}:
                now = Counted(each.area, each.ward, each.groups, each.hour, each.victims)
                self.counted[each.incident_id].append(now)
        return found

    def places(self) -> dict[str, list[Counted]]:
        """Where each incident that has a place is counted."""
        return {each: counted for each, counted in self.counted.items() if counted and counted[0].area != UNKNOWN_AREA}

    def answer(self, word: str, at: Millis) -> list[Incident]:
        order = heartbeat(at)._replace(source=DESK_SOURCE, source_ref=SOURCE, category=word)
        assert order.kind == Kind.HEARTBEAT
        return self.take(order, at)


@dataclass
class Loss:
    """What was there before and after the tick of such a day, and what became of it."""

    before: set[str]
    after: set[str]
    without_guard: set[str]
    held: set[str]
    alarms: list[AlertEvent]
    released: dict[str, list[Counted]]
    published: dict[str, list[Counted]]
    refused: dict[str, list[Counted]]
    in_force: dict[str, list[Counted]]
    restored: tuple[dict[str, list[Counted]], dict[str, list[Counted]], set[str]] = ({}, {}, set())


def played(arrivals: Iterable[Arrival], pack: Path) -> dict[dt.date, Loss]:
    region = load(str(pack))

    def made(*sources: str) -> Told:
        return Told(Enrich(0, PackPlaces([region]), enriched_partitions=1, tick_period=None, guard=Guard(sources)))

    guarded, plain = made(SOURCE), made()
    count = Count(0, routes([region], {region.name: 0}), raw_partitions=1, inbox_partitions=1)
    detect = Detect([plan_of(region)], enriched_partitions=1, counts=False)
    offsets = [0, 0]

    def on(incidents: Iterable[Incident], at: Millis) -> list[AlertEvent]:
        outputs: list[Output] = []
        for incident in incidents:
            offsets[0] += 1
            for counted in count.apply(Record(offsets[0], at, incident)):
                offsets[1] += 1
                outputs += detect.apply(Record(offsets[1], at, counted.value))
        return [each.value for each in outputs if isinstance(each.value, AlertEvent)]

    losses: dict[dt.date, Loss] = {}
    days: dict[int, list[Arrival]] = defaultdict(list)
    for each in arrivals:
        days[each.known_at_ms // DAY].append(each)
    before: set[str] = set()
    last = max(LOST) + dt.timedelta(days=PATIENCE + 1)
    for day in range(min(days), max(days) + 1):
        date, clock = dt.datetime.fromtimestamp(day * DAY / 1000, dt.UTC).date(), (day + 1) * DAY
        if date > last:
            break
        for each in days[day]:
            on(guarded.take(each.notification, each.known_at_ms), each.known_at_ms)
            plain.take(each.notification, each.known_at_ms)
        plain.take(heartbeat(clock, simulated=True), clock)
        told = guarded.take(heartbeat(clock, simulated=True), clock)
        events = on(told, clock)
        held = {each.incident_id for each in told if Quality.REVISION_HELD in each.quality}
        if date in LOST:
            released, refused = copy.deepcopy(guarded), copy.deepcopy(guarded)
            released.answer("release", clock)
            refused.answer("refuse", clock)
            losses[date] = Loss(
                before,
                set(guarded.places()),
                set(plain.places()),
                held,
                [each for each in events if each.kind == AlertKind.DATA_ALARM],
                *copy.deepcopy((released.places(), plain.places(), refused.places(), guarded.places())),
            )
        waits = [each for each in losses if 0 <= (date - each).days < PATIENCE]
        ends = [each for each in losses if (date - each).days == PATIENCE]
        if ends:
            waiting = set(guarded.enrich.guard.waiting())
            losses[ends[0]].restored = (*copy.deepcopy((guarded.places(), plain.places())), waiting)
        if not waits:
            on(guarded.answer("release", clock), clock)
        before = set(guarded.places())
    return losses


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[dt.date, Loss]:
    file, pack = real(FILE), tmp_path_factory.mktemp("philadelphia") / "pack"
    PACKS["philadelphia"](file.parent, pack)
    arrivals = (each for each in read([file], load_profile("philadelphia-revisions")) if isinstance(each, Arrival))
    return played(arrivals, pack)


@pytest.mark.parametrize("day", LOST, ids=str)
class TestLoss:
    def test_the_counts_do_not_fall(self, losses: dict[dt.date, Loss], day: dt.date) -> None:
        loss = losses[day]

        assert len(loss.before - loss.without_guard) > 400
        assert loss.before <= loss.after

    def test_it_is_one_alarm_that_names_the_source_and_how_many(
        self, losses: dict[dt.date, Loss], day: dt.date
    ) -> None:
        (alarm,) = losses[day].alarms

        assert alarm.changed.startswith(f"{len(losses[day].held)} revisions of {SOURCE} ")
        assert losses[day].held.issuperset(alarm.incidents)
        assert alarm.incidents

    def test_released_it_is_the_publication_of_the_day(self, losses: dict[dt.date, Loss], day: dt.date) -> None:
        assert losses[day].released == losses[day].published

    def test_refused_all_is_counted_as_before(self, losses: dict[dt.date, Loss], day: dt.date) -> None:
        assert losses[day].refused == losses[day].in_force

    def test_what_the_source_took_back_is_as_published_and_waits_no_more(
        self, losses: dict[dt.date, Loss], day: dt.date
    ) -> None:
        guarded, published, waiting = losses[day].restored
        back = losses[day].held & published.keys()

        assert len(back) > 0.9 * len(losses[day].held)
        assert not back & waiting
        assert {each: guarded[each] for each in guarded.keys() - waiting} == published

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
PATIENCE = {
    dt.date(2021, 11, 30): dt.date(2022, 5, 7) - dt.date(2021, 11, 30),
    dt.date(2023, 5, 5): dt.date(2023, 5, 10) - dt.date(2023, 5, 5),
}
"""Days that lost hundreds of places, and how long an answer waits: the source puts most of them back the day before."""


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


class Line:
    """The stages behind a guarded first one, which is played beside an unguarded one, a tick a day."""

    def __init__(self, pack: Path) -> None:
        region = load(str(pack))
        self.guarded, self.plain = (
            Told(Enrich(0, PackPlaces([region]), enriched_partitions=1, tick_period=None, guard=Guard(sources)))
            for sources in ([SOURCE], [])
        )
        self._count = Count(0, routes([region], {region.name: 0}), raw_partitions=1, inbox_partitions=1)
        self._detect = Detect([plan_of(region)], enriched_partitions=1, counts=False)
        self._offsets = [0, 0]
        self._before: set[str] = set()
        self.losses: dict[dt.date, Loss] = {}

    def _on(self, incidents: Iterable[Incident], at: Millis) -> list[AlertEvent]:
        outputs: list[Output] = []
        for incident in incidents:
            self._offsets[0] += 1
            for counted in self._count.apply(Record(self._offsets[0], at, incident)):
                self._offsets[1] += 1
                outputs += self._detect.apply(Record(self._offsets[1], at, counted.value))
        return [each.value for each in outputs if isinstance(each.value, AlertEvent)]

    def day(self, date: dt.date, clock: Millis, arrivals: Iterable[Arrival]) -> None:
        """Publications of *date*, the tick after them, and what a person does then."""
        for each in arrivals:
            self._on(self.guarded.take(each.notification, each.known_at_ms), each.known_at_ms)
            self.plain.take(each.notification, each.known_at_ms)
        self.plain.take(heartbeat(clock, simulated=True), clock)
        told = self.guarded.take(heartbeat(clock, simulated=True), clock)
        alarms = [each for each in self._on(told, clock) if each.kind == AlertKind.DATA_ALARM]
        if date in PATIENCE:
            self.losses[date] = self._loss(told, alarms, clock)
        if not any(date - each < PATIENCE[each] for each in self.losses):
            self._on(self.guarded.answer("release", clock), clock)
        self._before = set(self.guarded.places())

    def _loss(self, told: Iterable[Incident], alarms: list[AlertEvent], clock: Millis) -> Loss:
        released, refused = copy.deepcopy(self.guarded), copy.deepcopy(self.guarded)
        released.answer("release", clock)
        refused.answer("refuse", clock)
        return Loss(
            self._before,
            set(self.guarded.places()),
            set(self.plain.places()),
            {each.incident_id for each in told if Quality.REVISION_HELD in each.quality},
            alarms,
            released.places(),
            copy.deepcopy(self.plain.places()),
            refused.places(),
            copy.deepcopy(self.guarded.places()),
        )

    def look(self, loss: Loss) -> None:
        """Keep what is counted after the source took its loss back."""
        waiting = set(self.guarded.enrich.guard.waiting())
        loss.restored = (*copy.deepcopy((self.guarded.places(), self.plain.places())), waiting)


def played(arrivals: Iterable[Arrival], pack: Path) -> dict[dt.date, Loss]:
    days: dict[dt.date, list[Arrival]] = defaultdict(list)
    for each in arrivals:
        days[dt.datetime.fromtimestamp(each.known_at_ms / 1000, dt.UTC).date()].append(each)
    line, date = Line(pack), min(days)
    while date <= max(lost + patience for lost, patience in PATIENCE.items()):
        for lost, loss in line.losses.items():
            if date - lost == PATIENCE[lost]:
                line.look(loss)
        after = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), dt.UTC)
        line.day(date, int(after.timestamp() * 1000), days[date])
        date += dt.timedelta(days=1)
    return line.losses


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[dt.date, Loss]:
    file, pack = real(FILE), tmp_path_factory.mktemp("philadelphia") / "pack"
    PACKS["philadelphia"](file.parent, pack)
    arrivals = (each for each in read([file], load_profile("philadelphia-revisions")) if isinstance(each, Arrival))
    return played(arrivals, pack)


@pytest.mark.parametrize("day", PATIENCE, ids=str)
class TestLoss:
    def test_the_counts_do_not_fall(self, losses: dict[dt.date, Loss], day: dt.date) -> None:
        loss = losses[day]

        assert len(loss.before - loss.without_guard) > 300
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

        assert len(back) > 250
        assert not back & waiting
        assert {each: guarded[each] for each in guarded.keys() - waiting} == published

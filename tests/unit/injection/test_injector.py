"""Which spikes are injected, what becomes of them, and that each is taken back, over a restart too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from support.alerts import area_count, opened
from support.examples import example

from consumers.injection.injector import Injector, Meter, Outcome, Result
from consumers.injection.spikes import CATEGORIES, Past, Plan, Size, Spike, chosen
from consumers.loop import Later, Record
from schemas.errors import UsageError
from schemas.events import HOUR, INJECTOR_SOURCE, Alert, AlertEvent, AreaCount, Kind, Notification
from schemas.wire import Wire
from streams.core.places import PackPlaces
from streams.core.taxonomy import Classification
from streams.regions.loader import load

WIRE = Wire.builtin()
SIZES = [Size.parse(each) for each in ("x2", "x3", "+5")]
PLAN = Plan(sizes=SIZES, every=2 * HOUR, over=HOUR, seed=7)
COUNTS = [
    area_count(area=area, group=group, expected=expected, state="NORMAL")
    for area, expected in (("A", 4.0), ("B", 0.2), ("C", 9.5))
    for group in ("robbery", "knife_crime")
]
NOW = 1_772_481_600_000


class Desk:
    """An injector with everything around it."""

    def __init__(self, file: Path | None = None) -> None:
        self.sent: list[Notification] = []
        self.outcomes: list[Outcome] = []
        self.now = NOW
        self.offset = 0
        self.away = False
        self.file = file
        self.injector = self.started()

    def started(self) -> Injector:
        return Injector(
            *(WIRE, self.send, lambda: self.now),
            patience=HOUR,
            draw=partial(chosen, PLAN),
            told=self.outcomes.append,
            levels=["borough"],
            file=self.file,
        )

    def send(self, notifications: Iterable[Notification]) -> None:
        if self.away:
            raise Later("away")
        self.sent += notifications

    def tell(self, *values: AreaCount | Alert | AlertEvent) -> None:
        for value in values:
            topic, key = _place(value)
            self.injector.take([Record(topic, 0, self.offset, self.now, key.encode(), WIRE.encode(value))])
            self.offset += 1

    def after(self, ms: int) -> None:
        self.now += ms
        self.injector.turn()

    @property
    def reports(self) -> list[str]:
        return [each.incident_id for each in self.sent if each.kind == Kind.REPORTED]

    @property
    def withdrawn(self) -> list[str]:
        return [each.incident_id for each in self.sent if each.kind == Kind.CANCELLED]

    def found(self) -> AlertEvent:
        return opened(alert_id="i", tense="INJECTION", incidents=tuple(self.reports[:1]))


def _place(value: AreaCount | Alert | AlertEvent) -> tuple[str, str]:
    if isinstance(value, AreaCount):
        return "areas.counts", f"{value.area}|{value.group}"
    return ("alerts.state" if isinstance(value, Alert) else "alerts.events"), value.alert_id


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.tell(*COUNTS)
    return made


def test_sizes_and_groups_take_turns_and_the_same_seed_draws_the_same_areas() -> None:
    drawn = [chosen(PLAN, Past(number, 0, []), COUNTS, NOW) for number in range(12)]
    spikes = [each for each in drawn if each is not None]

    assert [each.size for each in spikes] == ["x2", "x3", "+5"] * 4
    assert [each.group for each in spikes] == [*["knife_crime"] * 3, *["robbery"] * 3] * 2
    assert {each.area for each in spikes} == {"A", "B", "C"}
    assert drawn == [chosen(PLAN, Past(number, 0, []), reversed(COUNTS), NOW) for number in range(12)]
    for each in spikes:
        expected = {"A": 4.0, "B": 0.2, "C": 9.5}[each.area]
        assert each.incidents == {"x2": -(-expected // 1), "x3": -(-2 * expected // 1), "+5": 5}[each.size]


def test_no_spike_is_drawn_before_it_is_due_where_nothing_is_scored_or_in_a_group_that_is_busy() -> None:
    grey = [replace(each, state="GREY", expected=None) for each in COUNTS]
    alerted = [replace(each, state="ALERT") for each in COUNTS]
    others = [replace(each, group="homicide") for each in COUNTS]
    (busy,) = {chosen(PLAN, Past(0, 0, []), COUNTS, NOW)}
    assert busy is not None
    again = chosen(PLAN, Past(0, 0, [busy]), COUNTS, NOW)

    assert chosen(PLAN, Past(1, NOW - 2 * HOUR + 1, []), COUNTS, NOW) is None
    assert [chosen(PLAN, Past(0, 0, []), each, NOW) for each in (grey, alerted, others, [])] == [None] * 4
    assert again is not None
    assert again.group != busy.group


def test_a_group_is_left_alone_until_the_detector_saw_that_the_last_spike_is_gone() -> None:
    plan = replace(PLAN, rest=5_000)
    first = chosen(plan, Past(0, 0, []), COUNTS, NOW)
    assert first is not None
    ended = Past(0, 0, [], {first.group: NOW - 4_999})
    other = chosen(plan, ended, COUNTS, NOW)

    assert other is not None
    assert other.group != first.group
    assert chosen(plan, ended, COUNTS, NOW + 1) == msgspec.structs.replace(first, began=NOW + 1)


@pytest.mark.parametrize("text", ["2", "x1", "x0.5", "+0", "-5", "", "x", "+1000"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        Size.parse(text)


@pytest.mark.parametrize("group", CATEGORIES)
def test_the_category_of_a_group_counts_in_that_group_alone(group: str) -> None:
    spike = Spike(began=NOW, area="E09000012", group=group, size="+1", incidents=1, over=1)
    (notification,) = spike.reports(0, 1)

    answer = PackPlaces([load("london")]).classify("london", notification)

    assert isinstance(answer, Classification)
    assert answer.groups == (group,)


def test_incidents_are_sent_when_they_happen_labelled_and_in_their_area(desk: Desk) -> None:
    desk.injector.turn()
    first = len(desk.sent)
    desk.after(HOUR // 2)
    half = len(desk.sent)
    desk.after(HOUR // 2)

    spike = chosen(PLAN, Past(0, 0, []), COUNTS, NOW)
    assert spike is not None
    assert (first, len(desk.sent)) == (1, spike.incidents)
    assert first < half <= spike.incidents
    assert len(set(desk.reports)) == spike.incidents
    for each in desk.sent:
        assert (each.source, each.tense, each.area_code) == (INJECTOR_SOURCE, "INJECTION", spike.area)
        assert NOW <= (each.occurred_at or 0) <= desk.now


def test_a_spike_whose_alert_comes_is_found_with_its_delay_and_withdrawn(desk: Desk) -> None:
    desk.injector.turn()
    desk.now += 90_000
    desk.tell(opened(alert_id="other", tense="INJECTION", incidents=("firebreak.injector|1-A-robbery-0",)))
    desk.tell(opened(alert_id="real", tense="ACTUAL", incidents=tuple(desk.reports)))
    before = list(desk.outcomes)
    desk.tell(desk.found())

    (outcome,) = desk.outcomes
    assert before == []
    assert (outcome.result, outcome.delay_ms, outcome.alert_id) == (Result.FOUND, 90_000, "i")
    assert desk.withdrawn == desk.reports


def test_a_spike_without_an_alert_is_missed_and_withdrawn(desk: Desk) -> None:
    desk.injector.turn()
    desk.after(HOUR)
    desk.after(HOUR)

    assert [(each.result, each.delay_ms) for each in desk.outcomes] == [(Result.MISSED, None)]
    assert set(desk.withdrawn) <= set(desk.reports)
    assert len(desk.withdrawn) == desk.outcomes[0].spike.incidents


def test_a_spike_under_a_real_alert_is_masked_though_the_alert_ends(desk: Desk) -> None:
    desk.injector.turn()
    spike = chosen(PLAN, Past(0, 0, []), COUNTS, NOW)
    assert spike is not None
    real: Alert = replace(
        example("Alert.open"), tense="ACTUAL", group=spike.group, area=spike.area, areas=(spike.area,)
    )
    desk.tell(real, replace(real, status="ENDED"))
    desk.after(2 * HOUR)

    assert [each.result for each in desk.outcomes] == [Result.MASKED]


def test_what_is_under_way_goes_on_after_a_restart_and_nothing_begins_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data" / "injector.json")
    desk.tell(*COUNTS)
    desk.injector.turn()
    desk.injector = desk.started()
    desk.tell(*COUNTS)
    desk.injector.turn()

    desk.after(1)
    desk.tell(desk.found())

    assert len(desk.reports) == 1
    assert [each.result for each in desk.outcomes] == [Result.FOUND]
    assert desk.started()._kept.pending == []


def test_what_the_broker_does_not_take_is_sent_again(desk: Desk) -> None:
    desk.away = True
    with pytest.raises(Later):
        desk.injector.turn()
    desk.away = False

    desk.injector.turn()

    assert len(desk.reports) == 1


def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    file = tmp_path / "injector.json"
    file.write_bytes(b"{")

    with pytest.raises(UsageError, match=r"injector\.json"):
        Desk(file)


def test_every_outcome_is_a_metric_from_the_beginning() -> None:
    registry = CollectorRegistry()
    meter = Meter(registry, ["x2"])
    spike = Spike(began=NOW, area="A", group="robbery", size="x2", incidents=1, over=1)

    meter.began(NOW)
    meter.ended(Outcome(spike=spike, result=Result.FOUND, delay_ms=2_000))

    told = generate_latest(registry).decode()
    assert 'firebreak_injection_spikes_total{result="found",size="x2"} 1.0' in told
    assert 'firebreak_injection_spikes_total{result="missed",size="x2"} 0.0' in told
    assert 'firebreak_injection_delay_seconds_bucket{le="5.0"} 1.0' in told
    assert registry.get_sample_value("firebreak_injection_last_spike_timestamp_seconds") == NOW / 1000

"""The made-up London keeps to what is published, and never passes for the real one."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import shapely

from schemas.events import DAY, HOUR, Kind, Reason, Rejection, Tense
from schemas.wire import Wire
from streams.core.enrich import Enrich, RawNotification
from streams.core.geography import Region
from streams.core.places import PackPlaces
from streams.core.stage import Record
from streams.demo.rates import published_rates
from streams.demo.rhythm import Luck, shape
from streams.demo.world import Span, World
from streams.ingest.arrival import Arrival
from streams.regions.loader import load

MONDAY = 1_772_409_600_000
"""2026-03-02."""
WEEK = Span(start=MONDAY, history_days=4, live_days=6)


@cache
def london() -> Region:
    return load("london")


def world(seed: int, span: Span = WEEK, spikes: int = 2) -> World:
    return World(london(), published_rates(), span, spikes=spikes, rng=np.random.default_rng(seed))


@cache
def week() -> tuple[World, tuple[Arrival, ...]]:
    made = world(7)
    return made, tuple(made.arrivals())


def test_a_year_without_luck_gives_the_published_totals() -> None:
    made = world(1, Span(start=MONDAY, history_days=0, live_days=365), spikes=0)
    even = np.ones(len(made.town.areas))
    by_area: Counter[str] = Counter()
    by_category: Counter[str] = Counter()
    for day in range(made.span.start, made.span.end, DAY):
        for happening in made.happenings(day, even):
            by_area[made.town.areas[happening.area]] += 1
            by_category[made.town.categories[happening.category]] += 1

    published_by_area: Counter[str] = Counter()
    published_by_category: Counter[str] = Counter()
    for rate in published_rates():
        published_by_area[rate.area] += rate.incidents
        published_by_category[rate.category] += rate.incidents
    for drawn, published in ((by_area, published_by_area), (by_category, published_by_category)):
        for key, expected in published.items():
            # one part in a hundred: a year is not whole weeks, and ours is 365 days
            assert abs(drawn[key] - expected) < 5 * np.sqrt(expected) + 0.01 * expected, key


def test_luck_spreads_the_days_of_a_borough_as_published_counts_are_spread() -> None:
    luck = Luck(np.random.default_rng(3), ["A"] * 33)
    factors = np.array([luck.of_next_day() for _ in range(3000)])
    counts = np.random.default_rng(4).poisson(5.4 * factors)

    assert factors.mean() == pytest.approx(1.0, abs=0.01)
    assert counts.var() / counts.mean() == pytest.approx(1.17, abs=0.06)


def test_every_message_is_marked_as_made_up() -> None:
    _, arrivals = week()

    assert {arrival.notification.tense for arrival in arrivals} == {Tense.EXERCISE}
    assert all(arrival.notification.source.startswith("demo.") for arrival in arrivals)


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    made, arrivals = week()
    again = world(7)

    assert again.spikes == made.spikes
    assert tuple(again.arrivals()) == arrivals
    assert world(8).spikes != made.spikes


def test_messages_come_in_the_order_in_which_they_can_be_known() -> None:
    made, arrivals = week()

    assert all(one.known_at_ms <= other.known_at_ms for one, other in pairwise(arrivals))
    assert arrivals[0].known_at_ms >= made.span.start
    assert arrivals[-1].known_at_ms < made.span.end


def test_nothing_is_known_before_it_happened_and_was_sent() -> None:
    for known_at, notification in week()[1]:
        assert notification.occurred_at is not None
        assert notification.published_at is not None
        assert notification.occurred_at < notification.published_at < known_at


def test_a_reference_is_one_incident() -> None:
    first: dict[str, tuple[int | None, str]] = {}
    for _, notification in week()[1]:
        told = (notification.occurred_at, notification.source)
        assert first.setdefault(notification.source_ref, told) == told


def test_a_revision_is_one_message_however_often_it_comes() -> None:
    said: defaultdict[tuple[str, int], set[object]] = defaultdict(set)
    for _, notification in week()[1]:
        said[notification.incident_id, notification.revision].add(notification)
    repeats = len(week()[1]) - len(said)

    assert all(len(messages) == 1 for messages in said.values())
    assert 0.005 < repeats / len(said) < 0.02


def test_half_are_told_within_four_minutes_and_some_of_the_rest_days_later() -> None:
    made = world(9, Span(start=MONDAY, history_days=30, live_days=0), spikes=0)
    delays: defaultdict[bool, list[float]] = defaultdict(list)
    for _, notification in made.arrivals():
        if notification.kind == Kind.REPORTED and notification.occurred_at is not None:
            late_kind = notification.category in {"sexual", "stalking_harassment"}
            delays[late_kind].append(((notification.published_at or 0) - notification.occurred_at) / 60_000)

    prompt = np.array(delays[False])
    assert np.median(prompt) == pytest.approx(3.5, abs=0.2)
    assert np.quantile(prompt, 0.9) < 15.0
    late = np.array(delays[True])
    # of a month of reports: those that will come after it are missing
    assert 0.15 < (late > 7 * 60).mean() < 0.27


def test_a_message_in_ten_corrects_one_before() -> None:
    kinds = Counter(arrival.notification.kind for arrival in week()[1])

    corrections = sum(number for kind, number in kinds.items() if kind != Kind.REPORTED)
    assert 0.08 < corrections / kinds[Kind.REPORTED] < 0.19
    assert {Kind.UPDATED, Kind.RECLASSIFIED, Kind.CANCELLED, Kind.REINSTATED} < kinds.keys()


def test_places_lie_within_their_borough() -> None:
    town = week()[0].town

    for area, places in zip(town.areas, town.places, strict=True):
        assert shapely.contains_xy(shapely.buffer(london().boundaries[area], 2e-5), places).all(), area


def test_enrich_refuses_nothing_but_what_was_overtaken() -> None:
    stage = Enrich(
        0, PackPlaces([london()]), enriched_partitions=1, tick_period=None, counted=frozenset({Tense.EXERCISE})
    )
    wire = Wire.builtin()
    refused: Counter[str] = Counter()
    arrivals = week()[1]
    for offset, (known_at, notification) in enumerate(arrivals):
        key, value = notification.incident_id.encode(), wire.encode_notification(notification)
        read, body = wire.decode_notification(key, value)
        for output in stage.apply(Record(offset, known_at, RawNotification(read, body, key, value))):
            if isinstance(output.value, Rejection):
                refused[output.value.reason] += 1

    assert refused.keys() <= {Reason.REVISION_BACKWARDS, Reason.CANCEL_BEFORE_REPORT}
    assert 0 < sum(refused.values()) < 0.02 * len(arrivals)
    assert stage.duplicates > 0


def test_what_a_spike_adds_is_counted_in_its_group_and_area() -> None:
    made = world(11, Span(start=MONDAY, history_days=0, live_days=20), spikes=5)
    even = np.ones(len(made.town.areas))
    row = {area: index for index, area in enumerate(made.town.areas)}
    times = 40
    for spike in made.spikes:
        usual = made.town.hourly(spike.group)[row[spike.area]].sum()
        hours = (spike.end - spike.onset) // HOUR
        expected = times * spike.factor * usual * shape(spike.onset, hours, made.town.zone).sum()
        days = range(spike.onset - spike.onset % DAY, spike.end, DAY)
        drawn = sum(
            spike.onset <= happening.occurred_at < spike.end
            and happening.area == row[spike.area]
            and counts_in(spike.group, made.town.categories[happening.category], happening.knife, happening.domestic)
            for _ in range(times)
            for day in days
            for happening in made.happenings(day, even)
        )
        assert abs(drawn - expected) < 5 * np.sqrt(expected), spike


def counts_in(group: str, category: str, knife: bool, domestic: bool) -> bool:
    taxonomy = london().taxonomy
    found = taxonomy.classify("firebreak", category, knife, None, domestic)
    return group in getattr(found, "groups", ())

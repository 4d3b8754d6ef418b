"""Whatever the order of arrival, the partitions, the batching and the restarts: the counts are those of a batch."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import MINUTE, NOON, PlainPlaces, raw, tick

from schemas.events import HOUR, HourCount, Incident, Kind
from streams.core.count import Count, RegionRoute
from streams.core.enrich import Enrich, RawNotification
from streams.core.pipeline import Pipeline
from streams.core.stage import OLDER_ROWS, Output, Record, Stage

ROUTES = {"R": RegionRoute("borough", "ward", 0)}


def notifications() -> st.SearchStrategy[list[RawNotification]]:
    """Histories of a few incidents: any order, repeats, moves, reclassifications, withdrawals, reinstatements."""
    one = st.builds(
        raw,
        kind=st.sampled_from(
            [Kind.REPORTED, Kind.UPDATED, Kind.RECLASSIFIED, Kind.CANCELLED, Kind.REINSTATED, Kind.MERGED, Kind.CLOSED]
        ),
        source_ref=st.sampled_from("12345"),
        revision=st.integers(1, 6),
        area_code=st.sampled_from(["A", "A/1", "A/2", "B", "B/1", None]),
        category=st.sampled_from(["knife_crime", "robbery", "knife_crime+robbery"]),
        victims=st.sampled_from([None, 1, 3]),
        occurred_at=st.sampled_from([NOON - 30 * HOUR, NOON - HOUR, NOON]),
    )
    return st.lists(one, max_size=40)


def batch_oracle(history: list[RawNotification]) -> Counter[tuple[str, str, str, int]]:
    """Sort by revision of what could be taken in, let the last with content decide; count it. No incremental step."""
    seen: dict[str, list[RawNotification]] = {}
    for each in history:
        kept = seen.setdefault(each.notification.source_ref, [])
        if not kept or each.notification.revision > kept[-1].notification.revision:
            kept.append(each)
    counts: Counter[tuple[str, str, str, int]] = Counter()
    for kept in seen.values():
        stands, content = False, None
        for each in kept:
            kind = each.notification.kind
            if kind in (Kind.CANCELLED, Kind.MERGED):
                stands = False
            elif kind != Kind.CLOSED:
                stands, content = True, each.notification
        if stands and content is not None and content.area_code:
            hour = (content.occurred_at or 0) // HOUR * HOUR
            for group in content.category.split("+"):
                area = content.area_code.split("/")[0]
                counts["borough", area, group, hour] += 1
                if "/" in content.area_code:
                    counts["ward", content.area_code, group, hour] += 1
    return counts


class Latest:
    """The last absolute value of every cell, and the sequence of all that was sent to the inbox."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[str, str, str, int]] = Counter()
        self.clocked: dict[tuple[int, Any], int] = {}

    def __call__(self, output: Output) -> None:
        value = output.value
        if isinstance(value, HourCount) and value.level:
            self.cells[value.level, value.area, value.group, value.hour] = value.incidents
            cell = (value.clock, (value.level, value.area, value.group, value.hour))
            assert cell not in self.clocked, "a cell is sent at most once a tick"
            self.clocked[cell] = value.incidents


class Deaf:
    """A stage that does nothing."""

    row_format = 0
    older_rows = OLDER_ROWS

    def apply(self, record: Record) -> list[Output]:
        assert record.value is not None
        return []


def run(history: list[RawNotification], partitions: tuple[int, int], every: int) -> Latest:
    raws, enriched = partitions
    latest = Latest()
    pipeline = Pipeline(
        [Enrich(p, PlainPlaces(), enriched_partitions=enriched, tick_period=None) for p in range(raws)],
        [Count(q, ROUTES, raw_partitions=raws, inbox_partitions=1) for q in range(enriched)],
        [Deaf()],  # type: ignore[list-item]  # its state is never asked for
        route=lambda key, n: zlib.crc32(key.encode()) % n,
        sink=latest,
    )
    for index, each in enumerate(history):
        pipeline.notify(each, NOON + index)
        if index % every == every - 1:
            pipeline.tick(tick(NOON + index * MINUTE), NOON + index)
    pipeline.tick(tick(NOON + len(history) * MINUTE + 1), NOON + len(history))
    return latest


@given(notifications(), st.tuples(st.integers(1, 4), st.integers(1, 3)), st.integers(1, 7))
@settings(max_examples=200)
def test_counts_equal_those_of_a_batch_over_the_log(
    history: list[RawNotification], partitions: tuple[int, int], every: int
) -> None:
    latest = run(history, partitions, every)

    assert +latest.cells == batch_oracle(history)


@given(notifications(), st.tuples(st.integers(1, 4), st.integers(1, 3)), st.integers(1, 7))
@settings(max_examples=100)
def test_what_is_sent_at_a_tick_does_not_depend_on_the_number_of_partitions(
    history: list[RawNotification], partitions: tuple[int, int], every: int
) -> None:
    assert run(history, partitions, every).clocked == run(history, (1, 1), every).clocked


class Restarting:
    """A stage that dies before every *n*-th record and goes on from rows and marker of its last cut."""

    def __init__(self, make: Any, lose: list[bool]) -> None:
        self._make = make
        self._lose = iter(lose)
        self._log: list[Record] = []
        self._rows: dict[str, Any] = {}
        self._marker: Any = None
        self._next = 0
        self._stage: Stage = make()

    def apply(self, record: Record) -> list[Output]:
        self._log.append(record)
        if next(self._lose, False):
            self._stage = self._make()
            self._stage.restore(dict(self._rows), self._marker)
            for again in self._log[self._next : -1]:
                assert not list(self._stage.apply(again)), "what was cut is never sent again"
        outputs = list(self._stage.apply(record))
        for key, value in self._stage.dirty():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=tuple)
        self._marker = self._stage.marker()
        self._next = self._stage.resume_at(record.offset + 1)
        return outputs


@given(notifications(), st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.lists(st.booleans(), min_size=40))
@settings(max_examples=300)
def test_a_stage_restored_from_its_rows_goes_on_as_if_it_had_not_died(
    history: list[RawNotification], lose: list[bool], every: int, skew: list[bool]
) -> None:
    raws = 2

    def once(wrap: Any) -> tuple[Latest, list[Incident]]:
        latest, sent = Latest(), []

        def sink(output: Output) -> None:
            latest(output)
            if isinstance(output.value, Incident):
                sent.append(output.value)

        pipeline = Pipeline(
            [wrap(lambda p=p: Enrich(p, PlainPlaces(), enriched_partitions=1, tick_period=None)) for p in range(raws)],
            [wrap(lambda: Count(0, ROUTES, raw_partitions=raws, inbox_partitions=1))],
            [Deaf()],  # type: ignore[list-item]  # its state is never asked for
            route=lambda key, n: zlib.crc32(key.encode()) % n,
            sink=sink,
        )
        for index, each in enumerate(history):
            pipeline.notify(each, NOON + index)
            if index % every == every - 1:
                pipeline.tick(tick(NOON + index * MINUTE), NOON + index, only=int(skew[index]))
        pipeline.tick(tick(NOON + len(history) * MINUTE + 1), NOON + len(history))
        return latest, sent

    undisturbed, restarted = once(lambda make: make()), once(lambda make: Restarting(make, lose))

    assert restarted[0].clocked == undisturbed[0].clocked
    assert restarted[1] == undisturbed[1]

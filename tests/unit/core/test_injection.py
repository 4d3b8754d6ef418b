"""Injected spikes are found or not beside what is real, say so once, and what is real never knows of them."""

from __future__ import annotations

import copy
from functools import cache
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st
from support.towns import AREAS, START, Town, count, detect, spiked

from schemas.events import DAY, HOUR, AlertEvent, AlertKind, Contribution, HourCount, Millis, Tick
from streams.core.detect import Detect
from streams.core.stage import Output, Record, Row, RowValue

SPIKE = 24


def quiet() -> Town:
    """A quiet town that has learnt what is normal."""
    return copy.deepcopy(_quiet())


@cache
def _quiet() -> Town:
    town = Town(detect())
    town.hours(70 * 24)
    return town


def injected(area: str, hour: Millis, incidents: int, clock: Millis, group: str = "knife_crime") -> HourCount:
    named = tuple(Contribution(f"firebreak.injector|{area}{hour}-{k}", hour + 1, ()) for k in range(min(incidents, 16)))
    return count(area, hour, incidents, clock, tense="INJECTION", contributions=named, group=group)


def inject(town: Town, area: str, incidents: int, hours: int = 4) -> None:
    """A spike in the last *hours* of the town."""
    for back in range(1, hours + 1):
        town.feed(injected(area, town.now - back * HOUR, incidents // hours, town.now))


def told(outputs: list[Output]) -> list[AlertEvent]:
    events = [each.value for each in outputs if isinstance(each.value, AlertEvent)]
    return [event for event in events if event.tense == "INJECTION"]


def test_an_injected_spike_is_told_once_by_an_event_that_says_what_it_is() -> None:
    town = quiet()
    before = len(town.outputs)

    inject(town, "C", SPIKE)
    town.hours(48)

    (event,) = told(town.outputs)
    assert (event.kind, event.area, event.tense) == (AlertKind.OPENED, "C", "INJECTION")
    assert event.opened_at == event.clock == START + 70 * DAY + HOUR
    assert event.observed >= SPIKE
    assert event.expected < SPIKE / 4
    assert event.incidents
    assert {incident.split("|")[0] for incident in event.incidents} == {"firebreak.injector"}
    assert [each.topic for each in town.outputs[before:] if event.alert_id in (each.key, str(each.value))] == [
        "alerts.events"
    ]
    assert town.stage.alerts() == []


def test_an_injected_spike_that_is_too_small_says_nothing() -> None:
    town = quiet()

    inject(town, "C", 1, hours=1)
    town.hours(12)

    assert told(town.outputs) == []


def test_a_spike_under_a_real_alert_is_masked_even_after_the_alert_has_ended() -> None:
    town = spiked()

    inject(town, "C", SPIKE)
    town.hours(8 * 24)

    assert told(town.outputs) == []


def test_another_spike_in_the_same_place_is_told_once_the_first_is_withdrawn() -> None:
    town = quiet()
    inject(town, "C", SPIKE)
    town.hours(2)
    for back in range(3, 7):
        town.feed(injected("C", town.now - back * HOUR, 0, town.now))
    town.hours(2)

    withdrawn = _rows({}, town.stage)
    inject(town, "C", SPIKE)
    town.hours(2)

    assert not [key for key in withdrawn if key.startswith(("injected|", "judged|"))]
    first, second = told(town.outputs)
    assert first.alert_id != second.alert_id


def test_a_restart_neither_loses_a_spike_nor_tells_it_again() -> None:
    town = quiet()
    rows = _rows({}, town.stage)
    inject(town, "C", 4)
    inject(town, "A", SPIKE)
    town.hours(2)
    rows = _rows(rows, town.stage)
    heir = detect()
    heir.restore(dict(rows), town.stage.marker())
    again = Town(heir, seed=2)
    again.now, again.offset, again.rng = town.now, town.offset, copy.deepcopy(town.rng)

    for each in (town, again):
        inject(each, "C", SPIKE)
        each.hours(24)

    assert len(told(town.outputs)) == 1
    assert again.outputs == town.outputs[-len(again.outputs) :]
    assert _rows(dict(rows), heir) == _rows(dict(rows), town.stage)


def test_injected_hours_are_forgotten_when_no_window_reaches_them() -> None:
    town = quiet()
    inject(town, "C", SPIKE)
    town.hours(2)
    rows = _rows({}, town.stage)
    kept = {key for key in rows if key.startswith(("injected", "judged"))}

    town.hours(10 * 24)

    assert len(kept) == 5
    assert not kept & _rows(rows, town.stage).keys()


def test_injections_where_nothing_was_ever_counted_or_is_known_do_nothing() -> None:
    stage = detect()
    values: list[object] = [
        injected("C", START, SPIKE, START + HOUR),
        injected("nowhere", START, SPIKE, START + HOUR),
        injected("C", START, SPIKE, START + HOUR, group="homicide"),
        injected("C", START, SPIKE, START + HOUR, group="no_group"),
        Tick(0, START + HOUR),
    ]

    outputs = list(chain.from_iterable(stage.apply(Record(n, START, value)) for n, value in enumerate(values)))

    assert [each.key for each in outputs] == ["heartbeat|R"]


spikes = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(AREAS), st.integers(-30, 0), st.integers(0, 30)), max_size=30
)


@given(spikes, st.sampled_from([None, "C"]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_what_is_real_is_the_same_to_the_byte_whatever_is_injected(
    spikes: list[tuple[int, str, int, int]], rises: str | None, restarts: bool
) -> None:
    without = _play([], rises, restarts=restarts)
    with_them = _play(spikes, rises, restarts=restarts)

    outputs = [each for each in with_them[0] if getattr(each.value, "tense", "") != "INJECTION"]
    rows = {key: value for key, value in with_them[1].items() if not key.startswith(("injected|", "judged|"))}
    assert repr(outputs) == repr(without[0])
    assert repr(sorted(rows.items())) == repr(sorted(without[1].items()))


def _play(
    spikes: list[tuple[int, str, int, int]], rises: str | None, *, restarts: bool
) -> tuple[list[Output], dict[str, RowValue]]:
    """Forty hours of the quiet town (with a real rise in an area) and *spikes*; a restart in the middle."""
    town = quiet()
    town.outputs.clear()
    rows = _rows({}, town.stage)
    for step in range(40):
        at = town.offset = 1_000_000 + step * 1_000
        for number, (when, area, back, incidents) in enumerate(spikes):
            if when == step:
                town.offset = at + number
                town.feed(injected(area, town.now + back * HOUR, incidents, town.now + HOUR))
        town.offset = at + 500
        town.hours(1, {rises: 1} if rises and step > 10 else None)
        if restarts and step == 20:
            rows = _rows(rows, town.stage)
            heir = detect()
            heir.restore(dict(rows), town.stage.marker())
            town.stage = heir
    return town.outputs, dict(_rows(rows, town.stage))


def _rows(rows: dict[str, RowValue], stage: Detect) -> dict[str, RowValue]:
    for row in stage.dirty():
        _put(rows, row)
    return rows


def _put(rows: dict[str, RowValue], row: Row) -> None:
    if row.value is None:
        rows.pop(row.key, None)
    else:
        rows[row.key] = row.value

"""The board shows what matters first, and the view says it in words."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType
from support.alerts import ONSET, area_count, opened

from schemas.events import AlertEvent, AlertKind, AlertReason, AreaCount, AreaState
from schemas.wire import Wire
from streams.demo.board import Board
from streams.demo.view import View, no_marking

WIRE = Wire.builtin()


def board(*values: AreaCount | AlertEvent, region: str = "") -> Board:
    made = Board(WIRE.area_count.decode, WIRE.alert_event.decode, region)
    for value in values:
        if isinstance(value, AlertEvent):
            made.see_event(WIRE.encode(value))
        else:
            key = f"heartbeat|{value.region}" if value.group == "heartbeat" else f"{value.area}|{value.group}"
            made.see_count(key.encode(), WIRE.encode(value))
    return made


def shown(what: RenderableType, width: int = 120) -> str:
    console = Console(width=width, file=StringIO(), record=True)
    console.print(what)
    return console.export_text()


def view() -> View:
    return View({"B": "Barnet", "C": "Camden"}, "Europe/London", no_marking)


def test_alerts_come_first_then_what_is_farthest_above_expectation() -> None:
    counts = board(
        area_count(area="quiet", incidents_24h=5, expected=5.0),
        area_count(area="busy", incidents_24h=12, expected=5.0),
        area_count(area="grey", expected=None, state=AreaState.GREY),
        area_count(area="alerted", incidents_24h=6, expected=5.0, state=AreaState.ALERT),
        area_count(area="watched", incidents_24h=4, expected=5.0, state=AreaState.WATCH),
    ).counts(4)

    assert [count.area for count in counts] == ["alerted", "watched", "busy", "quiet"]


def test_a_newer_count_takes_the_place_of_an_older() -> None:
    counts = board(area_count(incidents_24h=1), area_count(incidents_24h=2)).counts(9)

    assert [count.incidents_24h for count in counts] == [2]


def test_the_clock_is_that_of_the_slowest_region() -> None:
    beats = [area_count(region=region, group="heartbeat", as_of=at) for region, at in (("a", 7), ("b", 5), ("a", 9))]

    assert board().standing().clock is None
    assert board(*beats).standing().clock == 5
    assert board(*beats, region="a").standing().clock == 9


def test_an_alert_is_open_until_it_ends_or_is_retracted() -> None:
    first, second = opened(alert_id="1"), opened(alert_id="2")

    assert board(first, second).standing().open == 2
    assert board(first, second, opened(alert_id="1", kind=AlertKind.ENDED)).standing().open == 1
    assert board(first, opened(alert_id="1", kind=AlertKind.RETRACTED)).standing().open == 0


def test_what_people_do_is_not_on_the_board() -> None:
    assert board(opened(kind=AlertKind.ACKNOWLEDGED)).events(9) == []


def test_events_of_several_partitions_are_shown_newest_first() -> None:
    events = board(opened(clock=ONSET + 2), opened(clock=ONSET + 1), opened(clock=ONSET + 3)).events(2)

    assert [event.clock - ONSET for event in events] == [3, 2]


def test_only_the_region_asked_for_is_on_the_board() -> None:
    made = board(area_count(region="here"), area_count(region="there", area="X"), opened(region="there"), region="here")

    assert [count.region for count in made.counts(9)] == ["here"]
    assert made.events(9) == []


def test_the_table_names_areas_counts_and_states() -> None:
    text = shown(view().areas([area_count(area="B", group="knife_crime", incidents_24h=9, state=AreaState.ALERT)]))

    row = next(line for line in text.splitlines() if "Barnet" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "Barnet",
        "knife crime",
        "9",
        "5.0",
        "2–9",
        "30",
        "alert",
    ]


def test_what_can_t_be_told_is_not_called_quiet() -> None:
    grey = area_count(expected=None, lower=None, upper=None, state=AreaState.GREY, grey_reason="NEW")

    assert "new" in shown(view().areas([grey]))
    assert "normal  " not in shown(view().areas([grey])).splitlines()[3]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            opened(areas=("B",)),
            "opened       robbery in Barnet: 12 in 6 h, expected 2.0; by chance once in 90 days",
        ),
        (opened(chance_days=None), "expected 2.0\n"),
        (opened(areas=("B", "C", "D", "E")), "robbery in Barnet, Camden, D and 1 more"),
        (
            opened(group="homicide", reason=AlertReason.SENTINEL, expected=0.0),
            "homicide in Barnet: one is enough to tell",
        ),
        (opened(kind=AlertKind.DEESCALATED), "de-escalated robbery"),
    ],
)
def test_an_alert_is_one_line(event: AlertEvent, words: str) -> None:
    text = "\n".join(line.rstrip() for line in shown(view().alerts([event])).splitlines()) + "\n"

    assert words in text
    assert text.count("\n") == 1


def test_times_are_local() -> None:
    # 2026-07-01T12:00Z is one in the afternoon in London
    assert view().time(1_782_907_200_000) == "Wed 01 Jul 13:00"


def test_the_whole_screen_says_when_nothing_has_happened() -> None:
    assert "none so far" in shown(view().board([], [], "head", "foot"))

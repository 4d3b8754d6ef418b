"""No reader of the public topics shows or counts what was injected; the notifier's part is among its policy's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from support import toytown
from support.alerts import opened
from support.enriching import enriched
from support.examples import example

from consumers.archive.keeper import TOPICS, Keeper
from consumers.archive.questions import Archive
from consumers.console import views
from consumers.console.state import World
from consumers.desk import board as desk
from consumers.loop import Place, Record
from consumers.observe.standing import Standing
from consumers.projection.tables import Arrived, Rows
from schemas.events import DAY, INJECTOR_SOURCE, Alert
from schemas.jsonform import alert_event_json
from schemas.settings import from_env
from schemas.wire import Wire
from streams.accountability.facts import _alerts, read_events
from streams.demo.board import Board
from streams.ingest.arrival import Arrival
from streams.regions.loader import load

WIRE = Wire.builtin()
REAL = opened(alert_id="real", tense="ACTUAL")
INJECTED = opened(alert_id="injected", tense="INJECTION")
OPEN: Alert = replace(example("Alert.open"), tense="ACTUAL")


def events() -> list[Record]:
    return [
        Record("alerts.events", 0, offset, 0, each.alert_id.encode(), WIRE.encode(each))
        for offset, each in enumerate((REAL, INJECTED))
    ]


def test_the_projector_keeps_no_event_of_an_injection() -> None:
    rows = Rows(WIRE, set())

    assert [row.key for each in events() for row in rows.of(each)] == [b"real|0-0"]


@pytest.mark.parametrize(("tense", "tables"), [("ACTUAL", ["sources", "feed"]), ("INJECTION", [])])
def test_the_projector_feeds_no_incident_that_was_injected(tense: str, tables: list[str], tmp_path: Path) -> None:
    (record,) = told(tense, tmp_path)

    assert [row.table for row in Rows(WIRE, set()).of(record)] == tables


def told(tense: str, folder: Path) -> list[Record]:
    """The first incident of the town, in that tense, as the first stage tells of it."""
    first = toytown.arrivals(1)[0]
    said = Arrival(first.known_at_ms, first.notification._replace(tense=tense))
    return list(enriched([said], load(str(toytown.write_pack(folder / "pack")))))


def test_the_archive_counts_no_injection_unless_it_is_asked_to(tmp_path: Path) -> None:
    topics = [from_env({}).catalogue()[each] for each in TOPICS]
    keeper = Keeper(tmp_path / "kept", topics, {}, every=60, now=lambda: 0.0, registry=CollectorRegistry())
    keeper.take(told("INJECTION", tmp_path))
    keeper.revoked([Place("incidents.enriched", 0)])
    archive, later = Archive(tmp_path / "kept"), toytown.START + 400 * DAY

    assert list(archive.hours(later)) == []
    assert sum(each.incidents for each in archive.hours(later, "INJECTION")) > 0


def test_a_report_counts_no_alert_of_an_injection(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text("".join(alert_event_json(each) + "\n" for each in (REAL, INJECTED)), "utf-8")

    assert _alerts(read_events(file))[0] == {REAL.area: 1}


def test_the_console_shows_neither_alert_nor_incident_of_an_injection() -> None:
    world = World(WIRE)
    for key, event in enumerate((REAL, INJECTED)):
        world.put("alerts.events", str(key).encode(), WIRE.encode(event))
    arrived = Arrived("s|1", "ADDED", 0, 0, "london", "B", "robbery", ("robbery",), 0, (), "ACTUAL")
    for each in (arrived, msgspec.structs.replace(arrived, incident="s|2", tense="INJECTION")):
        world.put("feed", each.incident.encode(), msgspec.json.encode(each))

    assert [each["incident"] for each in views.feed(world, "", "")] == ["s|1"]
    assert views.real(OPEN)
    assert not views.real(replace(OPEN, tense="INJECTION"))


def test_the_observer_counts_no_injected_alert_as_open_and_the_injector_is_no_source() -> None:
    standing = Standing()

    standing.alert(replace(OPEN, tense="INJECTION"))

    assert not standing.open_alerts()
    assert standing.unacknowledged_since() is None
    assert standing.heard(f"{INJECTOR_SOURCE}|1".encode(), 5) == ""
    assert not standing.sources


def test_the_desk_in_a_terminal_tells_no_event_of_an_injection(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> Iterator[Record]:
        return iter(events())

    monkeypatch.setattr(desk, "read", read)

    assert [each.alert_id for each in desk.events(from_env({}), WIRE)] == ["real"]


def test_the_live_board_shows_no_injection() -> None:
    board = Board(WIRE.area_count.decode, WIRE.alert_event.decode)

    shown = [board.see_event(record.value or b"") for record in events()]

    assert [None if each is None else each.alert_id for each in shown] == ["real", None]
    assert [each.alert_id for each in board.events(9)] == ["real"]

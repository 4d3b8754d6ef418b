"""The desk in a terminal, with a detector on a real Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.desk import DIVIDED, RunningDetector
from support.waiting import until

from consumers.desk.command import alerts_group
from consumers.reading import read
from schemas.errors import FirebreakError, UsageError
from schemas.settings import Settings


@pytest.fixture
def detector(own_topics: Callable[..., Settings], tmp_path: Path) -> Iterator[RunningDetector]:
    with RunningDetector(own_topics(**DIVIDED), tmp_path) as running:
        yield running


def desk(detector: RunningDetector, *arguments: str, expect: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(alerts_group, arguments, env=detector.environ)
    if expect is None:
        assert result.exit_code == 0, result.output + repr(result.exception)
    else:
        assert isinstance(result.exception, expect)
    return result


def audited(detector: RunningDetector) -> list[dict[str, Any]]:
    topic = detector.settings.catalogue()["audit"]
    return [json.loads(record.value or b"") for record in read(detector.settings, topic)]


def test_an_alert_is_worked_from_the_terminal_and_each_answer_is_that_of_the_log(detector: RunningDetector) -> None:
    detector.homicides("A", "met|1", "las|7")
    alert = detector.alert("A")
    short, ana = alert.alert_id[:8], ("--as", "ana", "--wait", "120")

    listed = desk(detector, "list").output
    acked = desk(detector, "ack", short, "--severity", "CRITICAL", *ana).output
    again = desk(detector, "ack", short, "--severity", "WATCH", *ana, expect=FirebreakError)
    desk(detector, "assign", short, "lead", *ana)
    desk(detector, "note", short, "called the borough", *ana)
    linked = desk(detector, "link", short, "met|1", "las|7", *ana).output
    closed = json.loads(desk(detector, "close", short, "--outcome", "real", "--action", "visit", *ana, "--json").output)
    shown = desk(detector, "show", short).output

    assert "homicide" in listed
    assert "Borough A" in listed
    assert "acknowledged by ana" in acked
    assert "it is CRITICAL now, WATCH was seen" in str(again.exception)
    assert "one event" in linked
    assert [event["kind"] for event in closed["events"]] == ["CLOSED"]
    assert "closed as real, visit" in shown
    assert "called the borough" in shown
    assert "count      1 in" in shown
    entries = audited(detector)
    assert [(entry["what"], entry["done"]) for entry in entries] == [
        ("ACKNOWLEDGE", True),
        ("ACKNOWLEDGE", False),
        *((kind, True) for kind in ("ASSIGN", "NOTE", "LINK", "CLOSE")),
    ]
    assert {entry["actor"] for entry in entries} == {"ana"}


def test_a_silence_is_previewed_made_named_and_ended(detector: RunningDetector) -> None:
    detector.homicides("A", "met|1")
    detector.alert("A")
    where = ("--region", "toytown", "--area", "A", "--group", "homicide", "--for", "2h", "--reason", "trial")
    waiting = ("--as", "ana", "--wait", "120")

    previewed = desk(detector, "silence", *where, "--preview").output
    nothing = desk(detector, "silences").output
    made = desk(detector, "silence", *where, *waiting).output
    (silence,) = json.loads(desk(detector, "silences", "--json").output)
    detector.homicides("A", "met|1", "met|2")
    until(lambda: [event for event in detector.events() if event.kind == "UPDATED"])
    desk(detector, "unsilence", silence["silence_id"], "--region", "toytown", *waiting)
    desk(detector, "plan", *where, *waiting)
    (planned,) = json.loads(desk(detector, "silences", "--json").output)

    assert "would have hidden 1 alert, 1 event" in previewed
    assert "nothing is silenced" in nothing
    assert "covers 1 open alert" in made
    assert (silence["area"], silence["author"], silence["reason"]) == ("A", "ana", "trial")
    assert [event.silenced_by for event in detector.events() if event.kind == "UPDATED"] == [silence["silence_id"]]
    assert (planned["planned"], planned["reason"]) == (True, "trial")


def test_an_unknown_alert_is_one_clear_line(detector: RunningDetector) -> None:
    result = desk(detector, "ack", "nothing", expect=UsageError)

    assert "no alert with an id that begins with nothing" in str(result.exception)

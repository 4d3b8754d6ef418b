"""What the observer tells the detector: each turn of a source once to each region, until it was taken."""

from __future__ import annotations

from consumers.commands import Unsent
from consumers.observe.arrivals import HOUR, WEEK
from consumers.observe.findings import EVERY, Findings
from consumers.observe.standing import Standing
from schemas.events import Command, CommandKind

MONDAY = 1_767_571_200_000
"""5 January 2026, 00:00 UTC."""
MINUTE = 60_000
END = MONDAY + 2 * WEEK * HOUR


def standing(*regions: str) -> Standing:
    """Two weeks in which a source sends every five minutes."""
    made = Standing()
    for at in range(MONDAY, END, 5 * MINUTE):
        made.heard(b"police|1", at)
    made.clock.update(dict.fromkeys(regions or ("R",), END))
    return made


def kinds(commands: list[Command]) -> list[tuple[str, str]]:
    return [(each.kind, each.body) for each in commands]


def test_a_source_that_falls_silent_and_comes_back_is_told_once_each() -> None:
    sent: list[Command] = []
    now, findings = standing(), Findings(sent.append)
    for minute in range(0, 4 * 60, 1):
        findings.look(now, END + minute * MINUTE)
    now.heard(b"police|2", END + 4 * HOUR)
    for minute in range(10):
        findings.look(now, END + 4 * HOUR + minute * MINUTE)

    assert kinds(sent) == [
        (CommandKind.FEED_BACK, "police"),
        (CommandKind.FEED_SILENT, "police"),
        (CommandKind.FEED_BACK, "police"),
    ]
    assert len({each.command_id for each in sent}) == 3


def test_every_region_that_is_heard_of_is_told() -> None:
    sent: list[Command] = []

    Findings(sent.append).look(standing("R", "S"), END + 6 * HOUR)

    assert [(each.region, each.kind) for each in sent] == [
        ("R", CommandKind.FEED_SILENT),
        ("S", CommandKind.FEED_SILENT),
    ]


def test_what_the_broker_does_not_take_is_told_again_with_the_same_id() -> None:
    tried: list[Command] = []

    def refuse_once(command: Command) -> None:
        tried.append(command)
        if len(tried) == 1:
            raise Unsent("no broker")

    now, findings = standing(), Findings(refuse_once)
    for look in range(3):
        findings.look(now, END + 6 * HOUR + look * EVERY)

    assert len(tried) == 2
    assert tried[0].command_id == tried[1].command_id


def test_two_observers_find_the_same() -> None:
    sent: list[Command] = []
    for _ in range(2):
        Findings(sent.append).look(standing(), END + 6 * HOUR)

    assert sent[0].command_id == sent[1].command_id

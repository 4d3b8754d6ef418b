"""``firebreak notify``: a file of routes checked, and tried on past alerts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.alerts import ONSET, opened
from support.commands import ROOT
from support.sinks import SECRET, mail_sink

from consumers.notify.command import notify
from schemas.errors import FirebreakError, UsageError
from schemas.events import HOUR, AlertEvent, AlertKind
from schemas.jsonform import alert_event_json

ROUTES = """
version: 1
channels:
  mail: {kind: email, server: "SERVER", security: plain, sender: f@x.org}
people:
  ana: {channel: mail, address: ana@x.org}
  ben: {channel: mail, address: ben@x.org}
routes:
  - {name: day, to: [ana], when: "07:00-23:00", escalate: [{after: 30m, to: [ben]}]}
  - {name: night, to: [ben], severity: CRITICAL, when: "23:00-07:00"}
"""


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES.replace("SERVER", "127.0.0.1:9"), "utf-8")
    return path


def told(*arguments: object, fails: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(notify, [str(each) for each in arguments])
    if fails is None:
        assert result.exit_code == 0, repr(result.exception)
    else:
        assert isinstance(result.exception, fails)
    return result


def past(folder: Path, *events: AlertEvent) -> Path:
    path = folder / "alerts.jsonl"
    path.write_text("".join(alert_event_json(event) + "\n" for event in events), "utf-8")
    return path


def story() -> list[AlertEvent]:
    """An evening alert in Hackney that nobody acknowledges, updated, ended; another at night; an injection."""
    first = opened(area="E09000012", areas=("E09000012",), tense="ACTUAL", clock=ONSET, opened_at=ONSET)
    again = replace(first, event_id="e2", kind=AlertKind.UPDATED, clock=ONSET + HOUR, observed=14)
    night = replace(first, event_id="e3", alert_id="n", clock=ONSET + 4 * HOUR, severity="CRITICAL")
    injected = replace(first, event_id="e4", alert_id="i", clock=ONSET + 5 * HOUR, tense="INJECTION")
    over = replace(first, event_id="e5", kind=AlertKind.ENDED, clock=ONSET + 20 * HOUR)
    return [first, again, night, injected, over]


def test_check_names_the_hours_in_which_nobody_is_told(routes: Path) -> None:
    said = told("check", routes).output

    assert "nobody is told: ALERT in 33 of 33 borough areas of london in 56 hours of the week" in said
    assert "CRITICAL" not in said
    assert "2 routes, 2 recipients, 1 channels" in said


def test_check_says_when_nothing_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text("{version: 1, channels: {c: {kind: console}}, routes: [{name: a, to: [c]}]}", "utf-8")

    assert "somebody is told of every alert at every hour" in told("check", path).output


def test_check_finds_an_area_that_no_pack_has(routes: Path) -> None:
    routes.write_text(routes.read_text("utf-8").replace("name: day,", "name: day, areas: [E99],"), "utf-8")

    assert "no region pack has an area E99" in str(told("check", routes, fails=UsageError).exception)


def test_dry_run_tells_who_would_have_been_told_and_why(routes: Path, tmp_path: Path) -> None:
    lines = past(tmp_path, *story())

    told_ = [json.loads(line) for line in told("dry-run", routes, "--events", lines, "--json").output.splitlines()]

    assert [(each["at"], each["decision"], each["recipient"], each["why"]) for each in told_] == [
        ("2026-03-02T20:00:00.000Z", "TOLD", "mail:ana@x.org", "FIRST"),
        ("2026-03-02T20:30:00.000Z", "TOLD", "mail:ben@x.org", "UNACKNOWLEDGED"),
        ("2026-03-02T21:00:00.000Z", "TOLD", "mail:ana@x.org", "UPDATED"),
        ("2026-03-02T21:00:00.000Z", "TOLD", "mail:ben@x.org", "UPDATED"),
        ("2026-03-03T00:00:00.000Z", "TOLD", "mail:ben@x.org", "FIRST"),
        ("2026-03-03T01:00:00.000Z", "LEFT", "", "NOT_ACTUAL"),
        ("2026-03-03T16:00:00.000Z", "TOLD", "mail:ana@x.org", "ENDED"),
        ("2026-03-03T16:00:00.000Z", "TOLD", "mail:ben@x.org", "ENDED"),
    ]
    assert told_[0]["first_line"].startswith("ALERT Hackney: robbery 12 in 6 h")


def test_dry_run_sums_up_by_duty_day(routes: Path, tmp_path: Path) -> None:
    said = told("dry-run", routes, "--events", past(tmp_path, *story())).output

    assert "2 duty days with messages, 2 alerts told, 7 messages" in said
    assert "the busiest: 2026-03-02, 5 messages about 2 alerts" in said


@pytest.mark.parametrize(("line", "why"), [("nonsense", "line 1: no alert event"), ("{}", "event_id is missing")])
def test_a_bad_line_of_past_alerts_is_named(routes: Path, tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line + "\n", "utf-8")

    assert why in str(told("dry-run", routes, "--events", tmp_path / "bad.jsonl", fails=UsageError).exception)


def test_a_test_message_goes_out_as_an_exercise(routes: Path) -> None:
    with mail_sink() as mail:
        routes.write_text(ROUTES.replace("SERVER", mail.address), "utf-8")

        said = told("test", routes, "ana").output

    assert said == "sent to ana by mail\n"
    assert mail.arrived[0].whole["Subject"].startswith("EXERCISE WATCH")


def test_a_test_message_that_does_not_arrive_says_why(routes: Path) -> None:
    assert "did not arrive: mail server 127.0.0.1" in str(told("test", routes, "ana", fails=FirebreakError).exception)
    assert "names no 'eve'" in str(told("test", routes, "eve", fails=UsageError).exception)


def test_what_is_shipped_tells_the_log_of_everything() -> None:
    said = told("check", ROOT / "deploy" / "notify" / "routes.yaml").output

    assert "somebody is told of every alert at every hour" in said


def test_the_example_of_the_page_is_a_good_file(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "desk.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "routes.yaml").write_text(example, "utf-8")
    (tmp_path / "mail.password").write_text("secret", "utf-8")
    (tmp_path / "hub.secret").write_text(SECRET, "utf-8")

    said = told("check", tmp_path / "routes.yaml").output

    assert "3 routes, 5 recipients, 3 channels" in said

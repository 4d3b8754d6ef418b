"""The notifier killed with SIGKILL at each of its steps: nobody is missed, nobody is told twice unmarked."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.chaos_notifier import STEPS
from support.notifying import NotifierRun, alert, law_broken, routes, settled
from support.sinks import MailSink, WebSink, mail_sink, web_sink
from support.waiting import until

from schemas.events import AlertKind
from schemas.settings import Settings

POINTS = int(os.environ.get("POINTS", "0"))
RECIPIENTS = ("mail:ana@example.org", "hub")
EACH = 6
"""Alerts opened while one notifier lives."""
PLACED = [("restored", 1), ("begin", 2), ("commit", 1), ("commit", 3), ("committed", 2), ("send", 1), ("send", 5)]
PLACED += [("sent", 1), ("sent", 4)]


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as sink:
        yield sink


@pytest.fixture
def run(own_topics: Callable[..., Settings], tmp_path: Path, mail: MailSink, web: WebSink) -> Iterator[NotifierRun]:
    running = NotifierRun(own_topics(), tmp_path, routes(tmp_path, mail, web))
    yield running
    running.close()


def points() -> list[tuple[str, int]]:
    if not POINTS:
        return PLACED
    chance = random.Random(POINTS)
    return [(step, 1 if step == "restored" else chance.randint(1, 6)) for step in chance.choices(STEPS, k=POINTS)]


def test_killed_at_any_step_nobody_is_missed_and_repeats_say_so(run: NotifierRun, mail: MailSink, web: WebSink) -> None:
    kills = 0
    for life, (step, nth) in enumerate(points()):
        process = run.start(chaos=f"{step}:{nth}")
        run.send(alert(f"a{life}x{number}") for number in range(EACH))
        if life:
            run.send(alert(f"a{life - 1}x{number}", AlertKind.RETRACTED) for number in range(0, EACH, 2))
        until(lambda process=process, life=life: process.poll() is not None or _all_told(life, mail, web))  # type: ignore[misc]  # bound
        kills += process.poll() is not None
        process.kill()
        process.wait()

    run.start()
    settled(run, (mail.arrived, web.arrived), RECIPIENTS)

    arrived = [*mail.arrived, *web.arrived]
    repeats = [one for one in arrived if one.repeat]
    assert law_broken(run.sent, arrived, RECIPIENTS) == []
    assert web.forged == 0
    assert kills >= len(points()) * 2 // 3, "most lives ended at the step that was asked for"
    _tell(kills, len(arrived), len(repeats))


def _all_told(life: int, mail: MailSink, web: WebSink) -> bool:
    last = {f"a{life}x{number}" for number in range(EACH)}
    return all(last <= {one.delivery_id.split("|")[0] for one in sink.arrived} for sink in (mail, web))


def _tell(kills: int, messages: int, repeats: int) -> None:
    path = os.environ.get("NOTIFIER_KILLS_OUT")
    if path:
        Path(path).write_text(json.dumps({"kills": kills, "messages": messages, "repeats": repeats}) + "\n", "utf-8")


def test_killed_while_the_mail_server_has_the_message_the_repeat_is_marked(
    run: NotifierRun, mail: MailSink, web: WebSink
) -> None:
    process = run.start()
    mail.on_data = lambda _one: process.kill()

    run.send([alert("a")])
    process.wait(120)
    mail.on_data = lambda _one: None
    run.start()
    until(lambda: len(mail.arrived) == 2)

    assert [one.repeat for one in mail.arrived] == [False, True]
    first, again = (one.whole for one in mail.arrived)
    assert first["Message-ID"] == again["Message-ID"]
    assert again["Subject"].startswith("REPEAT ")
    assert "may have reached you before" in again.get_content()

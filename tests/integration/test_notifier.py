"""The notifier as a process on a real Kafka, with a real mail server and a real web server."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.commands import run as firebreak
from support.notifying import NotifierRun, alert, law_broken, routes, settled
from support.ports import free_ports
from support.sinks import MailSink, WebSink, mail_sink, web_sink
from support.waiting import until

from schemas.events import AlertKind
from schemas.settings import Settings

RECIPIENTS = ("mail:ana@example.org", "hub")


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


def numbers(sink: MailSink | WebSink, alert_id: str) -> list[str]:
    return [one.delivery_id.split("|")[1] for one in sink.arrived if one.delivery_id.split("|")[0] == alert_id]


def test_an_alert_is_told_updated_and_taken_back_to_those_who_were_told(
    run: NotifierRun, mail: MailSink, web: WebSink
) -> None:
    run.start()
    run.send([alert("a"), alert("i", tense="INJECTION"), alert("x", tense="EXERCISE")])
    settled(run, (mail.arrived, web.arrived), ())
    until(lambda: len(mail.arrived) == len(web.arrived) == 2)
    run.send([alert("a", AlertKind.UPDATED, observed=14), alert("i", AlertKind.RETRACTED, tense="INJECTION")])
    until(lambda: numbers(mail, "a") == numbers(web, "a") == ["1", "2"])
    run.send([alert("a", AlertKind.RETRACTED)])
    until(lambda: numbers(mail, "a") == numbers(web, "a") == ["1", "2", "3"])

    subjects = [one.whole["Subject"] for one in mail.arrived if one.delivery_id.startswith("a|")]
    assert [subject.split(" B:")[0] for subject in subjects] == ["ALERT", "UPDATE ALERT", "RETRACTED"]
    assert numbers(mail, "i") == numbers(web, "i") == []
    assert [one.whole["Subject"].split()[0] for one in mail.arrived if one.delivery_id.startswith("x")] == ["EXERCISE"]
    statuses = [
        (each["alert_id"], each["status"], each["why"]) for each in run.reports() if each["status"] != "SENDING"
    ]
    assert ("i", "LEFT", "NOT_ACTUAL") in statuses
    assert statuses.count(("a", "SENT", "FIRST")) == 2
    assert statuses.index(("a", "INTENT", "FIRST")) < statuses.index(("a", "SENT", "FIRST"))


def test_a_dead_mail_server_a_hanging_web_server_and_a_429_hold_up_nobody_else(
    run: NotifierRun, mail: MailSink, web: WebSink, tmp_path: Path
) -> None:
    (nowhere,) = free_ports(1)
    text = run.routes.read_text("utf-8")
    extra = tmp_path / "told.jsonl"
    told = text.replace("channels:", f"channels:\n  book: {{kind: file, path: {extra.name}}}", 1)
    told = told.replace(
        "  mail:",
        f"  dead:\n    kind: email\n    server: 127.0.0.1:{nowhere}\n    security: plain\n    sender: f@x.org\n  mail:",
        1,
    )
    told = told.replace("people:", "people:\n  lost: {channel: dead, address: lost@x.org}", 1)
    told = told.replace("  - ana", "  - ana\n  - lost\n  - book", 1)
    run.routes.write_text(told, "utf-8")
    web.hang.set()

    run.start()
    run.send(alert(f"a{number}") for number in range(12))
    until(lambda: len(mail.arrived) == 12 and extra.is_file() and len(extra.read_text("utf-8").splitlines()) == 12)
    held_up = len(web.arrived)
    web.answers += [(429, {"retry-after": "1"})]
    web.hang.clear()
    web.let_go.set()
    until(lambda: {one.delivery_id.split("|")[0] for one in web.arrived} == {f"a{number}" for number in range(12)})

    assert held_up == 0
    assert law_broken(run.sent, [*mail.arrived, *web.arrived], RECIPIENTS) == []
    lost = [each for each in run.reports() if each["channel"] == "dead"]
    assert {each["status"] for each in lost} >= {"INTENT", "SENDING", "RETRY"}
    assert "SENT" not in {each["status"] for each in lost}


def test_one_that_was_frozen_is_replaced_and_tells_nobody_when_it_wakes(
    run: NotifierRun, mail: MailSink, web: WebSink
) -> None:
    frozen = run.start(instance="one")
    run.send([alert("a")])
    until(lambda: [each["status"] for each in run.reports()].count("SENT") == 2)
    run.start(instance="two")
    frozen.send_signal(signal.SIGSTOP)

    run.send([alert("b")])
    until(lambda: numbers(mail, "b") == numbers(web, "b") == ["1"])
    frozen.send_signal(signal.SIGCONT)
    run.send([alert("c"), alert("d")])
    settled(run, (mail.arrived, web.arrived), RECIPIENTS)

    assert not [one for one in (*mail.arrived, *web.arrived) if one.repeat]
    assert len(mail.arrived) == len(web.arrived) == 4


def test_a_notifier_that_stops_in_good_order_repeats_nothing(run: NotifierRun, mail: MailSink, web: WebSink) -> None:
    process = run.start()
    run.send(alert(f"a{number}") for number in range(30))
    until(lambda: len(mail.arrived) > 0)

    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    run.start()
    settled(run, (mail.arrived, web.arrived), RECIPIENTS)

    assert not [one for one in (*mail.arrived, *web.arrived) if one.repeat]


def test_what_happened_before_there_was_a_notifier_is_told_only_while_it_is_news(
    run: NotifierRun, mail: MailSink, web: WebSink
) -> None:
    run.send([alert("old", clock=alert("x").clock - 2 * 3_600_000), alert("new")])

    run.start()
    until(lambda: mail.arrived and web.arrived)

    assert {one.delivery_id.split("|")[0] for one in (*mail.arrived, *web.arrived)} == {"new"}


def test_a_missing_file_of_routes_is_one_clear_line(run: NotifierRun) -> None:
    environ = {"FIREBREAK_KAFKA_BROKERS": ",".join(run.settings.kafka.brokers)}

    without = firebreak("notifier", environ=environ)
    wrong = firebreak("notifier", environ={**environ, "FIREBREAK_ROUTES": str(run.folder / "none.yaml")})

    assert (without.returncode, wrong.returncode) == (2, 2)
    assert "set FIREBREAK_ROUTES" in without.stderr
    assert "can't be read" in wrong.stderr


def test_what_it_does_can_be_measured(run: NotifierRun, mail: MailSink, web: WebSink) -> None:
    (port,) = free_ports(1)
    run.start(metrics=f"127.0.0.1:{port}")
    run.send([alert("a"), alert("i", tense="INJECTION")])
    until(lambda: mail.arrived and web.arrived)

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return str(answer.read().decode())

    until(lambda: 'firebreak_notifications_total{channel="hub",outcome="sent"} 1.0' in page("/metrics"))
    told = page("/metrics")
    assert 'firebreak_notification_decisions_total{decision="left",reason="NOT_ACTUAL"} 1.0' in told
    assert 'firebreak_consumer_lag_records{consumer="notifier",topic="alerts.events"} 0.0' in told
    assert "firebreak_alerts_unacknowledged 1.0" in told
    assert 'firebreak_alerts_told_total{severity="ALERT"} 1.0' in told
    assert page("/readyz").startswith("200")


def test_past_messages_are_counted_by_duty_day(run: NotifierRun, mail: MailSink, web: WebSink) -> None:
    run.start()
    run.send([alert("a"), alert("b")])
    until(lambda: len(mail.arrived) == len(web.arrived) == 2)
    until(lambda: [each["status"] for each in run.reports()].count("SENT") == 4)
    environ = {
        "FIREBREAK_KAFKA_BROKERS": ",".join(run.settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": run.settings.topic_prefix,
    }

    (day,) = json.loads(firebreak("notify", "report", "--json", environ=environ).stdout)

    assert (day["alerts"], day["messages"], day["repeats"]) == (2, 4, 0)

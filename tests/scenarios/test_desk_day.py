"""
A day at the desk, through a real detector and a real notifier on a real Kafka, told hour by hour.

An alert is raised and told once; it grows worse; it is acknowledged; two calls turn out to be one event, the alert is
lowered and everybody who was told hears it; an incident is taken back; it is closed with outcome and action.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support.desk import DIVIDED, RunningDetector
from support.desk_day import Town
from support.notifying import NotifierRun, routes
from support.sinks import MailSink, WebSink, mail_sink, web_sink
from support.waiting import until

from consumers.desk.command import alerts_group
from consumers.reading import read
from schemas.events import Alert
from schemas.settings import Settings


@dataclass(slots=True)
class Desk:
    """What people do, and what reached them."""

    detector: RunningDetector
    mail: MailSink
    web: WebSink

    def does(self, *arguments: str) -> dict[str, Any]:
        """Give a command as ana; answer what came back through the log."""
        asked = [*arguments, "--as", "ana", "--wait", "120", "--json"]
        result = CliRunner().invoke(alerts_group, asked, env=self.detector.environ)
        assert result.exit_code == 0, repr(result.exception)
        told: dict[str, Any] = json.loads(result.output)
        return told

    def heard(self, messages: int) -> list[str]:
        """Subjects of the mails, once everybody has got so many messages."""
        until(lambda: len(self.mail.arrived) >= messages and len(self.web.arrived) >= messages)
        assert len(self.mail.arrived) == len(self.web.arrived) == messages
        return [one.whole["Subject"].split(" Borough C:")[0] for one in self.mail.arrived]

    @property
    def alert(self) -> Alert:
        """The alert of borough C."""
        return self.detector.alert("C")


@pytest.fixture
def notified(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> Iterator[tuple[RunningDetector, NotifierRun, MailSink, WebSink]]:
    settings = own_topics(**DIVIDED)
    with mail_sink() as mail, web_sink() as web, RunningDetector(settings, tmp_path) as detector:
        # the day is one of long ago: it shall be told as if it were news
        path = routes(tmp_path, mail, web, expires="9000d")
        told = yaml.safe_load(path.read_text("utf-8"))
        told["routes"][0]["severity"] = "ALERT"
        path.write_text(yaml.safe_dump(told), "utf-8")
        notifier = NotifierRun(settings, tmp_path, path, regions=detector.environ["FIREBREAK_REGIONS"])
        notifier.start()
        yield detector, notifier, mail, web
        notifier.close()


def test_a_day_at_the_desk(notified: tuple[RunningDetector, NotifierRun, MailSink, WebSink]) -> None:
    detector, notifier, mail, web = notified
    town, desk = Town(detector), Desk(detector, mail, web)
    town.quiet_weeks()

    town.robberies("las|1", "las|2", "met|3", "met|4", "met|5")
    town.robberies("met|6", "met|7", "met|8", "met|9", "met|10")
    assert desk.heard(1) == ["ALERT"]
    alert = desk.alert.alert_id
    desk.does("ack", alert, "--severity", "ALERT")
    assert desk.alert.status == "ACKNOWLEDGED"

    town.robberies("met|11", "met|12", "met|13")
    assert desk.heard(2)[-1] == "UPDATE CRITICAL"
    assert desk.alert.status == "OPEN", "a worse alert asks again"
    desk.does("ack", alert, "--severity", "CRITICAL")
    desk.does("assign", alert, "lead")

    linked = desk.does("link", alert, "las|1", "met|3")
    assert linked["events"][0]["kind"] == "LINKED"
    assert desk.heard(3)[-1] == "UPDATE ALERT"
    lowered = desk.alert
    assert "met|3" not in lowered.incidents

    town.taken_back("met|13")
    assert desk.heard(4)[-1] == "UPDATE ALERT"
    assert desk.alert.observed == lowered.observed - 1

    desk.does("close", alert, "--outcome", "real", "--action", "youth_work")
    assert desk.heard(5)[-1] == "CLOSED"
    assert "Closed by ana as real; action: youth work." in mail.arrived[-1].whole.get_content()
    assert (desk.alert.status, desk.alert.outcome, desk.alert.action) == ("CLOSED", "real", "youth_work")

    assert not [one for one in (*mail.arrived, *web.arrived) if one.repeat]
    audited = [json.loads(record.value or b"") for record in read(detector.settings, _audit(detector))]
    assert [entry["what"] for entry in audited] == ["ACKNOWLEDGE", "ACKNOWLEDGE", "ASSIGN", "LINK", "CLOSE"]
    assert (audited[3]["before"]["severity"], audited[3]["after"]["severity"]) == ("CRITICAL", "ALERT")
    assert [one["data"]["alerts"][0]["kind"] for _, one in web.posts] == [
        *("OPENED", "ESCALATED", "DEESCALATED", "UPDATED", "UPDATED")
    ]
    assert notifier.words() == "" or "Traceback" not in notifier.words()


def _audit(detector: RunningDetector) -> Any:
    return detector.settings.catalogue()["audit"]

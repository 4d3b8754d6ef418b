"""Alerts into a real Alertmanager, and our outward shape against its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.alerts import opened
from support.missing import missing
from support.ports import free_ports
from support.sinks import WebSink, web_sink
from support.waiting import until

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import What
from consumers.notify.channels.alertmanager import Alertmanager, AlertmanagerWebhook
from consumers.notify.channels.base import Delivered, Parcel
from consumers.notify.message import Composer, Subject
from schemas.events import HOUR

NAMES = ("alertmanager", "prometheus-alertmanager")


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as sink:
        yield sink


@pytest.fixture
def manager(tmp_path: Path, web: WebSink) -> Iterator[str]:
    """Address of an Alertmanager that tells *web* at once."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        missing(LookupError("no Alertmanager: apt-get install prometheus-alertmanager"))
    receiver = {"name": "web", "webhook_configs": [{"url": web.url, "send_resolved": True}]}
    route = {"receiver": "web", "group_by": ["alert_id"], "group_wait": "10ms", "group_interval": "100ms"}
    config = {"route": route, "receivers": [receiver]}
    (tmp_path / "am.yml").write_text(yaml.safe_dump(config), "utf-8")
    (port,) = free_ports(1)
    arguments = [
        *("--config.file", str(tmp_path / "am.yml"), "--storage.path", str(tmp_path / "data")),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    ]
    with (tmp_path / "am.log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/-/ready"), what=(tmp_path / "am.log").read_text("utf-8")[-2000:])
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - on loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def active(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v2/alerts") as answer:  # noqa: S310 - on loopback
        found: list[dict[str, Any]] = json.loads(answer.read())
    return found


def parcel(what: What, now: int) -> Parcel:
    event = opened(alert_id="3f9c2a7be1d04c55", tense="ACTUAL", opened_at=now - HOUR, clock=now)
    return Parcel(
        delivery_id="3f9c2a7be1d04c55|1|am",
        address="",
        subject=Subject(what=what, why="FIRST", event=event),
        composer=Composer(Gazetteer({}), "https://x/{alert_id}"),
        made_at=now,
        sent_at=now,
    )


def test_an_alertmanager_tells_of_our_alert_and_that_it_is_over(manager: str, web: WebSink) -> None:
    channel, now = Alertmanager(url=manager, keep=8 * HOUR), clock()

    first = channel.send(parcel(What.ORIGINAL, now))
    until(lambda: len(web.posts) == 1)
    again = channel.refresh([parcel(What.ORIGINAL, now).events[0]], parcel(What.ORIGINAL, now).composer, clock())
    held = active(manager)
    last = channel.send(parcel(What.END, clock()))
    until(lambda: web.posts[-1][1]["status"] == "resolved")

    assert (first, again, last) == (Delivered(),) * 3
    assert [alert["labels"]["alert_id"] for alert in held] == ["3f9c2a7be1d04c55"]
    assert [posted["status"] for _, posted in web.posts] == ["firing", "resolved"]


def test_our_outward_shape_is_that_of_alertmanagers_own_webhook(manager: str, web: WebSink) -> None:
    now = clock()
    for what, status in ((What.ORIGINAL, "firing"), (What.RETRACTION, "resolved")):
        Alertmanager(url=manager, keep=8 * HOUR).send(parcel(what, clock() if what is What.RETRACTION else now))
        until(lambda status=status: web.posts and web.posts[-1][1]["status"] == status)  # type: ignore[misc]  # bound
        theirs = web.posts[-1][1]

        AlertmanagerWebhook(url=web.url).send(parcel(what, now))
        ours = web.posts.pop()[1]

        assert set(ours) == set(theirs)
        assert set(ours["alerts"][0]) == set(theirs["alerts"][0])
        assert ours["status"] == theirs["status"] == ours["alerts"][0]["status"]
        assert ours["alerts"][0]["labels"] == theirs["alerts"][0]["labels"]
        assert ours["version"] == theirs["version"]


def clock() -> int:
    return time.time_ns() // 1_000_000

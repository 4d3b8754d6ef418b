"""
The day at the desk in a real browser: a detector and a notifier on a real Kafka, a mail server, Redis and the console.

An alert is raised and told once; it is acknowledged from the link in the mail; it grows worse and asks again; two
calls turn out to be one event, the alert is lowered and everybody who was told hears it; it is closed with outcome and
action, and found in the history.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect
from support.browser import NoBrowser, chromium
from support.commands import ROOT
from support.desk import DIVIDED, RunningDetector
from support.desk_day import Town
from support.missing import missing
from support.notifying import NotifierRun, routes
from support.ports import free_ports
from support.redis import RedisServer
from support.sinks import MailSink, mail_sink, web_sink
from support.waiting import until

from schemas.settings import Settings

PATIENCE = 60_000
"""Milliseconds."""


@contextmanager
def screens(environ: dict[str, str], redis: RedisServer, folder: Path) -> Iterator[str]:
    """Projector and console of a deployment; gives the console's address."""
    (port,) = free_ports(1)
    told = {**environ, "PATH": os.environ["PATH"], "FIREBREAK_REDIS_URL": redis.url}
    told["FIREBREAK_CONSOLE_BIND"] = f"127.0.0.1:{port}"
    running = []
    for command in ("projector", "console"):
        with (folder / f"{command}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "streams.cli", command], env=told, cwd=ROOT, stdout=log, stderr=log
                )
            )
    try:
        until(lambda: _ready(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in running:
            process.kill()
            process.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def heard(mail: MailSink, messages: int) -> str:
    """How the newest of so many mails begins."""
    until(lambda: len(mail.arrived) >= messages)
    assert len(mail.arrived) == messages
    return str(mail.arrived[-1].whole["Subject"]).split(" Borough C:")[0]


def linked(mail: MailSink) -> str:
    """Path of the alert's page, as the newest mail tells it."""
    found = re.search(r"https://desk\.example\.org(/alerts/\w+)", mail.arrived[-1].whole.get_content())
    assert found is not None
    return found[1]


def test_a_day_at_the_desk_on_the_screens(
    own_topics: Callable[..., Settings], redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = own_topics(**DIVIDED)
    with mail_sink() as mail, web_sink() as web, RunningDetector(settings, tmp_path) as detector:
        path = routes(tmp_path, mail, web, expires="9000d")
        told = yaml.safe_load(path.read_text("utf-8"))
        told["routes"][0]["severity"] = "ALERT"
        path.write_text(yaml.safe_dump(told), "utf-8")
        notifier = NotifierRun(settings, tmp_path, path, regions=detector.environ["FIREBREAK_REGIONS"])
        notifier.start()
        try:
            with screens(detector.environ, redis_server, tmp_path) as url, chromium() as browser:
                page = browser.new_page()
                page.set_default_timeout(PATIENCE)
                expect.set_options(timeout=PATIENCE)
                _day(Town(detector), mail, page, url)
        except NoBrowser as why:
            missing(why)
        finally:
            notifier.close()


def acknowledged(page: Page, address: str) -> None:
    """Acknowledge an alert from its page; what was mailed may be on the screens a moment later."""

    def asks() -> bool:
        page.goto(address)
        return page.get_by_role("button", name="Acknowledge").count() == 1

    until(asks)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#live-alert")).to_contain_text("acknowledged by local")


def _day(town: Town, mail: MailSink, page: Page, url: str) -> None:
    town.quiet_weeks()
    town.robberies("las|1", "las|2", "met|3", "met|4", "met|5")
    town.robberies("met|6", "met|7", "met|8", "met|9", "met|10")
    assert heard(mail, 1) == "ALERT"
    alert = linked(mail)

    acknowledged(page, f"{url}{alert}")

    town.robberies("met|11", "met|12", "met|13")
    assert heard(mail, 2) == "UPDATE CRITICAL"
    acknowledged(page, f"{url}{alert}")

    page.get_by_label("las 1", exact=True).check()
    page.get_by_label("met 3", exact=True).check()
    page.get_by_role("button", name="Link as one event").click()
    expect(page.get_by_role("status")).to_contain_text("done")
    assert heard(mail, 3) == "UPDATE ALERT"
    page.goto(f"{url}{alert}")
    expect(page.get_by_label("met 3", exact=True)).to_have_count(0)
    expect(page.locator("#live-told")).to_contain_text("ana@example.org by mail: update, sent")

    page.get_by_label("It was").select_option("real")
    page.get_by_label("What was done").select_option("youth_work")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#live-alert")).to_contain_text("closed as real, youth work")
    assert heard(mail, 4) == "CLOSED"
    page.goto(f"{url}/history?outcome=real")
    expect(page.locator(f'a[href="{alert}"]')).to_be_visible()


@pytest.fixture(autouse=True)
def _expectations() -> Iterator[None]:
    yield
    expect.set_options(timeout=5_000)

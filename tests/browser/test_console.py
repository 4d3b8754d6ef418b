"""The console in a real browser, fed by a run of the three stages: every page and action, judged and driven."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import THEMES, WIDTHS, NoBrowser, Seen, axe, chromium, look
from support.live import KILLED, LiveConsole
from support.missing import missing
from support.node import NoNode
from support.redis import NoRedis
from support.waiting import until

ROOT = Path(__file__).parents[2]
OUT = os.environ.get("BROWSER_OUT", "")
"""File for a line a page; with it, screenshots are made too."""
SHOTS = ROOT / "build" / "screenshots"
PAGES = {
    "now": "/",
    "areas": "/areas",
    "wards": "/areas?level=ward",
    "area": f"/areas/{KILLED[0]}",
    "feed": "/feed",
    "handover": "/handover",
    "silences": "/silences",
    "silence-preview": f"/silences?preview=1&region=london&area={KILLED[0]}",
    "quality": "/quality",
    "equity": "/equity",
    "notifications": "/notifications",
    "history": "/history",
    "review": "/review",
    "subscribe": "/subscribe",
    "wall": "/wall",
    "admin": "/admin",
    "missing": "/nowhere",
}
LARGEST_KB, SLOWEST_MS = 150, 200
PATIENCE = 30_000
"""Milliseconds."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsole]:
    try:
        with LiveConsole(tmp_path_factory.mktemp("live")) as console:
            console.calls()
            yield console
    except NoRedis as why:
        missing(why)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as made:
            yield made
    except NoBrowser as why:
        missing(why)


@pytest.fixture(scope="module")
def judge() -> str:
    try:
        return axe()
    except NoNode as why:
        missing(why)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    yield made
    context.close()


def alert_of(live: LiveConsole, area: str) -> str:
    return next(each.alert_id for each in live.alerts() if each.area == area)


def seen_pages(live: LiveConsole, browser: Browser, judge: str) -> Iterator[Seen]:
    pages = {**PAGES, "alert": f"/alerts/{alert_of(live, KILLED[2])}"}
    for name, path in pages.items():
        for width, theme in product(WIDTHS, THEMES) if OUT else zip(WIDTHS, reversed(THEMES), strict=True):
            yield look(browser, f"{live.url}{path}", name, width, theme, judge, SHOTS if OUT else None)


def test_every_page_is_without_violation_or_error_at_every_width_and_in_both_themes(
    live: LiveConsole, browser: Browser, judge: str
) -> None:
    seen = list(seen_pages(live, browser, judge))
    if OUT:
        Path(OUT).write_text("".join(f"{json.dumps(asdict(each))}\n" for each in seen), "utf-8")
    # a page that is not there is an error to the browser's console by itself
    wrong = [each for each in seen if each.violations or (each.console_errors and each.page != "missing")]
    assert not wrong, wrong
    assert not [each for each in seen if each.overflow > 0]
    assert not [each for each in seen if each.kb > LARGEST_KB]
    if OUT:
        # told by `make browser` on a machine of one's own; beside other tests a time says nothing
        assert sorted(each.ms for each in seen)[len(seen) // 2] <= SLOWEST_MS


def test_an_alert_is_acknowledged_noted_assigned_closed_and_found_in_history(live: LiveConsole, page: Page) -> None:
    alert = alert_of(live, KILLED[0])
    page.goto(f"{live.url}/")
    page.get_by_role("link", name="Homicide, Croydon").click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("done")
    expect(page.locator("#live-alert")).to_contain_text("acknowledged by local")
    page.get_by_label("Note").fill("rang the borough lead")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#live-timeline")).to_contain_text("rang the borough lead")
    page.get_by_label("Give it to").fill("ana")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("#live-alert")).to_contain_text("with ana")
    page.get_by_label("Snooze for").select_option("1h")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.locator("#live-alert")).to_contain_text("snoozed until")
    page.get_by_label("It was").select_option("real")
    page.get_by_label("What was done").select_option("youth_work")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#live-alert")).to_contain_text("closed as real, youth work")
    page.goto(f"{live.url}/history?outcome=real")
    expect(page.locator(f'a[href="/alerts/{alert}"]')).to_be_visible()
    page.goto(f"{live.url}/alerts/{alert}")
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("status")).to_contain_text("done")


def test_a_silence_is_previewed_made_and_ended(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/silences")
    page.locator("select[name=area]").select_option(KILLED[1])
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("status")).to_contain_text("it would have hidden 1 alert")
    page.get_by_label("Why; everybody reads it").fill("recording trial")
    page.get_by_role("button", name="Silence Lambeth").click()
    expect(page.locator("#live-hushes")).to_contain_text("recording trial")
    page.get_by_role("button", name="End now").click()
    expect(page.locator("#live-hushes")).not_to_contain_text("recording trial")
    page.locator("select[name=kind]").select_option("PLAN")
    page.get_by_role("button", name="Look").click()
    page.locator("select[name=for]").select_option("72h")
    page.get_by_label("Why; everybody reads it").fill("carnival")
    page.get_by_role("button", name="Announce all areas").click()
    expect(page.locator("#live-hushes")).to_contain_text("planned event")
    page.get_by_role("button", name="End now").click()
    expect(page.locator("#live-hushes")).not_to_contain_text("carnival")


def test_a_test_message_is_sent_and_what_became_of_it_is_told(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/notifications")
    page.get_by_label("Person or channel").fill("log")
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_role("status")).to_contain_text("sent to log", timeout=PATIENCE)
    assert "EXERCISE" in live.told.read_text("utf-8")


def test_history_is_a_table_for_a_spreadsheet_too(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/history")
    with page.expect_download() as download:
        page.get_by_role("button", name="As CSV").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0].startswith("alert,group,area,severity")
    assert len(lines) - 1 == len(live.alerts())


def test_what_changes_is_on_an_open_page_at_once_and_under_no_pointer(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/")
    expect(page.get_by_role("link", name="Homicide, Barnet")).to_have_count(0)
    live.ingest([("met.crime", "live1", 1, _now(), "E09000003", "homicide", "firebreak")])
    expect(page.get_by_role("link", name="Homicide, Barnet")).to_be_visible()
    # who is in the list is asked before it moves
    page.get_by_role("link", name="Homicide, Barnet").focus()
    live.ingest([("met.crime", "live2", 1, _now(), "E09000004", "homicide", "firebreak")])
    until(lambda: "E09000004" in {each.area for each in live.alerts()})
    expect(page.get_by_role("button", name="Something changed: show it")).to_be_visible()
    expect(page.get_by_role("link", name="Homicide, Bexley")).to_have_count(0)
    page.get_by_role("button", name="Something changed: show it").click()
    page.mouse.move(0, 0)
    expect(page.get_by_role("link", name="Homicide, Bexley")).to_be_visible()


def test_a_console_that_was_killed_and_started_again_loses_no_event_in_a_browser(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/")
    live.kill("console")
    expect(page.locator("[data-lost]")).to_be_visible()
    live.ingest([("met.crime", "live3", 1, _now(), "E09000005", "homicide", "firebreak")])
    until(lambda: "E09000005" in {each.area for each in live.alerts()})
    live.start("console", "console")
    expect(page.get_by_role("link", name="Homicide, Brent")).to_be_visible()


def test_without_scripts_the_pages_say_and_do_the_same(live: LiveConsole, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{live.url}/alerts/{alert_of(live, KILLED[1])}")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("done")
    expect(page.locator("#live-alert")).to_contain_text("acknowledged by local")
    context.close()


def test_keys_lead_through_the_alerts(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/")
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("j")
    second = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.getAttribute('href')") == first != second


def test_a_redis_that_hangs_dies_or_is_emptied_is_told_and_comes_back(live: LiveConsole, page: Page) -> None:
    page.goto(f"{live.url}/")
    live.redis.pause()
    expect(page.locator("#trust")).to_contain_text("the cache does not answer")
    assert live.fetch("/") == 200
    assert live.fetch("/readyz") == 503
    live.redis.resume()
    expect(page.locator("#trust")).not_to_contain_text("the cache does not answer")
    live.redis.kill()
    expect(page.locator("#trust")).to_contain_text("the cache does not answer")
    live.redis.start()
    until(lambda: live.fetch("/readyz") == 200)
    expect(page.locator("#trust.stale")).to_have_count(0)
    expect(page.get_by_role("link", name="Homicide, Tower Hamlets")).to_be_visible()


def _now() -> str:
    return datetime.now(UTC).isoformat()

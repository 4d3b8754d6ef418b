"""A headless Chromium, and what a page looks like to it: violations, errors, weight and time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from support.node import package

WIDTHS = (320, 1440)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HEIGHT = 900


class NoBrowser(Exception):
    """A browser can't be had here; says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One page at one width and in one theme."""

    page: str
    width: int
    theme: str
    violations: int
    console_errors: int
    kb: float
    ms: float
    overflow: int
    told: tuple[str, ...]


@contextmanager
def chromium() -> Iterator[Browser]:
    """
    One browser.

    Raises
    ------
    NoBrowser
        Chromium is not installed.

    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise NoBrowser("the screens need Chromium: run deploy/ci/install.sh as root")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def axe() -> str:
    """The accessibility judge, as a script."""
    return (package("axe-core") / "axe.min.js").read_text("utf-8")


def look(
    browser: Browser, url: str, name: str, width: int, theme: Literal["light", "dark"], judge: str, shots: Path | None
) -> Seen:
    """Open a page and say what there is to say of it."""
    # the judge is not a script of the page's own: it may pass by the page's policy
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=theme, reduced_motion="reduce", bypass_csp=True
    )
    try:
        return _seen(context.new_page(), url, name, width, theme, judge, shots)
    finally:
        context.close()


def _seen(page: Page, url: str, name: str, width: int, theme: str, judge: str, shots: Path | None) -> Seen:
    errors: list[str] = []
    weights: list[int] = []

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def done(request: Request) -> None:
        if not request.url.endswith("/live"):
            sizes = request.sizes()
            weights.append(sizes["responseBodySize"] + sizes["responseHeadersSize"])

    page.on("console", told)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfinished", done)
    page.goto(url, wait_until="load")
    took = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=shots / f"{name}-{width}-{theme}.png", full_page=width > WIDTHS[0])
    page.evaluate(judge)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return Seen(
        page=name,
        width=width,
        theme=theme,
        violations=len(found),
        console_errors=len(errors),
        kb=round(sum(weights) / 1024, 1),
        ms=round(float(took), 1),
        overflow=int(cast("int", over)),
        told=(*(f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found), *errors),
    )

"""The review's pages in a real browser: judged for access, at a telephone's width and a desk's, and on paper."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.browser import WIDTHS, NoBrowser, axe, chromium, look
from support.missing import missing
from support.node import NoNode

from streams.regions.loader import load
from streams.review.command import review

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots" if os.environ.get("BROWSER_OUT") else None


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review of made-up boroughs, one of which doubled."""
    folder, random = tmp_path_factory.mktemp("review"), np.random.default_rng(1)
    months = [f"{2018 + k // 12}{k % 12 + 1:02}" for k in range(72)]
    lines = [",".join(("majortext", "minortext", "boroughname", *months))]
    for number, area in enumerate(area for area in load("london").areas if area.level == "borough"):
        for offence, level in (("HOMICIDE", 0.3), ("VIOLENCE WITH INJURY", 150.0), ("RAPE", 20.0)):
            counts = random.poisson(level * np.where(np.arange(72) >= 60, 2.0 if number == 4 else 1.0, 1.0))
            lines.append(f'V,{offence},"{area.name}",' + ",".join(map(str, counts)))
    file = folder / "boroughs.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    arguments = ["--region", "london", "--monthly", str(file), "--profile", "mps-borough-monthly", "--quiet"]
    arguments += ["--from", "2018-01", "--until", "2024-01", "--out", str(folder)]
    made = CliRunner().invoke(review, arguments, standalone_mode=False)
    assert made.exception is None, made.exception
    return folder


def test_pages_have_no_violation_nothing_over_the_edge_and_a_first_screen_that_answers(report: Path) -> None:
    area = next(area.code for area in load("london").areas if area.level == "borough")
    pages = {"review-report": "report.html", "review-area": f"areas/{area}.html"}
    try:
        judge = axe()
        with chromium() as browser:
            for name, file in pages.items():
                for width in WIDTHS:
                    seen = look(browser, (report / file).as_uri(), name, width, "light", judge, SHOTS)
                    assert (seen.violations, seen.console_errors, seen.overflow) == (0, 0, 0), seen.told
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto((report / "report.html").as_uri())
            for question in ("What changed:", "Where (boroughs):", "95 %"):
                found = page.get_by_text(question).first.bounding_box()
                assert found is not None
                assert found["y"] + found["height"] < 900
            paper = page.pdf(format="A4")
    except (NoBrowser, NoNode) as absent:
        missing(absent)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) < 25

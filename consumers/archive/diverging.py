"""``firebreak divergence``: the archive's weeks, health sources against police sources."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from consumers.archive.command import EXTRA, FOLDER, WHERE, Instant, folder_of
from consumers.archive.divergence import Finding, Settings, Verdict, judged
from schemas.errors import UsageError
from schemas.events import DAY, Millis
from schemas.jsonform import iso
from schemas.settings import from_env

if TYPE_CHECKING:
    from consumers.archive.questions import WeekOfSource

WEEKS = 156
"""How far the past goes: at the default memory older weeks weigh less than an eighth."""

WORDS = {
    Verdict.HEALTH_UP: "health sources are up, police sources are not",
    Verdict.POLICE_DOWN: "police sources are down, health sources are not up",
    Verdict.SHARE_ONLY: "the share is up, but not by health alone: no signal",
    Verdict.NOTHING: "as usual",
    Verdict.NOT_ENOUGH_HISTORY: "not enough history",
}


def findings(
    rows: Iterable[WeekOfSource], health: Sequence[str], police: Sequence[str], weeks: int, settings: Settings
) -> Iterator[tuple[str, Finding]]:
    """Group and finding of each area that either side told of, signals and the rarest first."""
    known = [row for row in rows if row.source in {*health, *police}]
    areas = sorted({row.area for row in known})
    number = {area: index for index, area in enumerate(areas)}
    groups = sorted({row.group for row in known})
    sides = np.zeros((len(groups), 2, len(areas), weeks), dtype=np.int64)
    for row in known:
        side = 0 if row.source in health else 1
        sides[groups.index(row.group), side, number[row.area], weeks + row.week] += row.incidents
    found = [
        (group, each)
        for group, (of_health, of_police) in zip(groups, sides, strict=True)
        for each in judged(areas, of_health, of_police, settings, len(groups))
    ]
    yield from sorted(found, key=_rarest_first)


def _rarest_first(told: tuple[str, Finding]) -> tuple[bool, float, str, str]:
    group, each = told
    rare = 0.0 if math.isnan(each.by_chance_weeks) else each.by_chance_weeks
    return not each.verdict.signal, -rare, each.area, group


@click.command()
@click.option("--health", multiple=True, required=True, metavar="SOURCE", help="A source of ambulance or hospital.")
@click.option("--police", multiple=True, required=True, metavar="SOURCE", help="A source of the police.")
@click.option("--until", type=Instant(), help="End of the week that is judged; default: --settle-days before now.")
@click.option("--group", default="", help="Of this group alone; without it, of all, which then share the budget.")
@click.option("--settle-days", type=click.IntRange(0), default=7, show_default=True, help="Wait for late reports.")
@click.option("--once-in", type=click.FloatRange(1), default=26.0, show_default=True, help="Weeks for one by chance.")
@click.option("--tense", default="ACTUAL", show_default=True, help="ACTUAL, EXERCISE, INJECTION or TEST.")
@click.option("--archive", "chosen", type=FOLDER, help=WHERE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def divergence(
    health: tuple[str, ...],
    police: tuple[str, ...],
    until: Millis | None,
    group: str,
    settle_days: int,
    once_in: float,
    tense: str,
    chosen: Path | None,
    as_json: bool,
) -> None:
    """
    Say where health sources rose in a week and police sources did not, from the archive.

    Each area is held against its own past. Every week is counted as it was known so many days after its end.

    Example: firebreak divergence --health las --police met --until 2026-03-02
    """
    try:
        from consumers.archive.questions import Archive  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise UsageError(EXTRA) from missing
    both = sorted({*health} & {*police})
    if both:
        raise UsageError(f"{both[0]} can't be of both sides")
    settle = settle_days * DAY
    end = until if until is not None else _midnight(int(time.time() * 1000) - settle)
    asked = Archive(folder_of(from_env(os.environ), chosen))
    rows = (row for row in asked.weeks_of_sources(end, WEEKS, settle, tense) if group in ("", row.group))
    found = list(findings(rows, health, police, WEEKS, Settings(one_in=once_in)))
    if as_json:
        sys.stdout.writelines(json.dumps(told(name, each, end)) + "\n" for name, each in found)
        return
    _show(found, end)


def _midnight(at: Millis) -> Millis:
    return at - at % DAY


def told(group: str, each: Finding, end: Millis) -> dict[str, object]:
    """A finding as a JSON object; what can't be said is null."""
    return {
        "week_until": iso(end),
        "area": each.area,
        "group": group,
        "verdict": each.verdict.value,
        "signal": each.verdict.signal,
        "health": each.health,
        "expected_health": round(each.expected_health, 2),
        "police": each.police,
        "expected_police": round(each.expected_police, 2),
        "share": round(each.share, 4),
        "usual_share": round(each.usual_share, 4),
        "by_chance_weeks": None if math.isnan(each.by_chance_weeks) else round(each.by_chance_weeks, 2),
    }


def _show(found: Sequence[tuple[str, Finding]], end: Millis) -> None:
    title = f"health against police, week until {iso(end)}"
    table = Table("area", "group", "health (usual)", "police (usual)", "by chance once in", "finding", title=title)
    for group, each in found:
        rare = "" if math.isnan(each.by_chance_weeks) else f"{each.by_chance_weeks:.3g} weeks"
        health = f"{each.health} ({each.expected_health:.1f})"
        police = f"{each.police} ({each.expected_police:.1f})"
        table.add_row(each.area, group, health, police, rare, WORDS[each.verdict])
    Console().print(table if found else f"no incidents of these sources: {title}")

"""Alerts of which nobody would be told: tried for every region, level, group, severity and hour of the week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import Rules
from consumers.notify.routes import SEVERITIES, Route, rank
from consumers.notify.times import DAYS, Span
from schemas.events import WHOLE_LEVEL, Severity

HOURS = 24 * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Hours of the week in which nobody hears of such alerts; ``areas`` are those concerned, of how many."""

    region: str
    level: str
    severity: str
    groups: tuple[str, ...]
    areas: int
    of: int
    hours: int

    def __str__(self) -> str:
        groups = f"of {', '.join(self.groups)} " if self.groups else ""
        time = "at any time" if self.hours == HOURS else f"in {self.hours} hours of the week"
        where = f"{self.areas} of {self.of} {self.level} areas"
        return f"{self.severity} {groups}in {where} of {self.region} {time}"


def gaps(rules: Rules, gazetteer: Gazetteer) -> Iterator[Gap]:
    """
    Every gap for ALERT and CRITICAL at the coarsest level, which tells for the finer ones, and of the whole region.

    Groups are those that routes name, and one that none names.
    """
    named = sorted({group for route in rules.routes.routes for group in route.groups})
    for region, words in gazetteer.regions.items():
        levels = {words.levels[0]: [code for code in words.names if not words.parents.get(code)]}
        if words.whole:
            levels[WHOLE_LEVEL] = [words.whole]
        for level, areas in levels.items():
            for severity in SEVERITIES[rank(Severity.ALERT) :]:
                for group in ("", *named):
                    yield from _gap(rules, region, level, severity, group, areas)


def _gap(rules: Rules, region: str, level: str, severity: str, group: str, areas: list[str]) -> Iterator[Gap]:
    silent = [area for area in areas if _hours(rules, region, level, severity, group, area)]
    if not silent:
        return
    hours = max(_hours(rules, region, level, severity, group, area) for area in silent)
    yield Gap(
        region=region,
        level=level,
        severity=severity,
        groups=(group,) if group else (),
        areas=len(silent),
        of=len(areas),
        hours=hours,
    )


def _hours(rules: Rules, region: str, level: str, severity: str, group: str, area: str) -> int:
    around = frozenset((area, rules.parents.get(area, "")))
    fitting = [route for route in rules.routes.routes if _fits(route, region, level, severity, group, around)]
    if any(not route.when for route in fitting):
        return 0
    return sum(not any(_held(route.when, hour) for route in fitting) for hour in range(HOURS))


def _fits(route: Route, region: str, level: str, severity: str, group: str, around: frozenset[str]) -> bool:
    return (
        rank(severity) >= rank(route.severity)
        and (not route.regions or region in route.regions)
        and (not route.levels or level in route.levels)
        and (not route.groups or group in route.groups)
        and (not route.areas or not around.isdisjoint(route.areas))
    )


def _held(spans: tuple[Span, ...], hour: int) -> bool:
    minute, day = hour % 24 * 60, hour // 24
    for span in spans:
        for begins, since in ((day, minute - span.begin), ((day - 1) % len(DAYS), minute + 1440 - span.begin)):
            if begins in span.days and 0 <= since < span.length:
                return True
    return False

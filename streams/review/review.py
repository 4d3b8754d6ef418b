"""All that a review says, from a panel: one value, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.disclosure import Cell, Shown
from streams.core.geography import Region
from streams.core.taxonomy import (
    DOMESTIC_ABUSE,
    HOMICIDE,
    KNIFE_CRIME,
    SEXUAL_VIOLENCE,
    SHOOTING,
    STREET_VIOLENCE,
)
from streams.review import change, completeness, focus, local, peaks, season, shifts
from streams.review.audience import Audience, shown
from streams.review.change import Change
from streams.review.clocks import Repeat
from streams.review.focus import Estimate, Share
from streams.review.local import Span
from streams.review.panel import Counts, Panel, Reals
from streams.review.peaks import Months
from streams.review.season import YEAR, Seasonal
from streams.review.shifts import Shift

SEED = 1
GRAVEST = (HOMICIDE, SHOOTING, KNIFE_CRIME, STREET_VIOLENCE, SEXUAL_VIOLENCE, DOMESTIC_ABUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """
    One group in the whole region.

    ``complete`` is the share of each month that is recorded by now; ``used`` how many of the first months are whole
    enough to be compared by it, all later ones are told with their share and left out of every statement;
    ``settled`` how many are whole enough to date a shift in.
    """

    group: str
    counts: Counts
    season: Seasonal
    adjusted: Reals
    low: Reals
    high: Reals
    complete: Reals
    used: int
    settled: int
    shifts: tuple[Shift, ...]
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """
    One group in the areas of one level: estimates, changes, concentration, persistence from year to year.

    ``spans`` are the years as they may be told, newest first, ``shifts`` those of each area's own series, ``months``
    what to expect in a coming year.
    """

    group: str
    level: str
    areas: tuple[str, ...]
    counts: Counts
    estimate: Estimate
    top: Reals
    changes: tuple[Change, ...]
    concentration: tuple[Share, ...]
    persistence: tuple[float, ...]
    spans: tuple[Span, ...]
    shifts: tuple[tuple[Shift, ...], ...]
    months: Months

    @property
    def now(self) -> Mapping[str, Cell]:
        """Numbers of the last twelve months as they may be told, by code."""
        return self.spans[0].cells

    @property
    def before(self) -> Mapping[str, Cell]:
        """Those of the twelve months before."""
        return self.spans[1].cells

    def told(self, k: int) -> bool:
        """Whether an area's last two years may be told as they are, and with them a ratio and its limits."""
        code = self.areas[k]
        return self.now[code].shown is self.before[code].shown is Shown.EXACT

    def told_shifts(self, k: int) -> tuple[Shift, ...]:
        """Level shifts of an area, if its years may be told as they are."""
        return self.shifts[k] if local.exact(self.spans, self.areas[k]) else ()

    @property
    def order(self) -> Sequence[int]:
        """Areas from the highest estimated rate down."""
        return [int(k) for k in np.argsort(-self.estimate.mean, kind="stable")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Everything."""

    region: Region
    panel: Panel
    audience: Audience
    command: str
    trends: tuple[Trend, ...]
    places: tuple[Places, ...]
    together: Mapping[tuple[str, str], float]
    """Rank correlation of estimated rates of two groups over the areas of the finest level both are told at."""
    repeats: Mapping[str, Repeat]

    def of(self, group: str, level: str) -> Places | None:
        """Places of a group at a level, if they are told."""
        return next((each for each in self.places if (each.group, each.level) == (group, level)), None)

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that anything is told at, coarse to fine."""
        told = {each.level for each in self.places}
        return tuple(level for level in self.region.levels if level in told)


def made(
    panel: Panel,
    region: Region,
    audience: Audience,
    command: str,
    repeats: Mapping[str, Repeat],
    told: Callable[[str], None] = lambda _: None,
) -> Review:
    """Compute a review; *told* is called with the name of each step."""
    told("trends")
    trends = tuple(_trend(panel, group) for group in sorted(panel.groups, key=_rank))
    places = []
    for level_panel in _levels(panel, region):
        for trend in trends:
            if level_panel.level in audience.levels(trend.group, region.levels):
                told(f"{trend.group} by {level_panel.level}")
                places.append(_places(level_panel, trend, region, audience))
    return Review(
        region=region,
        panel=panel,
        audience=audience,
        command=command,
        trends=trends,
        places=tuple(places),
        together=_together(places),
        repeats=repeats,
    )


def _rank(group: str) -> int:
    """The gravest kinds first, others in the order of the source."""
    return GRAVEST.index(group) if group in GRAVEST else len(GRAVEST)


def _trend(panel: Panel, group: str) -> Trend:
    counts = panel.region[panel.groups.index(group)]
    complete = completeness.completeness(panel.recording, group, range(panel.first, panel.end))
    late = np.flatnonzero(complete < completeness.ENOUGH)
    used = int(late[0]) if len(late) else len(counts)
    whole, settled = counts[:used], used
    while settled and complete[settled - 1] < completeness.SETTLED:
        settled -= 1
    learnt = season.learnt(whole, panel.first, complete[:used])
    low, high = learnt.interval(whole)
    return Trend(
        group=group,
        counts=counts,
        season=learnt,
        adjusted=learnt.adjusted(whole),
        low=low,
        high=high,
        complete=complete,
        used=used,
        settled=settled,
        shifts=shifts.found(whole[:settled], panel.first, learnt.until(settled)),
        change=_change(whole, learnt, _recorded(complete[:used])),
    )


def _recorded(complete: Reals) -> float:
    """Share recorded of the last year over that of the year before."""
    return float(complete[-YEAR:].mean() / complete[-2 * YEAR : -YEAR].mean()) if len(complete) >= 2 * YEAR else 1.0


def _change(counts: Counts, learnt: Seasonal, recorded: float) -> Change:
    """The last year over the one before, scattering as the months of this series do."""
    if len(counts) < 2 * YEAR:
        return change.changes(counts[None])[0]
    now, before = int(counts[-YEAR:].sum()), int(counts[-2 * YEAR : -YEAR].sum())
    return change.compared(now, before, max(learnt.dispersion, learnt.drift), recorded)


def _levels(panel: Panel, region: Region) -> list[Panel]:
    """The panel, and before it that of the areas around its own, if there are."""
    if not panel.areas:
        return []
    if panel.level == region.partition_level:
        return [panel]
    parent = {area.code: area.parent for area in region.areas}
    around = {parent.get(code) for code in panel.areas}
    coarse = [code for code in region.unit_areas(region.partition_level) if code in around]
    return [panel.gathered(region.partition_level, coarse, parent), panel]


def _places(panel: Panel, trend: Trend, region: Region, audience: Audience) -> Places:
    counts = panel.of(trend.group)[:, : trend.used]
    others = panel.counts[:, :, : trend.used].sum(axis=0) - counts
    around = {area.code: area.parent for area in region.areas if area.level == panel.level and area.parent}
    made = focus.estimate(counts, others, complete=trend.complete[: trend.used])
    years = max(2, counts.shape[1] // YEAR)
    return Places(
        group=trend.group,
        level=panel.level,
        areas=panel.areas,
        counts=counts,
        estimate=made,
        top=made.top_probability(SEED),
        changes=tuple(change.changes(counts, _recorded(trend.complete[: trend.used]))),
        concentration=tuple(focus.concentration(counts, others)),
        persistence=tuple(focus.persistence(counts)),
        spans=tuple(_span(audience, panel, trend, counts, around, back) for back in range(years)),
        shifts=local.own_shifts(counts[:, : trend.settled], panel.first, trend.season.until(trend.settled)),
        months=peaks.of_months(made, trend.season.factors),
    )


def _span(audience: Audience, panel: Panel, trend: Trend, counts: Counts, around: Mapping[str, str], back: int) -> Span:
    months = counts.shape[1]
    year = counts[:, max(months - YEAR * (back + 1), 0) : max(months - YEAR * back, 0)].sum(axis=1)
    last = panel.first + trend.used - YEAR * back
    return Span(last, shown(audience, f"{trend.group}|{last}", panel.areas, year, around))


def _together(places: Sequence[Places]) -> Mapping[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            if one.level == other.level and one.group != other.group:
                # places come coarse to fine: what is told at a finer level takes the place of the coarser
                found[one.group, other.group] = focus.rank_correlation(one.estimate.mean, other.estimate.mean)
    return found

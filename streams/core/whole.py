"""
The whole region as one area: what its areas hold together, and whether an area's alert already tells of its rise.

A rise that is spread thinly over all areas stands out in none of them; in their sum it does. The sum is made of the
partition level's counts hour by hour, each time anew, so that what is corrected, moved, withdrawn or linked is right in
it as it is in the areas. Incidents of no area are in no sum.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from schemas.events import WHOLE_LEVEL, AlertKind, AlertReason, AreaCount, AreaState, HourCount, Millis
from streams.core.alert import AlertState, Transition
from streams.core.alertrows import alert_of
from streams.core.areas import heartbeat
from streams.core.ledger import KEPT
from streams.core.revisions import MASS_CHANGE
from streams.core.stage import Row, Rows, RowValue
from streams.core.watch import UnitWatch

Key = tuple[str, str, str]
"""Region, level, group."""

GREATER_PART = 0.5
"""Alerts of areas that hold more of the region's surplus than this tell of it."""

SWITCHED_OFF = "SWITCHED_OFF"
"""Why the counts of a region that is watched as a whole no more are grey."""

_OF_UNITS = frozenset({"model", "cell", "alert"})


def together(areas: UnitWatch, hour: Millis, now: Millis, tense: str) -> HourCount | None:
    """One hour of all the *areas* of a unit as a count of their region; None if the hour is not kept."""
    unit, cell = areas.unit, areas.ledger.together(hour)
    incidents, contributions = cell
    if hour < now - KEPT:
        total = areas.model.in_hour(hour)
        if total is None:
            return None
        incidents, contributions = total, ()
    return HourCount(
        0, now, tense, unit.region, WHOLE_LEVEL, unit.region, unit.group, hour, incidents, 0, contributions
    )


def begin(whole: UnitWatch, areas: UnitWatch, now: Millis, tense: str) -> None:
    """Let a unit that was not watched so far know the weeks that its *areas* still keep."""
    for hour in areas.model.kept_hours():
        if incidents := areas.model.in_hour(hour):
            whole.model.record(0, hour, incidents)
    for hour in areas.ledger.kept():
        count = together(areas, hour, now, tense)
        if count is not None:
            whole.ledger.take(count, now)
    whole.ledger.settle()


def told_by(whole: UnitWatch, window: int, finer: Sequence[UnitWatch], now: Millis) -> str:
    """
    Id of the alert that tells of the rise of *whole* over the last *window* hours: the one with most of it; "" if none.

    It is told if what is above the expected count lies for its greater part in the areas of a *finer* unit's alerts
    that are not over, be they open or closed by people.
    """
    surplus = whole.surplus(whole.unit.areas, window, now)
    for watch in finer:
        of_alerts = {each.alert_id: watch.surplus(each.areas, window, now) for each in _standing(watch)}
        areas = {area for each in _standing(watch) for area in each.areas}
        if of_alerts and watch.surplus(areas, window, now) > GREATER_PART * surplus:
            return max(of_alerts, key=lambda alert_id: (of_alerts[alert_id], alert_id))
    return ""


def _standing(watch: UnitWatch) -> list[AlertState]:
    return [each for each in watch.alerts.values() if each.over_since is None]


def untold(whole: UnitWatch, finer: Sequence[UnitWatch], now: Millis) -> Iterator[Transition]:
    """Alerts of the region that no area's alert tells of any more, though the score is as high: they are told now."""
    if whole.blind == MASS_CHANGE:
        return
    for alert in sorted(whole.alerts.values(), key=lambda each: each.alert_id):
        hot = whole.scores.get(alert.area, 0.0) >= whole.threshold
        if alert.is_open and alert.inhibited_by and hot and not told_by(whole, alert.evidence.window, finer, now):
            yield whole.release(alert, now)


class Left:
    """
    What the journal holds of regions that are watched as a whole no more.

    At the first tick open alerts end and the counts turn grey, then all is dropped: what a region that is switched on
    again some day goes on from is what its areas keep then.
    """

    def __init__(self, units: Container[Key]) -> None:
        self._units = units
        self._keys: list[str] = []
        self._alerts: list[AlertState] = []
        self._watched: set[Key] = set()
        self._gone: list[str] = []

    def restore(self, rows: Rows) -> dict[str, RowValue]:
        """Keep what is of such a region; answer the other rows."""
        others: dict[str, RowValue] = {}
        for key, value in rows.items():
            kind, *names = key.split("|")[:4]
            if kind not in _OF_UNITS or names[1] != WHOLE_LEVEL or (names[0], names[1], names[2]) in self._units:
                others[key] = value
                continue
            self._keys.append(key)
            self._watched.add((names[0], names[1], names[2]))
            if kind == "alert":
                self._alerts.append(alert_of(value))
        return others

    def grey(self, now: Millis) -> list[AreaCount]:
        """Counts that say of each region and group that it is watched no more; to be asked before :meth:`ended`."""
        return [_grey(region, group, now) for region, _, group in sorted(self._watched)]

    def ended(self, now: Millis) -> list[Transition]:
        """End the alerts that are open, once; from then on nothing is kept."""
        self._gone += self._keys
        self._keys = []
        self._watched.clear()
        alerts, self._alerts = self._alerts, []
        return [_ended(alert, now) for alert in alerts if alert.over_since is None]

    def dirty(self) -> Iterator[Row]:
        """Rows that are to be deleted."""
        for key in sorted(self._gone):
            yield Row(key, None)
        self._gone.clear()


def _grey(region: str, group: str, now: Millis) -> AreaCount:
    nothing = heartbeat(region, now)
    return replace(nothing, level=WHOLE_LEVEL, area=region, group=group, state=AreaState.GREY, grey_reason=SWITCHED_OFF)


def _ended(alert: AlertState, now: Millis) -> Transition:
    after = replace(alert, ended_at=now, transitions=alert.transitions + 1)
    why = "the region is watched as a whole no more"
    return Transition(alert=after, kind=AlertKind.ENDED, reason=AlertReason.GREY, changed=why, cause=str(now))

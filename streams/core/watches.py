"""All that is watched in the regions of one partition: where counts go, and who holds which alert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import cast

from schemas.events import DAY, HOUR, WHOLE_LEVEL, AlertKind, HourCount, Millis
from streams.core.alert import AlertState, Transition
from streams.core.detection.rows import Row as ModelRow
from streams.core.detection.unit import Unit, UnitModel
from streams.core.links import Links
from streams.core.regionplan import RegionPlan
from streams.core.sentinel import SentinelWatch
from streams.core.sight import Sight
from streams.core.stage import Row, RowValue
from streams.core.thresholds import StandingBudget
from streams.core.watch import UnitWatch
from streams.core.whole import Key, begin, together, told_by, untold

LONGEST_PAST: Millis = 366 * DAY
"""A model that begins with a past (a first load) learns from so much of it."""


class Watches:
    """
    Units and sentinel groups under watch, and what stands between each region and its counts.

    known: units that the regions ask for; units: those that have counts, by region, level and group.

    Parameters
    ----------
    plans, budgets, links
        By region.
    tense
        Tense of the counts.
    models
        Makes the model of a unit from its first instant.

    """

    def __init__(
        self,
        plans: Mapping[str, RegionPlan],
        budgets: Mapping[str, StandingBudget],
        links: Mapping[str, Links],
        *,
        tense: str,
        models: Callable[[Unit, Millis], UnitModel],
    ) -> None:
        self._plans, self._budgets, self._links = plans, budgets, links
        self._tense = tense
        self._models = models
        self.known: dict[Key, Unit] = {
            (unit.region, unit.level, unit.group): unit for plan in plans.values() for unit in plan.units
        }
        self.units: dict[Key, UnitWatch] = {}
        self._sentinels = {
            (plan.region, plan.level, group): SentinelWatch(plan.region, plan.level, group, links[plan.region])
            for plan in plans.values()
            for group in plan.sentinels
        }
        self.sight = {region: Sight(region) for region in plans}

    def take(self, counts: Iterable[HourCount], now: Millis) -> None:
        """Put each of *counts* where it belongs, and the sums over a whole region after them."""
        for _, of_hour in groupby(sorted(counts, key=_order), key=attrgetter("hour")):
            summed: dict[Key, HourCount] = {}
            for count in of_hour:
                self._set(count, now)
                whole = (count.region, WHOLE_LEVEL, count.group)
                if whole in self.known and count.level == self._plans[count.region].level:
                    summed[whole] = count
            # after its last count, and before the next hour's: a first load may drop old hours as it goes on
            for whole, count in summed.items():
                self._sum(whole, count, now)

    def _set(self, count: HourCount, now: Millis) -> None:
        key = (count.region, count.level, count.group)
        if key in self._sentinels:
            self._sentinels[key].take(count, now)
        elif key in self.known:
            new = self._watch(key, count.hour, now).take(count, now)
            if count.level == self._plans[count.region].level:
                self.sight[count.region].arrivals.learn(count, new)

    def _sum(self, whole: Key, count: HourCount, now: Millis) -> None:
        areas = self.units.get((count.region, count.level, count.group))
        sum_of = None if areas is None else together(areas, count.hour, now, self._tense)
        if sum_of is not None:
            self._watch(whole, count.hour, now).take(sum_of, now)

    def _watch(self, key: Key, hour: Millis, now: Millis) -> UnitWatch:
        watch = self.units.get(key)
        if watch is None:
            model = self._models(self.known[key], max(hour, now - LONGEST_PAST))
            watch = self.units[key] = UnitWatch(model, self._budgets[key[0]], self._links[key[0]])
        return watch

    def units_of(self, region: str) -> Iterator[UnitWatch]:
        """Units of *region* that have counts, whole regions last."""
        for key in self.known:
            watch = self.units.get(key)
            if watch is not None and key[0] == region:
                yield watch

    def sentinels_of(self, region: str) -> list[SentinelWatch]:
        """Sentinel groups of *region*."""
        return [sentinel for key, sentinel in self._sentinels.items() if key[0] == region]

    def holders(self, region: str = "") -> list[UnitWatch | SentinelWatch]:
        """All that hold alerts of *region*, "" for all."""
        holders: list[tuple[Key, UnitWatch | SentinelWatch]] = [*self.units.items(), *self._sentinels.items()]
        return [holder for key, holder in holders if region in {"", key[0]}]

    def holder(self, alert_id: str) -> UnitWatch | SentinelWatch | None:
        """Who holds an alert."""
        return next((holder for holder in self.holders() if alert_id in holder.alerts), None)

    def alerts(self, region: str = "") -> list[AlertState]:
        """All alerts remembered of *region*, "" for all."""
        return [alert for holder in self.holders(region) for alert in holder.alerts.values()]

    def blind(self, watch: UnitWatch, now: Millis) -> str:
        """Why the counts of *watch* can't say "normal" at *now*, "" if they can."""
        return self.sight[watch.unit.region].blind(watch.unit.group, now)

    def tell_delays(self) -> None:
        """Let every model know how late its incidents arrive."""
        for (region, _, group), watch in self.units.items():
            self.sight[region].arrivals.tell(group, watch.model)

    def inhibited(self, watch: UnitWatch, transition: Transition) -> Transition:
        """
        An alert of a finer level that opens under an open one of the partition level is told by that one.

        The whole region's is told by those of areas if most of it is theirs; they say where, so never by it.
        """
        alert, plan = transition.alert, self._plans[watch.unit.region]
        above = self.units.get((plan.region, plan.level, alert.group))
        if transition.kind is not AlertKind.OPENED or alert.level == plan.level or above is None:
            return transition
        if alert.level == WHOLE_LEVEL:
            by = told_by(watch, alert.evidence.window, self._finer(watch), alert.evidence.at)
            return watch.inhibit(transition, by) if by else transition
        parents = {plan.parents.get(area, "") for area in alert.areas}
        over = next((each for each in above.alerts.values() if each.is_open and parents & each.episode.areas), None)
        return transition if over is None else watch.inhibit(transition, over.alert_id)

    def released(self, watch: UnitWatch, now: Millis) -> Iterator[Transition]:
        """Alerts of a whole region that no area's alert tells of any more."""
        if watch.unit.level == WHOLE_LEVEL:
            yield from untold(watch, self._finer(watch), now)

    def _finer(self, whole: UnitWatch) -> list[UnitWatch]:
        of_group = (watch for watch in self.units_of(whole.unit.region) if watch.unit.group == whole.unit.group)
        return [watch for watch in of_group if watch.unit.level != WHOLE_LEVEL]

    def forget(self, now: Millis) -> None:
        """Drop what is out of reach; once a day."""
        for holder in self.holders():
            holder.forget(now)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for holder in self.holders():
            yield from holder.dirty()
        for sight in self.sight.values():
            yield from sight.dirty()

    def restore(self, rows: Iterable[Row], now: Millis) -> None:
        """Take over models, hours, alerts, delays and feeds as of *now*."""
        models: dict[Key, list[tuple[str, RowValue]]] = {}
        late: list[Row] = []
        for row in rows:
            kind, _, rest = row.key.partition("|")
            if kind == "model":
                region, level, group, name = rest.split("|", 3)
                models.setdefault((region, level, group), []).append((name, cast("RowValue", row.value)))
            else:
                late.append(row)
        for unit, state in models.items():
            self._watch(unit, now - now % HOUR, now).model.restore(cast("list[ModelRow]", state))
        for row in late:
            self._restore(row.key, cast("RowValue", row.value))
        self._begin(now)
        for watch in self.units.values():
            watch.blind = self.blind(watch, now)

    def _restore(self, key: str, value: RowValue) -> None:
        kind, region, *rest = key.split("|")
        if kind in {"delay", "feed", "revisions"}:
            self.sight[region].restore(kind, rest, value)
            return
        unit = (region, rest[0], rest[1])
        holder = self._sentinels.get(unit) or self.units[unit]
        if kind == "alert":
            holder.restore_alert(value)
        else:
            holder.ledger.restore(key, value)

    def _begin(self, now: Millis) -> None:
        """Begin units of whole regions that a journal knows nothing of: with the weeks that their areas keep."""
        for region, level, group in self.known:
            areas = self.units.get((region, self._plans[region].level, group))
            if level != WHOLE_LEVEL or areas is None or (region, level, group) in self.units:
                continue
            whole = self._watch((region, level, group), areas.model.kept_hours().start, now)
            self.sight[region].arrivals.tell(group, whole.model)
            begin(whole, areas, now, self._tense)
            whole.model.advance(now)


def _order(count: HourCount) -> tuple[Millis, str, str, str]:
    return count.hour, count.level, count.area, count.group

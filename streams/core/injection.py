"""
Permanent injection: labelled synthetic spikes, scored beside what is real and never mixed with it.

What was injected lies over the counts of a unit only while it is scored. Nothing is learnt from it, no real score,
count or alert sees it, and one event of tense INJECTION is all that it ever causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from schemas.events import HOUR, AlertEvent, AlertKind, AlertReason, HourCount, Millis, Tense
from streams.core.alert import Transition, event_of, identity
from streams.core.detection.unit import Readiness, Unit
from streams.core.ledger import Ledger
from streams.core.situations import Neighbourhood
from streams.core.stage import Row, RowValue
from streams.core.watch import Budget, UnitWatch

Key = tuple[str, str, str]
"""Region, level, group."""


class Overlay:
    """
    What was injected into one unit, and where it has been judged.

    An area is judged when its spike was found, or when the real score was above the threshold without it (the spike is
    masked, and says nothing). It stays so until nothing injected is left around it: one spike, one event at most.
    """

    def __init__(self, unit: Unit) -> None:
        # region last: a version that knows no injections finds no such unit, and can't take them for what was counted
        self._name = f"{unit.level}|{unit.group}|{unit.region}"
        self._unit = unit
        self._near = Neighbourhood(unit.areas, unit.neighbours)
        self._ledger = Ledger(f"injected|{self._name}")
        self._judged: frozenset[str] = frozenset()
        self._dirty = False

    def take(self, count: HourCount, now: Millis) -> None:
        """Set one injected hour of one area."""
        if count.area in self._unit.areas:
            self._ledger.take(count, now)
            self._ledger.settle()

    def evaluate(self, real: UnitWatch, now: Millis) -> Iterator[Transition]:
        """Score what is around injected hours with and without them; answer the spikes found, each once."""
        cells = list(self._ledger.since(now - max(self._unit.settings.windows) * HOUR))
        reach = self._near.around(area for area, _, _ in cells)
        self._judge(self._judged & reach)
        if reach <= self._judged:
            return
        model = real.model.with_more([(self._unit.areas.index(area), hour, more) for area, hour, more in cells])
        overlaid = UnitWatch(model, real.budget, ledger=self._ledger)
        hot = _above(overlaid, reach, now)
        without = _above(real, self._near.around(reach), now)
        for group in self._near.groups(hot):
            around = self._near.around(group)
            news = around.isdisjoint(self._judged) and around.isdisjoint(without)
            self._judge(self._judged.union(group))
            if news:
                yield self._found(overlaid, group, hot[group[0]], now)

    def _judge(self, areas: frozenset[str]) -> None:
        self._dirty |= areas != self._judged
        self._judged = areas

    def _found(self, overlaid: UnitWatch, areas: list[str], score: float, now: Millis) -> Transition:
        alert = overlaid.begun(areas, score, now)
        alert = replace(alert, alert_id=identity(Tense.INJECTION, alert.alert_id), tense=Tense.INJECTION, transitions=1)
        return Transition(
            alert=alert, kind=AlertKind.OPENED, reason=AlertReason.FIRST, changed="injected spike found", cause=str(now)
        )

    def forget(self, now: Millis) -> None:
        """Drop the hours that no window reaches."""
        self._ledger.forget(now)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call; what was withdrawn leaves none, so that an older version can go on."""
        for row in self._ledger.dirty():
            yield row if row.value is not None and row.value[0] else Row(row.key, None)
        if self._dirty:
            yield Row(f"judged|{self._name}", tuple(sorted(self._judged)) or None)
        self._dirty = False

    def restore(self, kind: str, key: str, value: RowValue) -> None:
        """Take one row over."""
        if kind == "judged":
            self._judged = frozenset(cast("tuple[str, ...]", value))
        else:
            self._ledger.restore(key, value)


class Injections:
    """The overlays of all units behind one inbox partition; a unit that nothing was injected into has none."""

    def __init__(self, units: Mapping[Key, Unit]) -> None:
        self._units = units
        self._overlays: dict[Key, Overlay] = {}

    def take(self, counts: Iterable[HourCount], now: Millis) -> None:
        """Set the injected hours among *counts*, each absolute."""
        for count in counts:
            key = (count.region, count.level, count.group)
            if count.tense == Tense.INJECTION and key in self._units:
                self._overlay(key).take(count, now)

    def _overlay(self, key: Key) -> Overlay:
        return self._overlays.setdefault(key, Overlay(self._units[key]))

    def evaluate(self, region: str, real: Mapping[Key, UnitWatch], budget: Budget, now: Millis) -> Iterator[AlertEvent]:
        """Events of the spikes found at *now* in *region*, beside the *real* units evaluated at the same tick."""
        for key in self._units:
            if key[0] == region and key in self._overlays and key in real:
                for transition in self._overlays[key].evaluate(real[key], now):
                    yield event_of(transition, now, budget.version, silenced_by="")

    def forget(self, now: Millis) -> None:
        """Drop the hours that no window reaches."""
        for overlay in self._overlays.values():
            overlay.forget(now)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for key in sorted(self._overlays):
            yield from self._overlays[key].dirty()

    def restore(self, rows: Iterable[Row]) -> list[Row]:
        """Take over the rows that are of this kind; answer the others."""
        others = []
        for row in rows:
            kind, *rest = row.key.split("|")
            if kind in {"injected", "judged"}:
                level, group, region = rest[:3]
                self._overlay((region, level, group)).restore(kind, row.key, cast("RowValue", row.value))
            else:
                others.append(row)
        return others


def _above(watch: UnitWatch, areas: Iterable[str], now: Millis) -> dict[str, float]:
    """Scores of those of *areas* that are ready and at or above the threshold."""
    scores = watch.score(now, sorted(areas))
    threshold = watch.threshold
    return {
        area: score
        for area, score in scores.items()
        if score >= threshold and watch.model.ready(watch.unit.areas.index(area)) is Readiness.READY
    }

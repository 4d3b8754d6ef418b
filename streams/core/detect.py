"""
The third stage: at each tick, tell whether violence in any area is above what is normal there.

Counts wait until every enriched partition has reached the tick; then everything is evaluated exactly once for it.
Commands take effect where they stand in the log. What is watched closely between two full evaluations is what changed
and what is alerted; a full evaluation comes every five minutes of the stream's own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import cast

from schemas.events import (
    DAY,
    HOUR,
    WHOLE_LEVEL,
    AlertKind,
    AlertReason,
    Command,
    CommandKind,
    Facts,
    HourCount,
    Millis,
    Tense,
    Tick,
)
from streams.core.alert import AlertState, Transition, alarm_of, answer_to, event_of, state_of
from streams.core.alertrows import renewed
from streams.core.align import Alignment, Closed
from streams.core.areas import area_counts, heartbeat
from streams.core.controller import Rates
from streams.core.desk import Refusal, act, hush, told_of, told_of_silence
from streams.core.detection.rows import Row as ModelRow
from streams.core.detection.unit import Unit, UnitModel
from streams.core.guard import HELD_BACK
from streams.core.injection import Injections
from streams.core.orders import CONTROLLER, Orders, audited, silence_refused, tie, weighed
from streams.core.revisions import REVISIONS
from streams.core.sentinel import SentinelWatch
from streams.core.sight import Sight
from streams.core.stage import Marker, Output, Record, Renew, Row, Rows, RowValue
from streams.core.thresholds import StandingBudget
from streams.core.watch import UnitWatch
from streams.core.whole import Key, Left, begin, together, told_by, untold

COUNTS = "areas.counts"
EVENTS = "alerts.events"
STATE = "alerts.state"
AUDIT = "audit"
FULL_EVERY: Millis = 300_000
LONGEST_PAST: Millis = 366 * DAY
"""A model that begins with a past (a first load) learns from so much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPlan:
    """What this stage needs of a region pack: its units, its sentinel groups, and its alert budget."""

    region: str
    level: str
    """The partition level: sentinel events are told there."""
    parents: Mapping[str, str]
    """Area of the partition level that a finer area lies in."""
    units: tuple[Unit, ...]
    """Those of the level ``region`` watch the sum of the partition level; they are the last."""
    sentinels: tuple[str, ...]
    alerts_per_week: float
    own_budgets: Mapping[str, float]
    """Units (``region|level|group``) with a budget of their own, in alerts a week."""
    feedback: bool = True
    """Whether what people close moves the thresholds."""


class Detect:
    """
    The state machine behind one inbox partition.

    Parameters
    ----------
    plans
        The regions whose counts come to this partition.
    enriched_partitions
        Ticks of all of them are aligned.
    counts
        Whether rolling counts are sent; a backtest that wants alerts alone spares them.
    tense
        Tense of the counts that are evaluated: ACTUAL, or EXERCISE in a demonstration.
    models
        Makes the model of a unit from its first instant; a backtest hands in models that have learnt already.

    """

    row_format = 2
    older_rows: Mapping[int, Renew] = MappingProxyType({1: renewed})

    def __init__(
        self,
        plans: Sequence[RegionPlan],
        *,
        enriched_partitions: int,
        counts: bool = True,
        tense: str = Tense.ACTUAL,
        models: Callable[[Unit, Millis], UnitModel] = UnitModel,
    ) -> None:
        self._plans = {plan.region: plan for plan in plans}
        self._waiting: Alignment[HourCount] = Alignment(enriched_partitions)
        self._counts = counts
        self._tense = tense
        self._models = models
        self._orders = Orders(self._plans)
        self._budgets = {
            plan.region: StandingBudget(plan.units, plan.alerts_per_week, plan.own_budgets, feedback=plan.feedback)
            for plan in plans
        }
        self._units = {_key(unit): unit for plan in plans for unit in plan.units}
        self._watches: dict[Key, UnitWatch] = {}
        self._left = Left(self._units)
        self._injections = Injections(self._units)
        self._sentinels = {
            (plan.region, plan.level, group): SentinelWatch(
                plan.region, plan.level, group, self._orders.links[plan.region]
            )
            for plan in plans
            for group in plan.sentinels
        }
        self._sight = {plan.region: Sight(plan.region) for plan in plans}
        self._clock: Millis = 0
        self._heard = 0
        """Offset after the last command taken in."""

    def apply(self, record: Record) -> list[Output]:
        """Let a count wait for its tick; evaluate at ticks; obey a command at once."""
        value = record.value
        if isinstance(value, HourCount):
            if value.tense in {self._tense, Tense.INJECTION} and value.region in self._plans:
                self._waiting.add(value.origin_partition, record.offset, value)
            return []
        if isinstance(value, Tick):
            reached = self._waiting.tick(value.origin_partition, record.offset, value.clock)
            return [output for closed in reached for output in self._evaluate(closed)]
        if record.offset < self._heard:
            return []
        self._heard = record.offset + 1
        return list(self._obey(cast("Command", value)))

    def _evaluate(self, closed: Closed[HourCount]) -> Iterator[Output]:
        now, before = closed.clock, self._clock or None
        everything = before is None or now // FULL_EVERY > before // FULL_EVERY
        self._take(closed)
        self._clock = now
        turned = before is not None and now // DAY > before // DAY
        if turned:
            for (region, _, group), watch in self._watches.items():
                self._sight[region].arrivals.tell(group, watch.model)
        yield from self._leave(now)
        for plan in self._plans.values():
            yield from self._weighed(plan.region, before)
            yield from self._alarms(plan, closed)
            yield from self._region(plan, now, before, everything=everything)
        if turned:
            self._forget(now)

    def _leave(self, now: Millis) -> Iterator[Output]:
        """Tell, once, that regions are watched as a whole no more."""
        for count in self._left.grey(now) if self._counts else ():
            yield Output(COUNTS, f"{count.area}|{count.group}", count)
        for transition in self._left.ended(now):
            yield from self._tell(transition, now)

    def _weighed(self, region: str, before: Millis | None) -> Iterator[Output]:
        """What people closed moves the thresholds, once a week of the stream's clock, before anything is scored."""
        for pool, weighing in self._budgets[region].turn(before, self._clock, lambda: self._alerts_of(region)):
            if weighing.judged.opened or weighing.after != weighing.before:
                yield Output(AUDIT, CONTROLLER, weighed(region, pool, weighing, self._clock))

    def _alerts_of(self, region: str) -> list[AlertState]:
        return [alert for holder in self._holders(region) for alert in holder.alerts.values()]

    def _alarms(self, plan: RegionPlan, closed: Closed[HourCount]) -> Iterator[Output]:
        version = self._budgets[plan.region].version
        mass = self._sight[plan.region].revisions.take(self._told(plan, closed, REVISIONS), closed.clock)
        held = self._told(plan, closed, HELD_BACK)
        if held or mass is not None:
            event = alarm_of(plan.region, held, mass, closed.clock, tense=self._tense, calibration=version)
            yield Output(EVENTS, event.alert_id, event)

    def _told(self, plan: RegionPlan, closed: Closed[HourCount], group: str) -> list[HourCount]:
        """What all partitions tell of *plan*'s region beside its counts."""
        wanted = (self._tense, plan.region, group)
        return [each for each in closed.items if (each.tense, each.region, each.group) == wanted]

    def _take(self, closed: Closed[HourCount]) -> None:
        self._injections.take(closed.items, closed.clock)
        counts = sorted((count for count in closed.items if count.tense == self._tense), key=_order)
        for _, of_hour in groupby(counts, key=attrgetter("hour")):
            summed: dict[Key, HourCount] = {}
            for count in of_hour:
                self._set(count, closed.clock)
                whole = (count.region, WHOLE_LEVEL, count.group)
                if whole in self._units and count.level == self._plans[count.region].level:
                    summed[whole] = count
            # after its last count, and before the next hour's: a first load may drop old hours as it goes on
            for whole, count in summed.items():
                self._sum(whole, count, closed.clock)

    def _set(self, count: HourCount, now: Millis) -> None:
        key = (count.region, count.level, count.group)
        if key in self._sentinels:
            self._sentinels[key].take(count, now)
        elif key in self._units:
            new = self._watch(key, count.hour, now).take(count, now)
            if count.level == self._plans[count.region].level:
                self._sight[count.region].arrivals.learn(count, new)

    def _sum(self, whole: Key, count: HourCount, now: Millis) -> None:
        areas = self._watches.get((count.region, count.level, count.group))
        sum_of = None if areas is None else together(areas, count.hour, now, self._tense)
        if sum_of is not None:
            self._watch(whole, count.hour, now).take(sum_of, now)

    def _watch(self, key: Key, hour: Millis, now: Millis) -> UnitWatch:
        watch = self._watches.get(key)
        if watch is None:
            model = self._models(self._units[key], max(hour, now - LONGEST_PAST))
            watch = self._watches[key] = UnitWatch(model, self._budgets[key[0]], self._orders.links[key[0]])
        return watch

    def _region(self, plan: RegionPlan, now: Millis, before: Millis | None, *, everything: bool) -> Iterator[Output]:
        for key, sentinel in self._sentinels.items():
            if key[0] == plan.region:
                for transition in sentinel.evaluate(now, mass=self._sight[plan.region].revisions.held(now)):
                    yield from self._tell(transition, now)
        for key in self._units:
            watch = self._watches.get(key)
            if watch is not None and key[0] == plan.region:
                yield from self._unit(plan, watch, now, before, everything=everything)
        for event in self._injections.evaluate(plan.region, self._watches, self._budgets[plan.region], now):
            yield Output(EVENTS, event.alert_id, event)
        if self._counts:
            yield Output(COUNTS, f"heartbeat|{plan.region}", heartbeat(plan.region, now))

    def _unit(
        self, plan: RegionPlan, watch: UnitWatch, now: Millis, before: Millis | None, *, everything: bool
    ) -> Iterator[Output]:
        changed = frozenset(watch.ledger.changed)
        seen, watch.blind = watch.blind, self._sight[plan.region].blind(watch.unit.group, now)
        turned = seen != watch.blind
        if not everything and not changed and not watch.alerts and not turned:
            return
        moved = [self._inhibited(plan, watch, each) for each in watch.evaluate(now, everything=everything)]
        if watch.unit.level == WHOLE_LEVEL:
            moved += untold(watch, self._finer(plan, watch.unit.group), now)
        for transition in moved:
            yield from self._tell(transition, now)
        if self._counts:
            told = changed.union(*(each.alert.areas for each in moved))
            for count in area_counts(watch, now, before if everything else now, None if turned else told):
                yield Output(COUNTS, f"{count.area}|{count.group}", count)

    def _inhibited(self, plan: RegionPlan, watch: UnitWatch, transition: Transition) -> Transition:
        """
        An alert of a finer level that opens under an open one of the partition level is told by that one.

        The whole region's is told by those of areas if most of it is theirs; they say where, so never by it.
        """
        alert = transition.alert
        above = self._watches.get((plan.region, plan.level, alert.group))
        if transition.kind is not AlertKind.OPENED or alert.level == plan.level or above is None:
            return transition
        if alert.level == WHOLE_LEVEL:
            by = told_by(watch, alert.evidence.window, self._finer(plan, alert.group), alert.evidence.at)
            return watch.inhibit(transition, by) if by else transition
        parents = {plan.parents.get(area, "") for area in alert.areas}
        over = next((each for each in above.alerts.values() if each.is_open and parents & each.episode.areas), None)
        return transition if over is None else watch.inhibit(transition, over.alert_id)

    def _finer(self, plan: RegionPlan, group: str) -> list[UnitWatch]:
        watches = (self._watches.get((plan.region, unit.level, group)) for unit in plan.units if unit.group == group)
        return [watch for watch in watches if watch is not None and watch.unit.level != WHOLE_LEVEL]

    def _tell(self, transition: Transition, now: Millis) -> Iterator[Output]:
        alert = transition.alert
        silenced_by = self._orders.silenced_by(alert, now)
        budget = self._budgets[alert.region]
        rates = None if alert.sentinel else budget.rates_of(alert.level, alert.group)
        event = event_of(transition, now, budget.version, silenced_by, rates)
        yield Output(EVENTS, alert.alert_id, event)
        yield Output(STATE, alert.alert_id, state_of(alert, now))

    def _obey(self, command: Command) -> Iterator[Output]:
        if command.region not in self._plans or not self._orders.first_time(command, self._clock):
            return
        if command.kind == CommandKind.CALIBRATE:
            self._budgets[command.region].calibrate(command.body)
            yield self._audited(command, "", {}, {}, None)
        elif command.kind in {CommandKind.SILENCE, CommandKind.PLAN}:
            yield from self._hush(command)
        elif command.kind == CommandKind.UNSILENCE:
            yield from self._unhush(command)
        elif command.kind in {CommandKind.LINK, CommandKind.UNLINK}:
            yield from self._link(command)
        elif command.kind in {CommandKind.FEED_SILENT, CommandKind.FEED_BACK}:
            yield from self._feed(command)
        else:
            yield from self._act(command)

    def _act(self, command: Command) -> Iterator[Output]:
        holder = self._holder(command.alert_id)
        alert = None if holder is None else holder.alerts[command.alert_id]
        answer = act(alert, command, self._clock)
        if isinstance(answer, Refusal):
            yield from self._refused(command, answer, alert)
        elif answer is not None and holder is not None and alert is not None:
            holder.put(answer.alert)
            yield from self._tell(answer, self._clock)
            yield self._audited(command, alert.alert_id, told_of(alert), told_of(answer.alert), None)

    def _link(self, command: Command) -> Iterator[Output]:
        holder = self._holder(command.alert_id)
        alert = None if holder is None else holder.alerts[command.alert_id]
        links, holders = self._orders.links[command.region], self._holders(command.region)
        named = {each for each in command.incidents if any(holder.ledger.names(each) for holder in holders)}
        answer = tie(links, alert, command, named, self._clock)
        if isinstance(answer, Refusal) or holder is None or alert is None:
            yield from self._refused(command, cast("Refusal", answer), alert)
            return
        transition, changed = answer
        holder.put(transition.alert)
        yield from self._tell(transition, self._clock)
        for each in holders:
            areas, moved = each.relink(changed, self._clock)
            for consequence in moved:
                yield from self._tell(replace(consequence, cause=command.command_id), self._clock)
            if isinstance(each, UnitWatch) and self._counts and areas:
                for count in area_counts(each, self._clock, self._clock, areas):
                    yield Output(COUNTS, f"{count.area}|{count.group}", count)
        after = holder.alerts[command.alert_id]
        yield self._audited(command, alert.alert_id, told_of(alert), told_of(after), None)

    def _holder(self, alert_id: str) -> UnitWatch | SentinelWatch | None:
        return next((holder for holder in self._holders() if alert_id in holder.alerts), None)

    def _holders(self, region: str = "") -> list[UnitWatch | SentinelWatch]:
        """All of *region*, "" for all."""
        holders: list[tuple[Key, UnitWatch | SentinelWatch]] = [*self._watches.items(), *self._sentinels.items()]
        return [holder for key, holder in holders if region in {"", key[0]}]

    def _hush(self, command: Command) -> Iterator[Output]:
        silence = hush(command, self._clock)
        if isinstance(silence, Refusal):
            yield from self._refused(command, silence, None)
            return
        self._orders.hush(silence)
        kind = AlertKind.PLANNED if silence.planned else AlertKind.SILENCED
        hides = [alert.alert_id for alert in self.alerts() if alert.is_open and silence.covers(alert, self._clock)]
        detail = f"covers {len(hides)} open alert{'' if len(hides) == 1 else 's'}"
        yield self._answer(command, kind, AlertReason.COMMAND, detail, silence.silence_id)
        yield self._audited(command, silence.silence_id, {}, told_of_silence(silence), None)

    def _unhush(self, command: Command) -> Iterator[Output]:
        silence = self._orders.silence(command.alert_id, command.region)
        if silence is None:
            yield from self._refused(command, silence_refused(command), None)
            return
        self._orders.unhush(silence.silence_id)
        yield self._answer(command, AlertKind.UNSILENCED, AlertReason.COMMAND, "ended", silence.silence_id)
        yield self._audited(command, silence.silence_id, told_of_silence(silence), {}, None)

    def _feed(self, command: Command) -> Iterator[Output]:
        sight = self._sight[command.region]
        if not sight.feeds.take(command, self._clock) or not sight.arrivals.knows(command.body):
            return
        kind = AlertKind(command.kind)
        yield self._answer(command, kind, AlertReason.COMMAND, command.text, f"feed|{command.body}")
        yield self._audited(command, command.body, {}, {}, None)
        for (region, _, _), watch in self._watches.items():
            blind = sight.blind(watch.unit.group, self._clock)
            if region == command.region and blind != watch.blind:
                watch.blind = blind
                if self._counts and self._clock:
                    for count in area_counts(watch, self._clock, None, None):
                        yield Output(COUNTS, f"{count.area}|{count.group}", count)

    def _refused(self, command: Command, refusal: Refusal, alert: AlertState | None) -> Iterator[Output]:
        yield self._answer(command, AlertKind.REFUSED, *refusal)
        facts = {} if alert is None else told_of(alert)
        yield self._audited(command, command.alert_id, facts, facts, refusal)

    def _answer(self, command: Command, kind: AlertKind, reason: AlertReason, detail: str, subject: str = "") -> Output:
        version = self._budgets[command.region].version
        event = answer_to(
            command, kind, reason, detail, self._clock, tense=self._tense, calibration=version, subject=subject
        )
        return Output(EVENTS, event.alert_id or command.command_id, event)

    def _audited(self, command: Command, of: str, before: Facts, after: Facts, refusal: Refusal | None) -> Output:
        return Output(AUDIT, command.actor, audited(command, self._clock, of, before, after, refusal))

    def _forget(self, now: Millis) -> None:
        for holder in self._holders():
            holder.forget(now)
        self._orders.forget(now)
        self._injections.forget(now)

    def alerts(self) -> list[AlertState]:
        """All alerts remembered, by id."""
        remembered = (alert for holder in self._holders() for alert in holder.alerts.values())
        return sorted(remembered, key=lambda alert: alert.alert_id)

    def rates(self) -> dict[tuple[str, str], Rates]:
        """What is promised and what came, by region and pool of its budget."""
        return {
            (region, pool): rates for region, budget in self._budgets.items() for pool, rates in budget.rates().items()
        }

    def dirty(self) -> Iterable[Row]:
        """Rows changed since the last call."""
        rows = [row for watch in self._watches.values() for row in watch.dirty()]
        rows += [row for sentinel in self._sentinels.values() for row in sentinel.dirty()]
        rows += [row for sight in self._sight.values() for row in sight.dirty()]
        rows += [*self._orders.dirty(), *self._injections.dirty(), *self._left.dirty()]
        rows += [row for region, budget in self._budgets.items() for row in budget.dirty(region)]
        return rows

    def marker(self) -> Marker:
        """What has been evaluated, and which commands were taken in."""
        return {**self._waiting.marker(), "clock": self._clock, "heard": self._heard}

    def resume_at(self, next_offset: int) -> int:
        """Read again from the first count that still waits for its tick."""
        return self._waiting.resume_at(next_offset)

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        """Take over models, hours, alerts, silences and calibrations of an earlier owner."""
        models: dict[Key, list[tuple[str, RowValue]]] = {}
        late: list[Row] = []
        for key, value in self._left.restore(rows).items():
            kind, _, rest = key.partition("|")
            if kind == "model":
                region, level, group, name = rest.split("|", 3)
                models.setdefault((region, level, group), []).append((name, value))
            else:
                late.append(Row(key, value))
        if marker is not None:
            self._clock, self._heard = cast("int", marker["clock"]), cast("int", marker["heard"])
            self._waiting.restore(
                cast("int", marker["done"]), cast("list[int]", marker["folded"]), cast("list[int]", marker["boundary"])
            )
        # links first: they say how the hours count
        late = self._injections.restore(self._orders.restore(late))
        for unit, state in models.items():
            watch = self._watch(unit, self._clock - self._clock % HOUR, self._clock)
            watch.model.restore(cast("list[ModelRow]", state))
        for name, kept in late:
            self._restore(name, cast("RowValue", kept))
        self._begin()
        for watch in self._watches.values():
            watch.blind = self._sight[watch.unit.region].blind(watch.unit.group, self._clock)

    def _begin(self) -> None:
        """Begin units of whole regions that a journal knows nothing of: with the weeks that their areas keep."""
        for region, level, group in self._units:
            areas = self._watches.get((region, self._plans[region].level, group))
            if level != WHOLE_LEVEL or areas is None or (region, level, group) in self._watches:
                continue
            whole = self._watch((region, level, group), areas.model.kept_hours().start, self._clock)
            self._sight[region].arrivals.tell(group, whole.model)
            begin(whole, areas, self._clock, self._tense)
            whole.model.advance(self._clock)

    def _restore(self, key: str, value: RowValue) -> None:
        kind, first, *rest = key.split("|")
        if kind in {"calibration", "feedback"}:
            self._budgets[first].restore(kind, value)
        elif kind in {"delay", "feed", "revisions"}:
            self._sight[first].restore(kind, rest, value)
        else:
            unit = (first, rest[0], rest[1])
            holder = self._sentinels.get(unit) or self._watches[unit]
            if kind == "alert":
                holder.restore_alert(value)
            else:
                holder.ledger.restore(key, value)


def _key(unit: Unit) -> Key:
    return unit.region, unit.level, unit.group


def _order(count: HourCount) -> tuple[Millis, str, str, str]:
    return count.hour, count.level, count.area, count.group

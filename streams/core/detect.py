"""
The third stage: at each tick, tell whether violence in any area is above what is normal there.

Counts wait until every enriched partition has reached the tick; then everything is evaluated exactly once for it.
Commands take effect where they stand in the log. What is watched closely between two full evaluations is what changed
and what is alerted; a full evaluation comes every five minutes of the stream's own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import cast

from schemas.events import (
    DAY,
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
from streams.core.detection.unit import Unit, UnitModel
from streams.core.guard import HELD_BACK
from streams.core.injection import Injections
from streams.core.orders import CONTROLLER, Orders, audited, silence_refused, tie, weighed
from streams.core.regionplan import RegionPlan
from streams.core.revisions import REVISIONS
from streams.core.stage import Marker, Output, Record, Renew, Row, Rows, RowValue
from streams.core.thresholds import StandingBudget
from streams.core.watch import UnitWatch
from streams.core.watches import Watches
from streams.core.whole import Left

COUNTS = "areas.counts"
EVENTS = "alerts.events"
STATE = "alerts.state"
AUDIT = "audit"
FULL_EVERY: Millis = 300_000


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
        self._orders = Orders(self._plans)
        self._budgets = {
            plan.region: StandingBudget(plan.units, plan.alerts_per_week, plan.own_budgets, feedback=plan.feedback)
            for plan in plans
        }
        self._watches = Watches(self._plans, self._budgets, self._orders.links, tense=tense, models=models)
        self._left = Left(self._watches.known)
        self._injections = Injections(self._watches.known)
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
        self._injections.take(closed.items, now)
        self._watches.take((count for count in closed.items if count.tense == self._tense), now)
        self._clock = now
        turned = before is not None and now // DAY > before // DAY
        if turned:
            self._watches.tell_delays()
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
        for pool, weighing in self._budgets[region].turn(before, self._clock, lambda: self._watches.alerts(region)):
            if weighing.judged.opened or weighing.after != weighing.before:
                yield Output(AUDIT, CONTROLLER, weighed(region, pool, weighing, self._clock))

    def _alarms(self, plan: RegionPlan, closed: Closed[HourCount]) -> Iterator[Output]:
        version = self._budgets[plan.region].version
        mass = self._watches.sight[plan.region].revisions.take(self._told(plan, closed, REVISIONS), closed.clock)
        held = self._told(plan, closed, HELD_BACK)
        if held or mass is not None:
            event = alarm_of(plan.region, held, mass, closed.clock, tense=self._tense, calibration=version)
            yield Output(EVENTS, event.alert_id, event)

    def _told(self, plan: RegionPlan, closed: Closed[HourCount], group: str) -> list[HourCount]:
        """What all partitions tell of *plan*'s region beside its counts."""
        wanted = (self._tense, plan.region, group)
        return [each for each in closed.items if (each.tense, each.region, each.group) == wanted]

    def _region(self, plan: RegionPlan, now: Millis, before: Millis | None, *, everything: bool) -> Iterator[Output]:
        for sentinel in self._watches.sentinels_of(plan.region):
            for transition in sentinel.evaluate(now, mass=self._watches.sight[plan.region].revisions.held(now)):
                yield from self._tell(transition, now)
        for watch in self._watches.units_of(plan.region):
            yield from self._unit(watch, now, before, everything=everything)
        for event in self._injections.evaluate(plan.region, self._watches.units, self._budgets[plan.region], now):
            yield Output(EVENTS, event.alert_id, event)
        if self._counts:
            yield Output(COUNTS, f"heartbeat|{plan.region}", heartbeat(plan.region, now))

    def _unit(self, watch: UnitWatch, now: Millis, before: Millis | None, *, everything: bool) -> Iterator[Output]:
        changed = frozenset(watch.ledger.changed)
        seen, watch.blind = watch.blind, self._watches.blind(watch, now)
        turned = seen != watch.blind
        if not everything and not changed and not watch.alerts and not turned:
            return
        moved = [self._watches.inhibited(watch, each) for each in watch.evaluate(now, everything=everything)]
        moved += self._watches.released(watch, now)
        for transition in moved:
            yield from self._tell(transition, now)
        if self._counts:
            told = changed.union(*(each.alert.areas for each in moved))
            for count in area_counts(watch, now, before if everything else now, None if turned else told):
                yield Output(COUNTS, f"{count.area}|{count.group}", count)

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
        holder = self._watches.holder(command.alert_id)
        alert = None if holder is None else holder.alerts[command.alert_id]
        answer = act(alert, command, self._clock)
        if isinstance(answer, Refusal):
            yield from self._refused(command, answer, alert)
        elif answer is not None and holder is not None and alert is not None:
            holder.put(answer.alert)
            yield from self._tell(answer, self._clock)
            yield self._audited(command, alert.alert_id, told_of(alert), told_of(answer.alert), None)

    def _link(self, command: Command) -> Iterator[Output]:
        holder = self._watches.holder(command.alert_id)
        alert = None if holder is None else holder.alerts[command.alert_id]
        links, holders = self._orders.links[command.region], self._watches.holders(command.region)
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
        sight = self._watches.sight[command.region]
        if not sight.feeds.take(command, self._clock) or not sight.arrivals.knows(command.body):
            return
        kind = AlertKind(command.kind)
        yield self._answer(command, kind, AlertReason.COMMAND, command.text, f"feed|{command.body}")
        yield self._audited(command, command.body, {}, {}, None)
        for watch in self._watches.units_of(command.region):
            seen, watch.blind = watch.blind, self._watches.blind(watch, self._clock)
            if seen != watch.blind and self._counts and self._clock:
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
        self._watches.forget(now)
        self._orders.forget(now)
        self._injections.forget(now)

    def alerts(self) -> list[AlertState]:
        """All alerts remembered, by id."""
        return sorted(self._watches.alerts(), key=lambda alert: alert.alert_id)

    def rates(self) -> dict[tuple[str, str], Rates]:
        """What is promised and what came, by region and pool of its budget."""
        return {
            (region, pool): rates for region, budget in self._budgets.items() for pool, rates in budget.rates().items()
        }

    def dirty(self) -> Iterable[Row]:
        """Rows changed since the last call."""
        rows = [*self._watches.dirty(), *self._orders.dirty(), *self._injections.dirty(), *self._left.dirty()]
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
        if marker is not None:
            self._clock, self._heard = cast("int", marker["clock"]), cast("int", marker["heard"])
            self._waiting.restore(
                cast("int", marker["done"]), cast("list[int]", marker["folded"]), cast("list[int]", marker["boundary"])
            )
        # links first: they say how the hours count
        known = [Row(key, value) for key, value in self._left.restore(rows).items()]
        others = self._injections.restore(self._orders.restore(known))
        self._watches.restore(self._budgeted(others), self._clock)

    def _budgeted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Take calibrations and what feedback made of them over; the other rows."""
        for row in rows:
            kind, _, region = row.key.partition("|")
            if kind in {"calibration", "feedback"}:
                self._budgets[region].restore(kind, cast("RowValue", row.value))
            else:
                yield row

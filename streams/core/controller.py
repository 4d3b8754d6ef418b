"""
The slow controller of an alert budget: what people closed as nothing moves the thresholds, a little, once a week.

A calibration keeps its budget on null years of the fitted model. Real weeks differ from those, by a quarter or so; what
the desk says of its alerts is the only measure of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, cast

from schemas.events import DAY, Millis
from streams.core.stage import RowValue

WEEK: Millis = 7 * DAY
MONDAY: Millis = 4 * DAY
"""The epoch's first Monday: weeks are of UTC, Monday to Sunday."""
NOTHING = frozenset({"nothing_found", "data_error"})
"""Outcomes that say that there was no violence above normal. A duplicate and a planned event tell of some."""
GAIN = 0.1
MOST_A_WEEK = 0.3
MOST = 1.5
"""Furthest from the calibration: a factor of seven in false alerts. Beyond that it is wrong, not off."""
RECENT = 8
"""Weeks that a realised rate, and the share of alerts that people close, are taken over."""
ENOUGH_WEEKS = 4
ENOUGH_CLOSED = 0.5
"""Share below which closing says more of the desk's habit than of the alerts: many close only what was real."""


def week_of(at: Millis) -> int:
    """
    Number of the week that *at* lies in.

    >>> week_of(MONDAY - 1), week_of(MONDAY), week_of(MONDAY + WEEK)
    (-1, 0, 1)
    """
    return (at - MONDAY) // WEEK


class Case(NamedTuple):
    """What counts of one alert: when it opened, what it was closed as ("" if not), whether corrections took it back."""

    opened_at: Millis
    outcome: str
    retracted: bool


class Rates(NamedTuple):
    """
    Of one budget, in alerts a week: false ones allowed, and all that opened lately, None before there are four weeks.

    ``correction`` is what feedback has added to its thresholds.
    """

    nominal: float
    realised: float | None
    correction: float


class Judged(NamedTuple):
    """Alerts that opened in one week and were not retracted, those of them that were closed, and closed as nothing."""

    opened: int
    closed: int
    nothing: int


class Answer(StrEnum):
    """What the controller makes of a week."""

    MOVED = "MOVED"
    NOT_CLOSED = "NOT_CLOSED"


class Weighing(NamedTuple):
    """What became of the correction, and of which week that is; ``share`` is the part of its alerts that spoke."""

    answer: Answer
    week: int
    judged: Judged
    share: float
    before: float
    after: float

    @property
    def words(self) -> str:
        """
        One line for the audit.

        >>> Weighing(Answer.MOVED, 0, Judged(4, 2, 1), 0.5, 0.0, 0.05).words
        'week of 1970-01-05: 4 opened, 2 closed, 1 as nothing; thresholds +0.000 became +0.050'
        """
        opened, closed, nothing = self.judged
        monday = dt.datetime.fromtimestamp((self.week * WEEK + MONDAY) / 1000, dt.UTC)
        told = f"week of {monday:%Y-%m-%d}: {opened} opened, {closed} closed, {nothing} as nothing"
        if self.answer is Answer.MOVED:
            return f"{told}; thresholds {self.before:+.3f} became {self.after:+.3f}"
        return f"{told}; thresholds stay at {self.before:+.3f}: too few are closed to tell"


def judge(cases: Iterable[Case], week: int) -> Judged:
    """Count the alerts that opened in *week*."""
    known = [case for case in cases if week_of(case.opened_at) == week and not case.retracted]
    closed = [case.outcome for case in known if case.outcome]
    return Judged(len(known), len(closed), sum(outcome in NOTHING for outcome in closed))


def corrected(correction: float, nothing: int, share: float, nominal: float) -> float:
    """
    *correction* after a week in which *nothing* alerts were closed as nothing, for *nominal* allowed.

    ``h += 0.1 (f - s B) / max(B, 1)``: f closed as nothing, s the share of the week's alerts that were closed, B the
    budget. f / s - B is the error of the week, scaled up to all its alerts; times s, so that a week of which little is
    known moves little, and one of which nothing is known not at all. Stochastic approximation (Robbins & Monro 1951)
    with a constant gain, since cities change: the step is nought on average exactly where false alerts keep the budget.

    False alerts fall e-fold for k = 0.75 of threshold (``usual_threshold``), so near the budget an error fades in
    k max(B, 1) / (0.1 B) weeks, seven and a half from one alert a week upwards, and the noise of the weeks' counts
    keeps h within a standard deviation of sqrt(0.1 k / (2 max(B, 1))): 0.19 at one a week, 0.07 at seven. Dividing by B
    below one a week would move thresholds by tenths for single alerts. One week moves h by 0.3 at most, all by 1.5.

    >>> corrected(0.0, 2, 1.0, 1.0), corrected(0.0, 0, 0.5, 1.0), corrected(1.45, 30, 1.0, 1.0)
    (0.1, -0.05, 1.5)
    """
    step = GAIN * (nothing - share * nominal) / max(nominal, 1.0)
    moved = correction + min(max(step, -MOST_A_WEEK), MOST_A_WEEK)
    return min(max(moved, -MOST), MOST)


def share_closed(weeks: Iterable[Judged]) -> float:
    """Part of the alerts of *weeks* that people closed; 0 of none."""
    known = list(weeks)
    opened = sum(week.opened for week in known)
    return sum(week.closed for week in known) / opened if opened else 0.0


@dataclass(frozen=True, slots=True)
class Controller:
    """
    What one budget has learnt from its desk since the calibration in force.

    ``correction`` is added to the thresholds of all units that share the budget. ``since`` is the first week that was
    watched from its beginning, None before the first tick; ``opened`` are the alerts of the newest full weeks, at most
    eight; ``judged`` the newest eight weeks in which something opened, as they were judged.
    """

    correction: float = 0.0
    since: int | None = None
    opened: tuple[int, ...] = ()
    judged: tuple[Judged, ...] = ()

    @property
    def realised(self) -> float | None:
        """Alerts a week, of the newest eight full weeks; None before there are four."""
        return sum(self.opened) / len(self.opened) if len(self.opened) >= ENOUGH_WEEKS else None

    def turn(
        self, before: Millis | None, now: Millis, cases: Iterable[Case], nominal: float
    ) -> tuple[Controller, Weighing | None]:
        """
        The controller at the tick *now*, and what it made of a week if one was judged; *before* is the tick before.

        A week is judged a week after its end, so people have seven to fourteen days to close an alert; what they say
        later changes nothing. Weeks that the clock skipped or entered in their middle are not judged.
        """
        week = week_of(now)
        if before is None or self.since is None or week > week_of(before) + 1:
            return replace(self, since=week + 1), None
        if week == week_of(before):
            return self, None
        known = list(cases)
        after = self
        if week - 1 >= self.since:
            fresh = sum(week_of(case.opened_at) == week - 1 for case in known)
            after = replace(after, opened=(*after.opened, fresh)[-RECENT:])
        return _weighed(after, week - 2, known, nominal) if week - 2 >= self.since else (after, None)

    def to_row(self) -> RowValue:
        """Plain values for the journal."""
        return self.correction, self.since, self.opened, tuple(tuple(week) for week in self.judged)

    @classmethod
    def from_row(cls, row: RowValue) -> Controller:
        """Inverse of :meth:`to_row`."""
        correction, since, opened, judged = cast("tuple[float, int | None, list[int], list[list[int]]]", row)
        return cls(correction, since, tuple(opened), tuple(Judged(*week) for week in judged))


def _weighed(known: Controller, week: int, cases: Iterable[Case], nominal: float) -> tuple[Controller, Weighing]:
    judged, was = judge(cases, week), known.correction
    after = replace(known, judged=(*known.judged, judged)[-RECENT:]) if judged.opened else known
    usual = share_closed(after.judged)
    # an empty week is evidence too, as far as the desk would have spoken; left out, thresholds would only ever rise
    share = judged.closed / judged.opened if judged.opened else usual
    if usual < ENOUGH_CLOSED:
        return after, Weighing(Answer.NOT_CLOSED, week, judged, share, was, was)
    moved = corrected(was, judged.nothing, share, nominal)
    return replace(after, correction=moved), Weighing(Answer.MOVED, week, judged, share, was, moved)

"""
When a source usually sends, learnt from when it sent: how many arrivals are missing by now.

An arrival is a slot of ten seconds with at least one record, so that a burst counts once. Arrivals of an hour of the
week are Poisson with a gamma prior (conjugate: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6) whose mean
is that of the same hour on all days, worth :data:`PRIOR` weeks; that one is shrunk to the mean of all hours in the same
way. Pure: instants are given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events import Millis

SLOT = 10_000
"""ms."""
HOUR = 3_600_000
DAY, WEEK = 24, 168
"""Hours."""
PRIOR = 2.0
"""Weeks that the mean of the same hour on all days is worth, beside what an hour of the week showed itself."""
KEPT = 0.9
"""Share of its weight that an hour of the week keeps from one week to the next."""
LEARNT_AFTER = 24
"""Hours of listening before anything is expected."""
TEACHES = 24
"""Hours of a silence that are learnt from: more would make an outage the habit."""
SILENT = 10.0
"""Missing arrivals from which a source counts as silent: by chance once in e^10 = 22 000 such waits."""


@dataclass(slots=True)
class Arrivals:
    """Rhythm of one source."""

    last: Millis | None = None
    _counts: list[float] = field(default_factory=lambda: [0.0] * WEEK)
    _weeks: list[float] = field(default_factory=lambda: [0.0] * WEEK)
    _open: int = 0
    """Hour since the epoch that is being counted."""
    _in_open: int = 0
    _hours: int = 0

    def heard(self, at: Millis) -> None:
        """Take one record in; records older than the newest change nothing."""
        if self.last is None:
            self._open = at // HOUR + 1
        elif at // SLOT <= self.last // SLOT:
            self.last = max(self.last, at)
            return
        elif at // HOUR > self._open:
            self._close_until(at // HOUR)
        self._in_open += at // HOUR == self._open
        self.last = at

    def missing(self, now: Millis) -> float:
        """Arrivals that should have come since the last one; 0 while the rhythm is not known."""
        if self.last is None or self._hours < LEARNT_AFTER:
            return 0.0
        since, expected = self.last, 0.0
        while since < now:
            end = min((since // HOUR + 1) * HOUR, now)
            expected += self._rate(since // HOUR % WEEK) * (end - since) / HOUR
            since = end
        return expected

    def _rate(self, hour: int) -> float:
        mean = sum(self._counts) / sum(self._weeks)
        of_day = range(hour % DAY, WEEK, DAY)
        usual = (sum(self._counts[each] for each in of_day) + mean) / (sum(self._weeks[each] for each in of_day) + 1)
        return (self._counts[hour] + PRIOR * usual) / (self._weeks[hour] + PRIOR)

    def _close_until(self, hour: int) -> None:
        self._learn(self._open, self._in_open)
        for silent in range(self._open + 1, min(hour, self._open + 1 + TEACHES)):
            self._learn(silent, 0)
        self._open, self._in_open = hour, 0

    def _learn(self, hour: int, arrivals: int) -> None:
        place = hour % WEEK
        self._counts[place] = KEPT * self._counts[place] + arrivals
        self._weeks[place] = KEPT * self._weeks[place] + 1
        self._hours += 1

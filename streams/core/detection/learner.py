"""What a unit learns: counts come in, days turn, each turned day is learnt."""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from streams.core.detection import level as levels
from streams.core.detection.background import background_share, noise_columns
from streams.core.detection.baseline import Baseline
from streams.core.detection.calendar import Calendar
from streams.core.detection.evidence import window_counts, window_totals
from streams.core.detection.localtime import DAY, HOUR_MS, LocalTime, current_hour
from streams.core.detection.noise import Noise
from streams.core.detection.ring import KEPT, SLOTS, Ring
from streams.core.detection.rows import Row, packed, unpacked
from streams.core.detection.values import Readiness, Unit

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

LONGEST_WINDOW = 28 * DAY
SILENCE = 14.0
"""Expected batches without a single incident that are too many to be chance (e^-14 is one in a million)."""
LEAST_A_DAY = 0.05
RATHER_SPIKE = 0.7
"""Share of background at or below which a day teaches nothing about noise."""
STEP = 2.5
GREY_DAYS = 14


class Learner:
    """
    The state of a unit: its last weeks hour by hour, and what was learnt from all before.

    ``record`` and ``advance`` change it, ``dirty`` and ``restore`` write it down and bring it back to the bit.
    """

    def __init__(self, unit: Unit, start_ms: int) -> None:
        self.unit = unit
        settings = unit.settings
        areas = len(unit.areas)
        # rows name areas by their place in the list
        self._areas = float(crc32("\n".join(unit.areas).encode()) >> 8)
        self._local = LocalTime(unit.zone, unit.day_starts)
        self._calendar = Calendar(unit.periods, areas, settings.calendar_prior)
        self._baseline = Baseline(areas, self._calendar, self._local, settings)
        self._noise = Noise(areas, settings)
        self._longest = max(settings.windows)
        self._first_day = self._day = self._local.day_of(start_ms // HOUR_MS)
        self._ring = Ring(areas, self._local.first_hour(self._day))
        self._complete = np.ones(LONGEST_WINDOW)
        self._touched: set[tuple[int, int]] = set()
        self._turned: list[int] = []
        self._completed = False
        self._grey = np.zeros(areas)
        self._mute = np.zeros(areas)
        self._exposure: list[Floats] = []
        self._rates: list[Floats] = []
        self._level = self._baseline.level
        self._variance = self._noise.variance()
        self._batch = self._noise.batch()
        self._open()

    def record(self, area: int, hour_ms: int, incidents: int) -> bool:
        """Set the count of *area* in the hour that starts at *hour_ms*; False if the hour is older than the ring."""
        hour = hour_ms // HOUR_MS
        if hour >= self._ring.room():
            self.advance(hour_ms + 1)
        if hour < self._ring.oldest():
            return False
        self._ring.counts[area, hour - self._ring.first] = incidents
        self._touched.add((area, hour // DAY))
        return True

    def record_hours(self, first_hour: int, counts: npt.NDArray[np.integer[Any]]) -> None:
        """Set the counts of all areas in consecutive hours (since the epoch); [areas, hours], all inside the ring."""
        end = first_hour + counts.shape[1]
        if first_hour < self._ring.oldest() or end > self._ring.room():
            raise ValueError(f"hours {first_hour} to {end} are not inside the ring of {self.unit.key}")
        self._ring.counts[:, self._ring.slice(first_hour, end)] = counts
        days = range(first_hour // DAY, (end - 1) // DAY + 1)
        self._touched.update((area, day) for area in range(len(counts)) for day in days)

    def complete(self, completeness: Floats) -> None:
        """
        Set what share of each past hour's incidents has arrived, newest first, as seen at a whole hour.

        [hours], at most 28 days; older hours are complete. Stays until it is set again.
        """
        self._complete = np.ones(LONGEST_WINDOW)
        self._complete[: len(completeness)] = completeness[:LONGEST_WINDOW]
        self._completed = True

    def advance(self, now_ms: int) -> None:
        """Turn the days up to *now_ms*: each turned day is learnt, the new one gets its expected counts."""
        day = self._local.day_of(current_hour(now_ms))
        while self._day < day:
            self._turn()

    def _turn(self) -> None:
        share = self._background()
        settled = self._day - self.unit.settings.lag
        if settled >= self._first_day:
            self._learn_noise(settled, share)
            self._rates[-1 - self.unit.settings.lag] = self._baseline.rate()
            self._baseline.commit(
                settled, self._counts_of(settled), share[:, -1 - self.unit.settings.lag], 1.0, self._batch
            )
        self._day += 1
        self._check_coverage()
        self._mute = (self._silence() > SILENCE * self._batch).astype(np.float64)
        self._carry(share)
        self._exposure = self._exposure[1 - self.unit.settings.hindsight :]
        self._rates = self._rates[1 - self.unit.settings.hindsight :]
        self._open()

    def _background(self) -> Floats:
        """Share of background in the counts of the last days, today last; [areas, days]."""
        days = len(self._exposure)
        if self._day - self._first_day < self.unit.settings.min_days:
            return np.ones((len(self.unit.areas), days))
        settings = self.unit.settings
        rate = self._baseline.rate()
        rates = np.array(self._rates[: max(days - settings.lag - 1, 0)] + [rate] * min(days, settings.lag + 1))
        expected = rates * np.array(self._exposure) * self._completeness(days)[:, None]
        noise = np.stack([self.noise_over(hours) for hours in noise_columns(settings)], axis=1)
        return background_share(self._observed(days).T, expected.T, noise, self._batch, settings)

    def _observed(self, days: int) -> Floats:
        """Counts of the last days, today last; [days, areas]."""
        return np.array([self._counts_of(self._day - back).sum(axis=1) for back in range(days - 1, -1, -1)])

    def _completeness(self, days: int) -> Floats:
        """Completeness of the last days, the one just over last."""
        answer: Floats = self._complete[: days * DAY].reshape(days, DAY).mean(axis=1)[::-1]
        return answer

    def _carry(self, share: Floats) -> None:
        """Carry the level over the days that are not settled yet."""
        level = self._baseline.level
        days = min(self.unit.settings.lag, len(self._exposure))
        complete = self._completeness(days)
        for k, back in enumerate(range(days, 0, -1)):
            observed = self._counts_of(self._day - back).sum(axis=1) * share[:, -back]
            level, _ = levels.stepped(
                level,
                observed,
                self._exposure[-back],
                self.unit.settings,
                complete=float(complete[k]),
                batch=self._batch,
            )
        self._level = level

    def _open(self) -> None:
        """Expected counts of the day that begins."""
        base = self._baseline.shape_of(self._day)
        first = self._local.first_hour(self._day)
        end = first + base.shape[1]
        if self._ring.extend(end):
            self._touched = {(area, day) for area, day in self._touched if day * DAY >= self._ring.first}
        rate = levels.current(self._level, self.unit.settings)
        self._handicap = self._handicap_of(rate)
        self._ring.forecast(self._day, first, base, rate)
        self._exposure.append(base.sum(axis=1))
        self._rates.append(rate)
        self._turned = [*self._turned[1 - SLOTS :], self._day]

    def _handicap_of(self, rate: Floats) -> Floats:
        """
        What is taken off the score of each area: evenness x ln(incidents a day).

        Busy areas look at more incidents and so cross any threshold more often; this evens false alerts over areas
        and costs no detection (docs/detection.md).
        """
        answer: Floats = self.unit.settings.evenness * np.log(DAY * rate + LEAST_A_DAY)
        return answer

    def _counts_of(self, day: int) -> Floats:
        return self._ring.counts[:, self._part(day)]

    def _part(self, day: int) -> slice:
        return self._ring.slice(self._local.first_hour(day), self._local.first_hour(day + 1))

    def _learn_noise(self, day: int, share: Floats) -> None:
        """
        Windows that end in *day*, every third hour, but those that touch a day that was rather a spike.

        share: of background in each of the last days, today last; [areas, days].
        """
        if day - self._first_day < self.unit.settings.min_days:
            return
        end = self._local.first_hour(day + 1)
        observed, expected = self._windows(
            range(end - 21, end + 1, 3), np.ones(self._longest), np.arange(len(self.unit.areas))
        )
        last = share.shape[1] - (self._day - day)
        spans = [slice(max(last - 1 - hours // DAY, 0), last) for hours in self.unit.settings.windows]
        usable = np.stack([share[:, span].min(axis=1) > RATHER_SPIKE for span in spans], axis=1)
        hours = self._part(day)
        self._noise.learn(
            observed.transpose(1, 0, 2),
            expected.transpose(1, 0, 2),
            usable,
            self._ring.counts[:, hours],
            self._ring.expected[:, hours],
        )
        self._variance = self._noise.variance()
        self._batch = self._noise.batch()

    def _check_coverage(self) -> None:
        """
        Turn areas grey whose reporting has changed in one step, and let them learn their level anew.

        A step: in each of the last four weeks more than 2.5 times what the long-run level expects, or less than
        1/2.5, and in all beyond six standard deviations.
        """
        days = self._day - self._first_day
        if days < max(2 * self.unit.settings.min_days, LONGEST_WINDOW // DAY) or self._day % 7:
            return
        end = self._local.first_hour(self._day)
        part = self._ring.slice(end - LONGEST_WINDOW, end)
        observed = self._ring.counts[:, part].reshape(-1, 4, 7 * DAY).sum(axis=2)
        shape = np.maximum(self._baseline.mean_hour(), 1e-9)[:, None] * (7 * DAY)
        ratio = observed / shape
        total = 4.0 * shape[:, 0]
        sure = np.abs(observed.sum(axis=1) - total) > 6.0 * np.sqrt(self._batch * total + 0.02 * total**2)
        step = sure & ((ratio > STEP).all(axis=1) | (ratio < 1.0 / STEP).all(axis=1))
        if step.any():
            self._baseline.restart(step, observed.sum(axis=1), float(LONGEST_WINDOW))
            self._grey[step] = self._day + GREY_DAYS

    def readiness(self) -> list[Readiness]:
        """Whether each area can be scored, as of the last turn of a day."""
        return [self.ready(area) for area in range(len(self.unit.areas))]

    def ready(self, area: int) -> Readiness:
        """Whether *area* can be scored, as of the last turn of a day."""
        if self._day - self._first_day < self.unit.settings.min_days:
            return Readiness.NOT_ENOUGH_HISTORY
        if self._mute[area]:
            return Readiness.NO_DATA
        return Readiness.COVERAGE_CHANGED if self._grey[area] > self._day else Readiness.READY

    def _silence(self) -> Floats:
        """Expected incidents since the last one, [areas], over the last 28 days up to the turn of this day."""
        end = self._local.first_hour(self._day)
        first = max(self._ring.first, end - LONGEST_WINDOW)
        part = self._ring.slice(first, end)
        weights = self._complete[: end - first][::-1]
        quiet = np.cumsum(self._ring.counts[:, part][:, ::-1], axis=1)[:, ::-1] == 0
        answer: Floats = (self._ring.expected[:, part] * weights * quiet).sum(axis=1)
        return answer

    def _windows(self, ends: Sequence[int], weights: Floats, rows: Indexes) -> tuple[Floats, Floats]:
        """Counts and expected counts over the windows that end before each hour of *ends*; [ends, rows, windows]."""
        starts = np.array(ends) - self._longest - self._ring.first
        windows = self.unit.settings.windows
        return (
            window_counts(self._ring.counts, starts, self._longest, rows, windows),
            window_totals(self._ring.base, starts, weights, rows, windows) * self._rates_at(starts, rows),
        )

    def _rates_at(self, starts: Indexes, rows: Indexes) -> Floats:
        """
        Level of each area as it was forecast for the day in which each window begins; [starts, rows, windows].

        A spike that is still running has then no part in the level that it is held against.
        """
        columns = np.maximum(starts[:, None] + self._longest - np.array(self.unit.settings.windows), 0)
        slots = self._ring.day[columns] % SLOTS
        answer: Floats = self._ring.rate[rows[None, :, None], slots[:, None, :]]
        return answer

    def _weights(self, now_ms: int, hours: int) -> Floats:
        """Share of each hour's expected count that should have been seen by *now_ms*; [hours], oldest first."""
        gone = (now_ms - current_hour(now_ms) * HOUR_MS) / HOUR_MS
        weights = self._complete[:hours].copy()
        weights[1:] = (1.0 - gone) * self._complete[: hours - 1] + gone * weights[1:]
        weights[0] *= gone
        return weights[::-1]

    def outlook(self, days: int) -> Floats:
        """Expected counts of today and the *days* - 1 after it at the level of now; [areas, hours]."""
        rate = levels.current(self._level, self.unit.settings)[:, None]
        return np.concatenate(
            [rate * self._baseline.shape_of(day) for day in range(self._day, self._day + days)], axis=1
        )

    def noise_over(self, window_h: int) -> Floats:
        """Variance factor v over *window_h* hours, by straight lines in log hours between the windows; [areas]."""
        grid = np.log(self.unit.settings.windows)
        place = float(np.interp(np.log(window_h), grid, np.arange(len(grid))))
        low = int(place)
        high = min(low + 1, len(grid) - 1)
        answer: Floats = (1.0 - (place - low)) * self._variance[:, low] + (place - low) * self._variance[:, high]
        return answer

    def incidents_behind(self) -> Floats:
        """Incidents that the level of each area rests on, discounted by age, its prior included; [areas]."""
        answer: Floats = self._level.counts + self.unit.settings.level_prior
        return answer

    def batch(self) -> float:
        """b, the variance-to-mean ratio that several victims in one incident bring."""
        return self._batch

    def dirty(self) -> list[Row]:
        """Rows that changed since the last call; a key always holds the whole of what it names."""
        rows = [self._counts_row(area, day) for area, day in sorted(self._touched)]
        self._touched.clear()
        if self._turned:
            for name, array in self._state().items():
                rows += packed(name, array)
            oldest = self._local.day_of(self._ring.oldest())
            for day in (day for day in self._turned if day > oldest):
                expected = np.column_stack((self._ring.rate[:, day % SLOTS], self._ring.base[:, self._part(day)]))
                rows += packed(
                    f"expected/{day % SLOTS}", np.concatenate((np.full((1, expected.shape[1]), day), expected))
                )
        elif self._completed:
            rows += packed("unit/complete", self._complete)
        self._turned.clear()
        self._completed = False
        return rows

    def _counts_row(self, area: int, day: int) -> Row:
        cells = np.zeros(DAY)
        first = max(day * DAY, self._ring.first)
        cells[first - day * DAY :] = self._ring.counts[area, self._ring.slice(first, day * DAY + DAY)]
        return packed(f"counts/{area}/{day % SLOTS}", np.concatenate(([float(day)], cells)))[0]

    def _state(self) -> dict[str, Floats]:
        """Everything learnt, by name."""
        return {
            "unit/areas": np.array([self._areas]),
            "unit/days": np.array([float(self._first_day), float(self._day)]),
            "unit/complete": self._complete,
            "unit/exposure": np.array(self._exposure),
            "unit/rates": np.array(self._rates),
            "unit/grey": self._grey,
            "unit/mute": self._mute,
            "unit/noise": self._variance,
            "unit/batch": np.array([self._batch]),
            **{f"carried/{name}": array for name, array in self._level._asdict().items()},
            **{f"baseline/{name}": array for name, array in self._baseline.state().items()},
            **{f"noise/{name}": array for name, array in self._noise.state().items()},
        }

    def restore(self, rows: Iterable[Row]) -> None:
        """
        Become the model whose ``dirty`` rows these are, to the bit; of several rows of a key, the last counts.

        Raises
        ------
        UsageError
            They are of other areas.

        """
        arrays = unpacked(dict(rows).items())
        state = {name: array for name, array in arrays.items() if not name.startswith(("counts/", "expected/"))}
        if state:
            self._load(state)
        oldest = self._ring.oldest()
        for name, array in arrays.items():
            if name.startswith("counts/"):
                self._load_counts(int(name.split("/")[1]), array)
            elif name.startswith("expected/"):
                self._load_expected(int(array[0, 0]), array[1:], oldest)
        self._touched.clear()
        self._turned.clear()

    def _load(self, state: dict[str, Floats]) -> None:
        if "unit/areas" in state and float(state["unit/areas"][0]) != self._areas:
            raise UsageError(
                f"what was learnt of {self.unit.key} is of other areas than the region pack has now: "
                "go back to that pack, or divide the topics anew (docs/procedures.md)"
            )
        self._first_day, self._day = (int(day) for day in state["unit/days"])
        self._complete = state["unit/complete"].copy()
        self._exposure = [row.copy() for row in state["unit/exposure"]]
        self._rates = [row.copy() for row in state["unit/rates"]]
        self._grey = state["unit/grey"].copy()
        self._mute = state["unit/mute"].copy()
        self._variance = state["unit/noise"].copy()
        self._batch = float(state["unit/batch"][0])
        self._level = levels.Level(**_under("carried/", state))
        self._baseline.load(_under("baseline/", state))
        self._noise.load(_under("noise/", state))
        end = self._local.first_hour(self._day + 1)
        self._ring = Ring(len(self.unit.areas), max(self._local.first_hour(self._first_day), end - KEPT))
        self._ring.extend(end)
        self._handicap = self._handicap_of(levels.current(self._level, self.unit.settings))

    def _load_counts(self, area: int, array: Floats) -> None:
        first = int(array[0]) * DAY
        for hour, count in enumerate(array[1:], start=first):
            if self._ring.first <= hour < self._ring.room():
                self._ring.counts[area, hour - self._ring.first] = count

    def _load_expected(self, day: int, forecast: Floats, oldest: int) -> None:
        first = self._local.first_hour(day)
        if first >= oldest:
            self._ring.forecast(day, first, forecast[:, 1:], forecast[:, 0])


def _under(prefix: str, state: dict[str, Floats]) -> dict[str, Floats]:
    return {name.removeprefix(prefix): array.copy() for name, array in state.items() if name.startswith(prefix)}

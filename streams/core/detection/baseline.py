"""What is expected of each hour of a day: level x hour of the week x season x calendar, learnt day by day."""

import numpy as np
import numpy.typing as npt

from streams.core.detection import level as levels
from streams.core.detection import season
from streams.core.detection.calendar import Calendar
from streams.core.detection.localtime import WEEK, LocalTime
from streams.core.detection.settings import Settings
from streams.core.detection.shapes import factorise, first_shapes, shrunk, smoothed

Floats = npt.NDArray[np.float64]

SHAPES_FROM = 140
"""Days before shapes are factorised; until then all areas share one."""
ROUNDS = 8
SEASON_FROM = 364
SEASON_WEEKS = 312
OWN = (
    "cell_counts",
    "cell_exposure",
    "profile",
    "shapes",
    "weights",
    "waves",
    "week_days",
    "week_totals",
    "running",
)


class Baseline:
    """
    Everything learnt about the areas of a unit but their noise.

    A day is *committed* once, some days late, so that corrections still count; ``forecast`` gives the expected counts
    of a day from what is committed and a level carried on to that day. Cost of a day: O(areas).
    """

    def __init__(self, areas: int, calendar: Calendar, local: LocalTime, settings: Settings) -> None:
        self._settings = settings
        self._local = local
        self._calendar = calendar
        self.level = levels.fresh(areas)
        self.cell_counts = np.zeros((areas, WEEK))
        self.cell_exposure = np.zeros((areas, WEEK))
        self.profile = np.ones((areas, WEEK))
        self.shapes = first_shapes(settings.shapes)
        self.weights = np.full((areas, settings.shapes), 1.0 / settings.shapes)
        self.waves = np.zeros(4)
        self.week_days = np.zeros(0)
        self.week_totals = np.zeros(0)
        self.running = np.zeros(2)

    def shape_of(self, day: int) -> Floats:
        """Expected counts at level 1 in each hour of *day*, [areas, hours]."""
        base = self.profile[:, self._local.cells(day)] * season.factor(self.waves, day)
        effect = self._calendar.effect(self._local.first_hour(day), base.shape[1])
        return base if effect is None else base * effect

    def commit(self, day: int, counts: Floats, share: Floats, complete: float, batch: float) -> None:
        """
        Learn *day* for good from its *counts*, [areas, hours].

        share: of background in them, [areas]; complete: of the incidents that have arrived by now.
        """
        base = self.shape_of(day)
        rate = self.rate()
        background = counts * share[:, None]
        observed = background.sum(axis=1)
        self.level, clipped = levels.stepped(
            self.level, observed, base.sum(axis=1), self._settings, complete=complete, batch=batch
        )
        clean = background * (clipped / np.maximum(observed, 1e-9))[:, None]
        expected = rate[:, None] * base * complete
        if self.level.days[0] > self._settings.min_days:
            self._calendar.learn(self._local.first_hour(day), counts, expected)
        self._learn_cells(day, clean, expected)
        self._learn_season(day, clean, base)
        self._refit()

    def _learn_cells(self, day: int, clean: Floats, expected: Floats) -> None:
        cells = self._local.cells(day)
        keep = 0.5 ** (7.0 / self._settings.profile_half_life)
        exposure = expected / np.maximum(self.profile[:, cells], 1e-9)
        self.cell_counts[:, cells] = keep * self.cell_counts[:, cells] + clean
        self.cell_exposure[:, cells] = keep * self.cell_exposure[:, cells] + exposure

    def _learn_season(self, day: int, clean: Floats, base: Floats) -> None:
        """Add a day to the running week; a full week joins the weekly totals, freed of the calendar."""
        effect = self._calendar.effect(self._local.first_hour(day), base.shape[1])
        usual = base if effect is None else base / effect
        self.running += (clean.sum() * usual.sum() / max(float(base.sum()), 1e-9), 1.0)
        if self.running[1] == 7.0:
            self.week_days = np.append(self.week_days, day - 3.0)[-SEASON_WEEKS:]
            self.week_totals = np.append(self.week_totals, self.running[0])[-SEASON_WEEKS:]
            self.running = np.zeros(2)

    def _refit(self) -> None:
        """Shared shapes every four weeks (each week in the first half year), the season every two."""
        days = int(self.level.days[0])
        if days % 28 == 0 or (days < 182 and days % 7 == 0):
            self._refit_profile(days)
        if days >= SEASON_FROM and days % 14 == 0:
            self.waves = season.fitted(self.week_days, self.week_totals)

    def _refit_profile(self, days: int) -> None:
        counts, exposure = self.cell_counts + 1e-6, self.cell_exposure + 1e-6
        if days < SHAPES_FROM:
            whole = smoothed(counts.sum(axis=0) / exposure.sum(axis=0), 0.8)
            shared = (counts.sum(axis=1) / exposure.sum(axis=1))[:, None] * (whole / whole.mean())
        else:
            rounds = 60 if days < SHAPES_FROM + 28 else ROUNDS
            self.weights, self.shapes = factorise(counts, exposure, self.weights, self.shapes, rounds)
            shared = self.weights @ self.shapes
        self.profile = shrunk(counts, exposure, shared, self._settings.profile_prior)

    def rate(self) -> Floats:
        """Expected incidents in an hour of a mean week, as of the next day to be committed, [areas]."""
        return levels.current(self.level, self._settings)

    def mean_hour(self) -> Floats:
        """Expected incidents in an hour of a mean week by the long-run level alone, [areas]."""
        return levels.mean_level(self.level, self._settings)

    def restart(self, areas: npt.NDArray[np.bool_], counts: Floats, hours: float) -> None:
        """Learn the level of *areas* anew from *counts* over the last *hours* of a mean week."""
        self.level.counts[areas] = counts[areas]
        self.level.exposure[areas] = hours
        self.level.deviation[areas] = 0.0

    def state(self) -> dict[str, Floats]:
        """Everything learnt, by name."""
        own = {name: getattr(self, name) for name in OWN}
        return {
            **own,
            **{f"level/{name}": array for name, array in self.level._asdict().items()},
            "calendar/observed": self._calendar.observed,
            "calendar/expected": self._calendar.expected,
        }

    def load(self, state: dict[str, Floats]) -> None:
        """Inverse of ``state``."""
        for name in OWN:
            setattr(self, name, state[name])
        self.level = levels.Level(**{name: state[f"level/{name}"] for name in levels.Level._fields})
        self._calendar.observed = state["calendar/observed"]
        self._calendar.expected = state["calendar/expected"]

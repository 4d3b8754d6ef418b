"""Null years: what a unit would count, and score, in years in which nothing happens beyond the usual scatter."""

import copy

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import DAY
from streams.core.detection.unit import UnitModel

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

YEAR_DAYS = 365
DRIFT_DAYS = 10.0


def null_scores(model: UnitModel, rng: np.random.Generator, years: int) -> Floats:
    """
    Hourly scores of *years* null years of the fitted model, each lived through by a copy of it; [hours, areas].

    The copy learns from what is made up as a live one does, so what learning itself brings into scores is counted. The
    first 168 hours of each year only fill the windows.
    """
    world = NullWorld(model, rng)
    longest = max(model.unit.settings.windows)
    return np.concatenate([copy.deepcopy(model).live_through(world.year())[longest:] for _ in range(years)])


class NullWorld:
    """
    Makes up years from a fitted model.

    Rates are the model's own expectation of the coming days, times gamma shocks by area and day and a slow drift whose
    variances follow from those over 24 and 168 hours (slow = (7 v_168 - v_24) / 6, day = v_24 - slow). The level of
    each area is drawn anew each year from its posterior, Gamma(n/b, n/b) times its mean after n incidents: what is
    known of a quiet area is known badly. Incidents come in batches of 1 + geometric size with variance-to-mean
    ratio b.
    """

    def __init__(self, model: UnitModel, rng: np.random.Generator) -> None:
        day, week = model.noise_over(24), model.noise_over(168)
        self._rng = rng
        self._slow = np.clip((7.0 * week - day) / 6.0, 0.0, week)
        self._day = np.maximum(day - self._slow, 1e-4)
        self._extra = max((model.batch() - 1.0) / 2.0, 1e-3)
        self._behind = model.incidents_behind()
        self._expected = model.outlook(YEAR_DAYS)

    def year(self) -> Counts:
        """Counts of the coming year, [areas, hours], from the first hour of the model's day on."""
        return self._counts(self._expected * self._levels())

    def _levels(self) -> Floats:
        """True level of each area as a multiple of the estimated one, [areas, 1]."""
        shape = np.maximum(self._behind, 1.0) / (1.0 + 2.0 * self._extra)
        return self._rng.gamma(shape, 1.0 / shape)[:, None]

    def _counts(self, expected: Floats) -> Counts:
        areas, hours = expected.shape
        days = -(-hours // DAY)
        shocks = self._rng.gamma(1.0 / self._day[:, None], self._day[:, None], (areas, days)) * self._drift(days)
        rate = expected * np.repeat(shocks, DAY, axis=1)[:, :hours]
        incidents = self._rng.poisson(rate / (1.0 + self._extra))
        some = incidents > 0
        victims = incidents.copy()
        victims[some] += self._rng.negative_binomial(incidents[some], 1.0 / (1.0 + self._extra))
        return victims

    def _drift(self, days: int) -> Floats:
        fade = np.exp(-1.0 / DRIFT_DAYS)
        spread = np.sqrt(np.log1p(self._slow))
        steps = self._rng.standard_normal((days, len(spread)))
        path = np.empty_like(steps)
        path[0] = steps[0]
        for day in range(1, days):
            path[day] = fade * path[day - 1] + np.sqrt(1.0 - fade * fade) * steps[day]
        answer: Floats = np.exp(path * spread - 0.5 * spread**2).T
        return answer

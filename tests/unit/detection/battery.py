"""Checks that every detector runs through: a new one is added to the list in ``test_battery.py`` and must pass all."""

import copy
import pickle
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.rows import Row
from streams.core.detection.unit import Readiness, Scores

Counts = npt.NDArray[np.int64]

START = 480_000 // 24 * 24 + 6
"""First hour of a made-up history, at six in the morning."""


class Detector(Protocol):
    """What a detector must offer."""

    def record(self, area: int, hour_ms: int, incidents: int) -> bool:
        """Set a count."""
        ...

    def record_hours(self, first_hour: int, counts: npt.NDArray[np.integer[Any]]) -> None:
        """Set many counts."""
        ...

    def advance(self, now_ms: int) -> None:
        """Turn days."""
        ...

    def score(self, now_ms: int) -> Scores:
        """Score all areas."""
        ...

    def ready(self, area: int) -> Readiness:
        """Tell whether an area can be scored."""
        ...

    def dirty(self) -> list[Row]:
        """Rows that changed."""
        ...

    def restore(self, rows: list[Row]) -> None:
        """Come back from rows."""
        ...


Make = Callable[[int], Detector]
"""Makes a detector of so many areas whose history begins at ``START``."""


def fed(make: Make, counts: Counts) -> tuple[Detector, int]:
    """A detector that has seen *counts*, [areas, hours] of whole days, and the instant at their end."""
    detector = make(len(counts))
    for first in range(0, counts.shape[1], 24):
        detector.record_hours(START + first, counts[:, first : first + 24])
        detector.advance((START + first + 24) * HOUR_MS)
    return detector, (START + counts.shape[1]) * HOUR_MS


def quiet(areas: int, days: int, rate: float = 0.3, seed: int = 0) -> Counts:
    """Poisson counts, *rate* an hour."""
    return np.random.default_rng(seed).poisson(rate, (areas, days * 24))


def scoring_changes_nothing(make: Make) -> None:
    detector, now = fed(make, quiet(5, 40))
    before = pickle.dumps(detector)
    first = detector.score(now).score
    again = detector.score(now).score
    assert np.array_equal(first, again)
    assert pickle.dumps(detector) == before


def memory_stays_bounded(make: Make) -> None:
    young, _ = fed(make, quiet(3, 120))
    old, _ = fed(make, quiet(3, 480))
    assert len(pickle.dumps(old)) < 1.2 * len(pickle.dumps(young))


def zeros_are_survived(make: Make) -> None:
    detector, now = fed(make, np.zeros((4, 60 * 24), dtype=np.int64))
    assert np.isfinite(detector.score(now).score).all()
    detector.record(0, now - HOUR_MS, 1)
    assert np.isfinite(detector.score(now).score).all()


def nothing_is_nan(make: Make) -> None:
    counts = quiet(4, 60, rate=0.01)
    counts[1] = 0
    counts[2, 700:710] = 5_000
    detector, now = fed(make, counts)
    for part in (1, HOUR_MS // 2, HOUR_MS):
        assert np.isfinite(detector.score(now - HOUR_MS + part).score).all()
    detector.record(3, now - HOUR_MS, 1_000_000)
    assert np.isfinite(detector.score(now).score).all()


def more_incidents_score_higher(make: Make) -> None:
    detector, now = fed(make, quiet(5, 60))
    scores = []
    for incidents in (3, 5, 8, 13, 21):
        detector.record(2, now - HOUR_MS, incidents)
        scores.append(float(detector.score(now).score[2]))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


def quiet_and_busy_areas_share_a_scale(make: Make) -> None:
    rates = np.array([0.02, 0.05, 1.0, 2.0])[:, None]
    counts = np.random.default_rng(3).poisson(np.repeat(rates, 200 * 24, axis=1))
    detector, now = fed(make, counts[:, : 100 * 24])
    scores = []
    for first in range(100 * 24, counts.shape[1], 24):
        detector.record_hours(START + first, counts[:, first : first + 24])
        now = (START + first + 24) * HOUR_MS
        detector.advance(now)
        scores.append(detector.score(now).score)
    high = np.quantile(np.array(scores), 0.95, axis=0)
    assert high.max() - high.min() < 2.5


def comes_back_to_the_bit(make: Make) -> None:
    counts = quiet(4, 80, seed=5)
    detector, now = fed(make, counts[:, : 50 * 24])
    rows = dict(detector.dirty())
    for first in range(50 * 24, 75 * 24, 24):
        detector.record_hours(START + first, counts[:, first : first + 24])
        detector.advance((START + first + 24) * HOUR_MS)
        rows |= dict(detector.dirty())
    other = make(4)
    other.restore(list(rows.items()))
    for first in range(75 * 24, 80 * 24, 24):
        for each in (detector, other):
            each.record_hours(START + first, counts[:, first : first + 24])
            each.advance((START + first + 24) * HOUR_MS)
    now = (START + 80 * 24) * HOUR_MS
    assert np.array_equal(detector.score(now).score, other.score(now).score)
    assert dict(detector.dirty()) == dict(other.dirty())


def a_short_history_says_so(make: Make) -> None:
    detector, _ = fed(make, quiet(3, 3))
    assert detector.ready(1) is Readiness.NOT_ENOUGH_HISTORY
    detector, _ = fed(make, quiet(3, 60))
    assert detector.ready(1) is Readiness.READY


def the_order_of_records_does_not_matter(make: Make) -> None:
    counts = quiet(3, 45, seed=9)
    detector, now = fed(make, counts)
    other = copy.deepcopy(detector)
    cells = [(1, 5, 3), (0, 7, 2), (2, 9, 4)]
    for area, back, incidents in cells:
        detector.record(area, now - back * HOUR_MS, incidents)
    for area, back, incidents in reversed(cells):
        other.record(area, now - back * HOUR_MS, incidents)
    assert np.array_equal(detector.score(now).score, other.score(now).score)


def a_feed_that_comes_late_is_neither_calm_nor_a_spike(make: Make) -> None:
    counts = quiet(4, 80, seed=11)
    on_time, now = fed(make, counts)
    held = counts[1, -12:].copy()
    counts[1, -12:] = 0
    late, _ = fed(make, counts)
    assert late.ready(1) is Readiness.READY, "half a day without news"
    assert late.score(now).score[1] < 3.0
    for back, incidents in enumerate(held[::-1], 1):
        late.record(1, now - back * HOUR_MS, int(incidents))
    assert np.array_equal(late.score(now).score, on_time.score(now).score)


def a_step_in_reporting_ends(make: Make) -> None:
    counts = quiet(3, 60 + 70, seed=13)
    counts[1, 60 * 24 :] = np.random.default_rng(14).poisson(1.2, 70 * 24)
    detector = make(3)
    high: list[int] = []
    for first in range(0, counts.shape[1], 24):
        detector.record_hours(START + first, counts[:, first : first + 24])
        now = (START + first + 24) * HOUR_MS
        detector.advance(now)
        ready = detector.ready(1) is Readiness.READY
        if first >= 60 * 24 and ready and detector.score(now).score[1] > 8.0:
            high.append(first // 24 - 60)
    assert high, "a fourfold step is seen"
    assert max(high) < 56, "and is the level within eight weeks"


CHECKS = (
    scoring_changes_nothing,
    memory_stays_bounded,
    zeros_are_survived,
    nothing_is_nan,
    more_incidents_score_higher,
    quiet_and_busy_areas_share_a_scale,
    comes_back_to_the_bit,
    a_short_history_says_so,
    the_order_of_records_does_not_matter,
    a_feed_that_comes_late_is_neither_calm_nor_a_spike,
    a_step_in_reporting_ends,
)

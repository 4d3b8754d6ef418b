"""Every detector passes the battery, and the battery catches detectors that are bad on purpose."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from unit.detection import battery
from unit.detection.battery import START, Detector, Make

from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.rows import Row
from streams.core.detection.unit import Readiness, Scores, Unit, UnitModel


def unit(areas: int) -> Unit:
    neighbours = tuple(tuple((area + k) % areas for k in range(1, areas)) for area in range(areas))
    return Unit(
        region="town",
        level="ward",
        group="knife",
        areas=tuple(f"W{area}" for area in range(areas)),
        neighbours=neighbours,
        zone="Etc/UTC",
        day_starts=6,
    )


def ours(areas: int) -> Detector:
    return UnitModel(unit(areas), START * HOUR_MS)


DETECTORS: dict[str, Make] = {"scan": ours}


@pytest.mark.parametrize("check", battery.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS)
def test_a_detector_passes(make: Make, check: Callable[[Make], None]) -> None:
    check(make)


class Impure(UnitModel):
    def score(self, now_ms: int, changed: object = None) -> Scores:
        assert changed is None
        self._ring.counts[0, -1] += 1.0
        return super().score(now_ms)


class Hoarder(UnitModel):
    def advance(self, now_ms: int) -> None:
        self.__dict__.setdefault("hoard", []).append(np.full(600, now_ms))
        super().advance(now_ms)


class _ZScore(UnitModel):
    """The usual dashboard rule: last 24 hours against mean and deviation of 28 days."""

    def _z(self, now_ms: int) -> npt.NDArray[np.float64]:
        end = self._ring.slice(0, now_ms // HOUR_MS).stop
        days = self._ring.counts[:, max(end - 28 * 24, 0) : end]
        days = days[:, days.shape[1] % 24 :].reshape(len(days), -1, 24).sum(axis=2)
        with np.errstate(all="ignore"):
            z: npt.NDArray[np.float64] = (days[:, -1] - days.mean(axis=1)) / days.std(axis=1)
        return z

    def score(self, now_ms: int, changed: object = None) -> Scores:
        assert changed is None
        return Scores(np.arange(len(self.unit.areas)), self._z(now_ms))


class TwoSided(_ZScore):
    def score(self, now_ms: int, changed: object = None) -> Scores:
        assert changed is None
        z = -np.abs(np.nan_to_num(self._z(now_ms)))
        return Scores(np.arange(len(self.unit.areas)), z)


class Counter(UnitModel):
    def score(self, now_ms: int, changed: object = None) -> Scores:
        assert changed is None
        return Scores(np.arange(len(self.unit.areas)), self.observed(now_ms, 24))


class Forgetful(UnitModel):
    def restore(self, rows: Any) -> None:
        super().restore([row for row in rows if not row[0].startswith("counts/")])


class Confident(UnitModel):
    def ready(self, area: int) -> Readiness:
        assert area >= 0
        return Readiness.READY


class Rounded(UnitModel):
    def dirty(self) -> list[Row]:
        rows = []
        for key, values in super().dirty():
            raw = values[-1]
            assert isinstance(raw, bytes)
            short = np.frombuffer(raw).astype(np.float32).astype(np.float64).tobytes()
            rows.append((key, (*values[:-1], short)))
        return rows


class Ordered(UnitModel):
    def record(self, area: int, hour_ms: int, incidents: int) -> bool:
        self._batch = 1.05 + 0.1 * area
        return super().record(area, hour_ms, incidents)


class ByArrival(UnitModel):
    """Takes what is recorded one by one to have happened just now."""

    def record(self, area: int, hour_ms: int, incidents: int) -> bool:
        super().record(area, hour_ms, incidents)
        return super().record(area, hour_ms, 3 * incidents)


class Frozen(UnitModel):
    """Keeps the level of its first weeks, and knows no grey."""

    def ready(self, area: int) -> Readiness:
        assert area >= 0
        return Readiness.READY

    def score(self, now_ms: int, changed: object = None) -> Scores:
        assert changed is None
        return Scores(np.arange(len(self.unit.areas)), self.observed(now_ms, 24) - 8.0)


BAD: list[tuple[type[UnitModel], Callable[[Make], None]]] = [
    (Impure, battery.scoring_changes_nothing),
    (Hoarder, battery.memory_stays_bounded),
    (_ZScore, battery.zeros_are_survived),
    (_ZScore, battery.nothing_is_nan),
    (TwoSided, battery.more_incidents_score_higher),
    (Counter, battery.quiet_and_busy_areas_share_a_scale),
    (Forgetful, battery.comes_back_to_the_bit),
    (Rounded, battery.comes_back_to_the_bit),
    (Confident, battery.a_short_history_says_so),
    (Ordered, battery.the_order_of_records_does_not_matter),
    (ByArrival, battery.a_feed_that_comes_late_is_neither_calm_nor_a_spike),
    (Frozen, battery.a_step_in_reporting_ends),
]


@pytest.mark.parametrize(("bad", "check"), BAD, ids=lambda part: part.__name__)
def test_the_battery_catches_a_bad_detector(bad: type[UnitModel], check: Callable[[Make], None]) -> None:
    with pytest.raises(AssertionError):
        check(lambda areas: bad(unit(areas), START * HOUR_MS))


def test_every_check_of_the_battery_is_shown_to_fail() -> None:
    assert {check for _, check in BAD} == set(battery.CHECKS)

"""The 42 weekly scenarios of Noufaily et al. (2013), constants as recalled, and how a detector does in them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WEEKS, JUDGED, PAST = 624, 49, (312, 575)
FAMILIES = (
    # theta, phi, gamma1, gamma2, beta
    (0.1, 1.5, 0.6, 0.6, 0.0025),
    (-2.0, 2.0, 0.1, 0.3, 0.005),
    (1.5, 1.0, 0.2, -0.4, 0.003),
    (0.5, 5.0, 0.5, 0.5, 0.002),
    (2.5, 3.0, 1.0, 0.1, 0.001),
    (3.75, 1.1, 0.1, -0.1, 0.001),
    (5.0, 1.2, 0.05, 0.01, 0.0001),
)
PAST_SIZES, SIZES = (0, 2, 3, 5, 10), tuple(range(1, 11))
WITHOUT = 25


@dataclass(frozen=True, slots=True)
class Series:
    """Weekly counts [series, weeks]; family of each; outbreak cases of the judged outbreak [series, judged weeks]."""

    counts: Floats
    family: npt.NDArray[np.int64]
    outbreak: Floats


def scenarios(seed: int) -> Series:
    """All 42 x 75 series: 50 with a current outbreak (each past size x each size once), 25 without."""
    rng = np.random.default_rng(seed)
    counts, family, outbreak = [], [], []
    for index, constants in enumerate(FAMILIES):
        for harmonics in (0, 1, 2):
            for trend in (False, True):
                mean = _mean(constants, harmonics, trend=trend)
                plans = [(k1, k2) for k1 in PAST_SIZES for k2 in SIZES] + [
                    (PAST_SIZES[k % len(PAST_SIZES)], 0) for k in range(WITHOUT)
                ]
                for past, current in plans:
                    series, cases = _series(rng, mean, constants[1], past, current)
                    counts.append(series)
                    outbreak.append(cases)
                    family.append(index)
    return Series(np.array(counts), np.array(family), np.array(outbreak))


def _mean(constants: tuple[float, ...], harmonics: int, *, trend: bool) -> Floats:
    theta, _, gamma1, gamma2, beta = constants
    week = np.arange(1, WEEKS + 1)
    linear = theta + (beta * week if trend else 0.0)
    for j in range(1, harmonics + 1):
        angle = 2 * np.pi * j * week / 52.0
        linear = linear + gamma1 * np.cos(angle) + gamma2 * np.sin(angle)
    return np.exp(linear * np.ones(WEEKS))


def _series(rng: np.random.Generator, mean: Floats, phi: float, past: int, current: int) -> tuple[Floats, Floats]:
    base = rng.poisson(mean) if phi == 1.0 else rng.negative_binomial(mean / (phi - 1.0), 1.0 / phi)
    counts = base.astype(np.float64)
    if past:
        for start in rng.choice(np.arange(*PAST), 4, replace=False):
            _add(rng, counts, int(start), past * np.sqrt(phi * mean[start]))
    cases = np.zeros(WEEKS)
    if current:
        start = int(rng.integers(WEEKS - JUDGED, WEEKS - 3))
        while cases.sum() == 0:
            _add(rng, cases, start, current * np.sqrt(phi * mean[start]))
    return counts + cases, cases[-JUDGED:]


def _add(rng: np.random.Generator, counts: Floats, start: int, size: float) -> None:
    """Poisson(*size*) cases, each lognormal(0, 0.5) weeks after *start*."""
    weeks = start + np.floor(rng.lognormal(0.0, 0.5, rng.poisson(size))).astype(np.int64)
    np.add.at(counts, weeks[weeks < len(counts)], 1.0)


@dataclass(frozen=True, slots=True)
class Measures:
    """
    Shares as Bedubourg & Le Strat (2017) define them; false-positive rate also by family.

    fpr: weeks with an alarm, of series without an outbreak. All others are over the series with one, so that the
    predictive value goes with the prevalence of those (6 % of weeks). pod: outbreaks with an alarm from first to last
    week; pod_week: with one in the first; sensitivity: weeks of outbreaks with an alarm; ppv: alarms in such weeks.
    """

    fpr: float
    pod: float
    pod_week: float
    sensitivity: float
    ppv: float
    f1: float
    families: tuple[float, ...]


def measured(surprise: Floats, series: Series, threshold: float) -> Measures:
    """Measures of alarms where *surprise* [series, judged weeks] is at least *threshold*."""
    alarm, sick = surprise >= threshold, _sick(series)
    inside, found = _spans(series.outbreak)[sick], alarm[sick]
    first = inside & (np.cumsum(inside, axis=1) == 1)
    sensitivity, ppv = found[inside].mean(), (found & inside).sum() / np.maximum(found.sum(), 1)
    return Measures(
        fpr=float(alarm[~sick].mean()),
        pod=float(np.logical_or.reduce(found & inside, axis=1).mean()),
        pod_week=float(np.logical_or.reduce(found & first, axis=1).mean()),
        sensitivity=float(sensitivity),
        ppv=float(ppv),
        f1=float(2 * sensitivity * ppv / (sensitivity + ppv)),
        families=tuple(float(alarm[~sick & (series.family == k)].mean()) for k in range(len(FAMILIES))),
    )


def matched(surprise: Floats, series: Series, fpr: float) -> float:
    """Threshold at which a share *fpr* of the weeks of series without an outbreak alarms."""
    return float(np.quantile(surprise[~_sick(series)], 1.0 - fpr))


def _sick(series: Series) -> npt.NDArray[np.bool_]:
    """Whether a series has an outbreak in the judged weeks."""
    answer: npt.NDArray[np.bool_] = np.logical_or.reduce(series.outbreak > 0, axis=1)
    return answer


def _spans(outbreak: Floats) -> npt.NDArray[np.bool_]:
    """Weeks from the first to the last case of each outbreak."""
    some = outbreak > 0
    answer: npt.NDArray[np.bool_] = (np.cumsum(some, axis=1) > 0) & (np.cumsum(some[:, ::-1], axis=1)[:, ::-1] > 0)
    return answer

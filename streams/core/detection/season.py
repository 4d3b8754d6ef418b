"""The season that all areas of a region share: a ridge regression on weekly totals."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

YEAR_DAYS = 365.25
TERMS = 6
RIDGE = np.array([0.0, 4.0 / 52, 0.5, 0.5, 2.0, 2.0])


def design(days: Floats) -> Floats:
    """Level, trend (years) and two yearly harmonics at *days*; [n, 6]."""
    years = days / YEAR_DAYS
    angle = 2.0 * np.pi * years
    waves = (np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle))
    return np.column_stack((np.ones(len(days)), years, *waves))


def fitted(days: Floats, totals: Floats) -> Floats:
    """
    Coefficients of the harmonics, [4], from weekly *totals* whose weeks are centred on *days*.

    Least squares on log(total + 1) with a ridge on all but the level (Hoerl & Kennard, 1970).
    """
    columns = design(days - days[-1])
    answer = np.linalg.solve(columns.T @ columns + np.diag(RIDGE), columns.T @ np.log(totals + 1.0))
    return turned(np.asarray(answer[2:], dtype=np.float64), float(days[-1]))


def turned(waves: Floats, origin: float) -> Floats:
    """Coefficients of harmonics about *origin* turned into those about day 0."""
    answer = waves.copy()
    for k in (0, 1):
        angle = 2.0 * np.pi * (k + 1) * origin / YEAR_DAYS
        c, s = waves[2 * k], waves[2 * k + 1]
        answer[2 * k] = c * np.cos(angle) - s * np.sin(angle)
        answer[2 * k + 1] = c * np.sin(angle) + s * np.cos(angle)
    return answer


def factor(waves: Floats, day: float) -> float:
    """Season's factor at *day*."""
    return float(np.exp(design(np.array([day]))[0, 2:] @ waves))

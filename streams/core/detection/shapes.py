"""Hour-of-week shapes that areas share: Poisson factorisation with smooth shapes."""

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import DAY, WEEK

Floats = npt.NDArray[np.float64]


def smoothed(cells: Floats, sd: float) -> Floats:
    """*cells* [..., 168] smoothed around the week by a Gaussian of *sd* hours; never below 1e-9."""
    size = cells.shape[-1]
    frequency = np.arange(size // 2 + 1)
    damping = np.exp(-2.0 * (np.pi * sd * frequency / size) ** 2)
    answer: Floats = np.maximum(np.fft.irfft(np.fft.rfft(cells) * damping, size), 1e-9)
    return answer


def first_shapes(count: int) -> Floats:
    """
    Shapes to start from, [count, 168], each with mean 1: evenings, working days after school, weekend nights.

    They only break the symmetry between shapes; the factorisation moves them to wherever the data are. Cell 0 is the
    turn of a day (06:00 of a Thursday, as the epoch was one).
    """
    cell = np.arange(WEEK)
    hour, day = cell % DAY, cell // DAY  # hour 0 is the turn of the day; day 0 a Thursday
    evening = 1.0 + np.cos(2 * np.pi * (hour - 14) / DAY)
    school = np.exp(-0.5 * ((hour - 9.5) / 1.5) ** 2) * np.isin(day, (0, 1, 4, 5, 6)) + 0.2
    night = np.exp(-0.5 * ((hour - 18.0) / 3.0) ** 2) * np.where(np.isin(day, (1, 2)), 2.0, 0.5) + 0.2
    flat = np.ones(WEEK)
    stock = [evening, school, night] + [flat + 0.5 * np.cos(2 * np.pi * k * cell / WEEK) for k in range(1, count)]
    shapes = np.array(stock[:count]) + 0.05
    answer: Floats = shapes / shapes.mean(axis=1, keepdims=True)
    return answer


def factorise(counts: Floats, exposure: Floats, weights: Floats, shapes: Floats, rounds: int) -> tuple[Floats, Floats]:
    """
    Shared shapes H and area weights W with counts ~ Poisson(exposure x (W H)), from a start and in *rounds* rounds.

    Multiplicative updates for the Poisson (Kullback-Leibler) likelihood (Lee & Seung, 1999), with a small pull of the
    weights towards equal parts and the shapes smoothed by an hour. counts, exposure: [areas, 168].
    """
    parts = shapes.shape[0]
    for _ in range(rounds):
        pull = 0.02 * parts / max(1e-9, float(weights.sum(axis=1).mean()))
        residual = counts / np.maximum(weights @ shapes, 1e-12)
        weights = weights * (residual @ shapes.T + 0.02) / (exposure @ shapes.T + pull)
        residual = counts / np.maximum(weights @ shapes, 1e-12)
        shapes = smoothed(shapes * (weights.T @ residual + 1e-9) / (weights.T @ exposure + 1e-9), 1.0)
        size = shapes.mean(axis=1, keepdims=True)
        shapes, weights = shapes / size, weights * size.T
    return weights, shapes


def shrunk(counts: Floats, exposure: Floats, shared: Floats, prior: float) -> Floats:
    """
    Posterior mean profile of each area, mean 1: its own smoothed counts against its mix of shared shapes.

    Gamma-Poisson (empirical Bayes): (S_n + prior x shared) / (S_e + prior) in each hour of the week.
    """
    size = np.maximum(shared.mean(axis=1, keepdims=True), 1e-12)
    profile = (smoothed(counts, 0.8) + prior * shared / size) / (smoothed(exposure, 0.8) + prior / size)
    answer: Floats = profile / profile.mean(axis=1, keepdims=True)
    return answer

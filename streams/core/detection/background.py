"""How much of the last days' counts is background: spikes are taken out before anything is learnt from them."""

import numpy as np
import numpy.typing as npt

from streams.core.detection.evidence import log_ratios
from streams.core.detection.localtime import DAY
from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]


def background_share(observed: Floats, expected: Floats, noise: Floats, batch: float, settings: Settings) -> Floats:
    """
    Expected share of background in each day's count, [areas, days], given that at most one spike lies in them.

    One expectation step (Dempster, Laird & Rubin, 1977) of the mixture "no spike" against spikes of rho times the
    rate over 1 to 7 whole days: with posterior pi_{t,rho} that day t lies in a spike of rho,

        share_t = 1 - sum_rho pi_{t,rho} (1 - 1/rho).

    What Noufaily et al. (2013, section 3.3) do by weights from residuals, with hindsight of the days that follow.
    observed, expected: [areas, days]; noise: v over 1, 2, 3, 5 and 7 days, [areas, lengths].
    """
    multipliers = np.array(settings.multipliers)
    days = observed.shape[1]
    counts, means = _cumulated(observed), _cumulated(expected)
    masses = []
    for k, length in enumerate(settings.spike_days):
        if length > days:
            continue
        starts = np.arange(days - length + 1)
        count, mean = counts[:, starts + length] - counts[:, starts], means[:, starts + length] - means[:, starts]
        spread = np.repeat(noise[:, k : k + 1], len(starts), axis=1)
        masses.append((length, np.exp(log_ratios(count, mean, spread, batch, multipliers))))
    prior = settings.spikes_a_day / (len(settings.spike_days) * len(multipliers))
    total = 1.0 + prior * np.add.reduce([mass.sum(axis=(1, 2)) for _, mass in masses])
    inside = np.zeros((len(observed), days))
    for length, mass in masses:
        taken = (mass * (1.0 - 1.0 / multipliers)).sum(axis=2)
        for back in range(length):
            inside[:, back : back + taken.shape[1]] += taken
    answer: Floats = 1.0 - prior * inside / total[:, None]
    return answer


def noise_columns(settings: Settings) -> list[int]:
    """Windows, in hours, whose noise ``background_share`` asks for."""
    return [days * DAY for days in settings.spike_days]


def _cumulated(days: Floats) -> Floats:
    return np.concatenate((np.zeros((len(days), 1)), np.cumsum(days, axis=1)), axis=1)

"""How much of an hour has arrived by now, learnt from when incidents occurred and when they were received."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import HOUR_MS

Floats = npt.NDArray[np.float64]

EDGES_H = np.concatenate(
    ([0.25, 0.5], np.arange(1.0, 24.0), np.arange(24.0, 168.0, 6.0), np.arange(168.0, 841.0, 24.0))
)
HALF_LIFE = 2000.0
PRIOR = 20.0
PRIOR_MEAN_H = 0.5


class DelayCurve:
    """
    Completeness pi(age) of one source and group: the share of incidents that have arrived *age* hours after they occur.

    A histogram of delays as they arrive, fading with a half-life of 2 000 incidents. While reporting is steady, the
    delays of what arrives in a period have the distribution of the delays of what occurs in one, so no correction for
    truncation (Lawless, 1994) is needed but for a young stream, which the prior (exponential, mean half an hour, worth
    20 incidents) covers.
    """

    def __init__(self) -> None:
        self.arrived = np.zeros(len(EDGES_H) + 1)
        self._keep = 0.5 ** (1.0 / HALF_LIFE)

    def learn(self, occurred_ms: int, received_ms: int) -> None:
        """Take in one incident; received before it occurred counts as at once."""
        delay = max(received_ms - occurred_ms, 0) / HOUR_MS
        self.arrived *= self._keep
        self.arrived[int(np.searchsorted(EDGES_H, delay))] += 1.0

    def at(self, ages_h: Floats) -> Floats:
        """Completeness at *ages_h* hours, by straight lines between the edges of the histogram."""
        prior = PRIOR * (1.0 - np.exp(-EDGES_H / PRIOR_MEAN_H))
        share = (np.cumsum(self.arrived)[:-1] + prior) / (self.arrived.sum() + PRIOR)
        answer: Floats = np.interp(ages_h, np.concatenate(([0.0], EDGES_H)), np.concatenate(([0.0], share)))
        return answer

    def by_hour(self, hours: int, part: float = 1.0) -> Floats:
        """
        Completeness of the current hour, of which *part* has gone, and of those before it; [hours], newest first.

        The incidents of an hour are spread over it, so this is the mean of pi over its ages.
        """
        steps = (np.arange(8) + 0.5) / 8
        ages = np.concatenate((steps * part, (part + np.arange(hours - 1)[:, None] + steps).ravel()))
        answer: Floats = self.at(ages).reshape(hours, 8).mean(axis=1)
        return answer


def mixed(curves: Mapping[str, DelayCurve], shares: Mapping[str, float], hours: int, part: float = 1.0) -> Floats:
    """Completeness of a unit fed by several sources, each with its share of the incidents; [hours], newest first."""
    total = sum(shares.values())
    if not total:
        return np.ones(hours)
    parts = [curves[source].by_hour(hours, part) * share for source, share in sorted(shares.items())]
    answer: Floats = np.add.reduce(parts) / total
    return answer

"""How far counts scatter about what is expected, for each window and area, learnt from their own past."""

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import DAY
from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]

LEAST = 0.004
CUT = 3.0
QUIET = 0.15
BATCH = (1.05, 1.6)
BATCH_PRIOR = 100.0
USUAL_BATCH = 1.25


class Noise:
    """
    Var N_w = b m + v_w m^2 for counts N_w over w hours with mean m.

    b (several victims in one incident) from quiet hours: sum (N - m)^2 / sum m. v_w by moments from out-of-sample
    residuals clipped at three standard deviations, pooled over areas and shrunk for each area on the log scale with
    weight info / (info + prior). Sums fade with a half-life; nothing is kept but the sums.

    surplus, square, info: [areas, windows], sums of r^2 - b m, of m^2, and of the share of variance that v explains.
    """

    def __init__(self, areas: int, settings: Settings) -> None:
        self._settings = settings
        windows = len(settings.windows)
        self.surplus = np.zeros((areas, windows))
        self.square = np.zeros((areas, windows))
        self.info = np.zeros((areas, windows))
        self.quiet = np.zeros(2)

    def batch(self) -> float:
        """b, at least 1.05."""
        spread, size = self.quiet
        return float(np.clip((spread + USUAL_BATCH * BATCH_PRIOR) / (size + BATCH_PRIOR), *BATCH))

    def pooled(self) -> Floats:
        """Variance factor v of each window over all areas, [windows], uninflated; starts at 0.04 worth a few days."""
        weight = 1e-3 * self.square.sum(axis=0) + 1e-9
        answer: Floats = np.maximum(
            (self.surplus.sum(axis=0) + 0.04 * weight) / (self.square.sum(axis=0) + weight), LEAST
        )
        return answer

    def variance(self) -> Floats:
        """Variance factor v of each area and window, [areas, windows], inflated for the clipping."""
        pooled = self.pooled()
        own = np.maximum(0.25 * pooled, self.surplus / np.maximum(self.square, 1e-9))
        share = self.info / (self.info + self._settings.noise_shrink)
        answer: Floats = np.exp(share * np.log(own) + (1.0 - share) * np.log(pooled)) * self._settings.noise_inflation
        return answer

    def learn(
        self,
        counts: Floats,
        expected: Floats,
        usable: npt.NDArray[np.bool_],
        day: Floats,
        day_expected: Floats,
    ) -> None:
        """
        Take in windows that ended in a day, and the day's own hours for b.

        counts, expected: [areas, ends, windows]; usable: [areas, windows], False where spikes are; day, day_expected:
        [areas, hours].
        """
        low = day_expected < QUIET
        keep = 0.5 ** (1.0 / self._settings.noise_half_life)
        self.quiet = keep * self.quiet + ((day - day_expected)[low] ** 2).sum() * np.array([1.0, 0.0])
        self.quiet[1] += day_expected[low].sum()
        batch, pooled = self.batch(), self.pooled()
        spread = np.sqrt(batch * expected + pooled * expected**2)
        residual = np.clip(counts - expected, -CUT * spread, CUT * spread)
        share = (pooled * expected / (batch + pooled * expected)).mean(axis=1) * (
            DAY / np.array(self._settings.windows)
        )
        self.surplus = keep * self.surplus + usable * (residual**2 - batch * expected).sum(axis=1)
        self.square = keep * self.square + usable * (expected**2).sum(axis=1)
        self.info = keep * self.info + usable * share

    def state(self) -> dict[str, Floats]:
        """Everything learnt, by name."""
        return {"surplus": self.surplus, "square": self.square, "info": self.info, "quiet": self.quiet}

    def load(self, state: dict[str, Floats]) -> None:
        """Inverse of ``state``."""
        self.surplus, self.square = state["surplus"], state["square"]
        self.info, self.quiet = state["info"], state["quiet"]

"""Scores of made-up counts over all areas and every hour, for what is scored piece by piece elsewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.core.detection.evidence import window_counts, window_totals
from streams.core.detection.localtime import DAY
from streams.core.detection.unit import UnitModel

Floats = npt.NDArray[np.float64]


def score_table(model: UnitModel, counts: Floats, expected: Floats) -> Floats:
    """
    Scores of any *counts* against any *expected*, [areas, hours], with the noise of now.

    [hours - 168, areas]: the first 168 hours only fill the windows.
    """
    windows, plan = model.unit.settings.windows, model._scan.whole
    longest = max(windows)
    starts = np.arange(1, counts.shape[1] - longest + 1)
    parts = []
    for some in np.array_split(starts, -(-len(starts) // DAY)):
        observed = window_counts(counts, some, longest, plan.rows, windows)
        means = window_totals(expected, some, np.ones(longest), plan.rows, windows)
        parts.append(model._odds(observed, means, plan))
    return np.concatenate(parts)

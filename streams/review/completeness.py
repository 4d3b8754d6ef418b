"""How much of a month is in the records by now, from how long records took in the past."""

from __future__ import annotations

import numpy as np

from streams.review.panel import Counts, Reals, Recording

SETTLED = 0.9
"""Shifts are dated only among months with at least this share: how fast records come changes too."""
HISTORY = 36
"""Months of recording that delays are learnt from."""
ENOUGH = 0.75
"""A month with a smaller share of its incidents recorded is told, and used for no statement."""


def completeness(recording: Recording | None, group: str, months: range) -> Reals:
    """
    Share of each month's incidents that is recorded by now; 1 where months are those of recording.

    Chain ladder (Mack 1993, eq. 1 to 3): of the months old enough, the last three years' ratio of what was recorded up
    to each delay to what was recorded up to the delay before; a month of age d lacks all later steps.
    """
    if recording is None:
        return np.ones(len(months))
    table = recording.by_delay[group]
    share = _share_by_age(table, recording.until - months.stop)
    ages = recording.until - 1 - np.arange(months.start, months.stop)
    out: Reals = np.where(ages < len(share), share[np.clip(ages, 0, len(share) - 1)], 1.0)
    return out


def _share_by_age(table: Counts, youngest: int) -> Reals:
    """Share recorded of a month of age 0, 1, ... months; ``youngest`` is the age of the last row, less one."""
    months, delays = table.shape
    upto = np.cumsum(table, axis=1).astype(np.float64)
    share = np.ones(delays)
    for delay in range(delays - 1, 0, -1):
        # rows that have lived through this delay, the youngest three years of them
        old = months - 1 - max(delay - youngest, 0)
        rows = slice(max(0, old - HISTORY + 1), max(0, old + 1))
        before, after = upto[rows, delay - 1].sum(), upto[rows, delay].sum()
        step = after / before if before > 0 else 1.0
        share[delay - 1] = share[delay] / step
    return share

"""Backtests that spare simulation: for tests that look at anything but rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def quick_backtests() -> Iterator[None]:
    """Two null years, one pass of spikes, and few made-up weeks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.backtest.plan.MOST_YEARS", 2)
        patch.setattr("streams.backtest.spikes.MOST_ROUNDS", 1)
        patch.setattr("streams.backtest.detectability.SAMPLES", 8)
        yield

"""Waiting for what will come true, with a deadline that a loaded machine keeps too."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds."""


def until(true: Callable[[], object], patience: float = PATIENCE, *, what: str = "") -> None:
    """Return once ``true()`` is; AssertionError when it is not within *patience* seconds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"not within {patience:.0f} s{what and ': '}{what}"
        time.sleep(0.02)

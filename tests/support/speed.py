"""How slow the machine is right now: bounds in seconds hold for one that has nothing else to do."""

from __future__ import annotations

import subprocess
import sys
import time

UNHURRIED = 1.1
"""Seconds that a fresh interpreter needs for what a worker is made of, on two cores of 2023 with nothing else to do."""


def slowness() -> float:
    """How many times longer it takes now, at least 1: multiply bounds with it, measured beside what they bound."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import streams.worker"], check=True)
    return max(1.0, (time.monotonic() - begun) / UNHURRIED)

"""What a test does that can't have a part which it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(why: Exception) -> NoReturn:
    """Skip, saying what is missing; in CI nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(f"{why}", pytrace=False)
    pytest.skip(f"{why}")

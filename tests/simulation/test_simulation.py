"""Any seed ends exact, and every planted bug is found: a simulation that can't fail shows nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from support.simulation.mutants import NAMES, planted
from support.simulation.run import hush, run

SEEDS = 100
WITHIN = 200
"""Every planted bug must show within so many seeds."""


@pytest.fixture(autouse=True)
def _hush() -> Iterator[None]:
    hush()
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_every_seed_ends_exact(first: int) -> None:
    broken = {seed: found for seed in range(first, first + 20) if (found := run(seed))}

    assert broken == {}


@pytest.mark.parametrize("bug", NAMES)
def test_a_planted_bug_is_found(bug: str) -> None:
    with planted(bug) as world:
        assert any(run(seed, world) for seed in range(WITHIN)), f"{bug}: not found within {WITHIN} seeds"

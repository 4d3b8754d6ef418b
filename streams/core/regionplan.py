"""What the third stage is told of a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.core.detection.unit import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPlan:
    """What this stage needs of a region pack: its units, its sentinel groups, and its alert budget."""

    region: str
    level: str
    """The partition level: sentinel events are told there."""
    parents: Mapping[str, str]
    """Area of the partition level that a finer area lies in."""
    units: tuple[Unit, ...]
    """Those of the level ``region`` watch the sum of the partition level; they are the last."""
    sentinels: tuple[str, ...]
    alerts_per_week: float
    own_budgets: Mapping[str, float]
    """Units (``region|level|group``) with a budget of their own, in alerts a week."""
    feedback: bool = True
    """Whether what people close moves the thresholds."""

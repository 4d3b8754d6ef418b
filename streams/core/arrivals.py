"""
How late incidents arrive, learnt from the stream: a recent hour is expected to hold what should have arrived of it.

Without this, delay reads as calm, and a feed that catches up reads as a spike. Like is compared with like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np

from schemas.events import HOUR, Contribution, HourCount
from streams.core.detection.delay import DelayCurve, mixed
from streams.core.detection.ring import KEPT
from streams.core.detection.unit import UnitModel
from streams.core.stage import Row, RowValue


class Arrivals:
    """The delay curves of one region by group and source."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._curves: dict[str, dict[str, DelayCurve]] = {}
        self._dirty: set[tuple[str, str]] = set()

    def learn(self, count: HourCount, new: Iterable[Contribution]) -> None:
        """Take in the *new* incidents of an hour; within the hour, its middle stands for when they occurred."""
        for each in new:
            source = each.incident_id.partition("|")[0]
            curve = self._curves.setdefault(count.group, {}).setdefault(source, DelayCurve())
            curve.learn(count.hour + HOUR // 2, each.received_at)
            self._dirty.add((count.group, source))

    def knows(self, source: str) -> bool:
        """Whether anything of *source* was counted yet."""
        return any(source in curves for curves in self._curves.values())

    def shares(self, group: str) -> dict[str, float]:
        """What part of *group* each source sends; nothing where none was seen yet."""
        sent = {source: float(curve.arrived.sum()) for source, curve in self._curves.get(group, {}).items()}
        total = sum(sent.values())
        return {source: each / total for source, each in sent.items()} if total > 0.0 else {}

    def tell(self, group: str, model: UnitModel) -> None:
        """Tell *model* how complete each of its recent hours is, the sources weighted by what they send."""
        curves = self._curves.get(group)
        if curves:
            shares = {source: float(curve.arrived.sum()) for source, curve in curves.items()}
            model.complete(mixed(curves, shares, KEPT))

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for group, source in sorted(self._dirty):
            yield Row(f"delay|{self._region}|{group}|{source}", (self._curves[group][source].arrived.tobytes(),))
        self._dirty.clear()

    def restore(self, group: str, source: str, value: RowValue) -> None:
        """Take one curve over."""
        curve = self._curves.setdefault(group, {}).setdefault(source, DelayCurve())
        curve.arrived = np.frombuffer(cast("bytes", value[0]), dtype=np.float64).copy()

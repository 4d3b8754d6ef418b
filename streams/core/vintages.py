"""
Areas that are no more, and which areas of today took their incidents over.

Boundaries are redrawn: a code is renamed (one successor), merged (several codes with one successor) or split (one code
with several successors, each with a share of its incidents; shares of a code sum to 1).

A count of a split area is dealt out by thinning: each incident goes to one successor, with the share as probability.
Thinned Poisson counts are independent Poisson counts (Kingman, Poisson Processes, 1993, section 5.1), so what is dealt
out is as irregular as real counts and a noise learnt from it is right; rounding by largest remainder would give every
count of 1 to the largest share. What decides is a hash of area, group, hour and number of the incident: the same
counts are dealt out alike, however long the file is, and totals are kept exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

TOLERANCE = 1e-6
"""Shares of a code sum to 1 but for so much."""


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """An area of today and its share of the incidents of an area that is no more."""

    new: str
    share: float


Succession = Mapping[str, tuple[Part, ...]]
"""Areas of today by code of the area that is no more, sorted; one part means that the code has one successor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a table of changes: *share* of the incidents of *old* belong to *new*, from a day (ISO 8601) on."""

    old: str
    new: str
    share: float
    since: str = ""


class Unsound(ValueError):
    """The changes contradict each other; ``old`` is the code at fault."""

    def __init__(self, old: str, what: str) -> None:
        super().__init__(f"{old}: {what}")
        self.old = old


def resolved(changes: list[Change]) -> Succession:
    """
    Successions to the areas of today, through as many changes as there were; shares multiply on the way.

    >>> resolved([Change(old="A", new="B", share=1.0), Change(old="B", new="C", share=0.5),
    ...           Change(old="B", new="D", share=0.5)])["A"]
    (Part(new='C', share=0.5), Part(new='D', share=0.5))

    Raises
    ------
    Unsound
        A code follows itself, or its shares do not sum to 1.

    """
    steps: dict[str, list[Part]] = {}
    for change in changes:
        steps.setdefault(change.old, []).append(Part(change.new, change.share))
    for old, parts in steps.items():
        total = sum(part.share for part in parts)
        if abs(total - 1.0) > TOLERANCE:
            raise Unsound(old, f"its shares sum to {total:g}, not to 1")
    return {old: _parts(old, steps, ()) for old in steps}


def _parts(old: str, steps: Mapping[str, list[Part]], seen: tuple[str, ...]) -> tuple[Part, ...]:
    if old in seen:
        raise Unsound(old, "it follows itself: " + " to ".join((*seen, old)))
    found: dict[str, float] = {}
    for step in steps[old]:
        onward = _parts(step.new, steps, (*seen, old)) if step.new in steps else (Part(step.new, 1.0),)
        for part in onward:
            found[part.new] = found.get(part.new, 0.0) + step.share * part.share
    return tuple(sorted(Part(new, share) for new, share in found.items()))


def dealt(counts: Counts, first_hour: int, parts: tuple[Part, ...], key: str) -> Counts:
    """
    Hour counts of an area that is no more, dealt out to its successors.

    Parameters
    ----------
    counts
        Whole numbers, [hours].
    first_hour
        Of the first of them, since the epoch.
    parts
        The successors.
    key
        Names area and group, so that no two are dealt out alike.

    Returns
    -------
    Counts
        [successors, hours]; each hour sums to its count.

    """
    if len(parts) == 1:
        return counts[np.newaxis].astype(np.int64)
    hours = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    number = np.arange(len(hours)) - starts[hours]
    chance = _hashed(first_hour + hours, number, crc32(key.encode()))
    bounds = np.cumsum([part.share for part in parts])[:-1]
    answer = np.zeros((len(parts), len(counts)), dtype=np.int64)
    np.add.at(answer, (np.searchsorted(bounds, chance, side="right"), hours), 1)
    return answer


def _hashed(hours: Counts, number: Counts, seed: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each incident: the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = (hours.astype(np.uint64) << np.uint64(16)) + number.astype(np.uint64)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + (np.uint64(seed) << np.uint64(31))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53

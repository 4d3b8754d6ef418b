"""Counts by group, area and month, and what has to be said of where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from streams.review.months import Month, iso

Counts = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where counts come from: files with their digests, period, age, and what was left out and why."""

    source: str
    licence: str
    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Incidents of each month by how many months later they were recorded: [months, delays], per group."""

    by_delay: Mapping[str, Counts]
    until: Month
    """Month after the last in which anything was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    Counts of one source.

    ``counts`` is [groups, areas, months] of the areas of ``level`` (codes in ``areas``; empty where the source tells no
    places), ``elsewhere`` [groups, months] what is in none of them, ``labels`` the source's own words with the counts
    of each month, whatever group counts them.
    """

    groups: tuple[str, ...]
    level: str
    areas: tuple[str, ...]
    first: Month
    counts: Counts
    elsewhere: Counts
    labels: Mapping[str, Counts]
    excluded: tuple[Month, ...]
    provenance: Provenance
    recording: Recording | None = None
    hours: Mapping[str, Counts] = field(default_factory=dict)
    """Incidents by hour of the local week, Monday 00:00 first, per group, where the source tells hours."""

    def __post_init__(self) -> None:
        groups, months = len(self.groups), self.counts.shape[2]
        if self.counts.shape[:2] != (groups, len(self.areas)) or self.elsewhere.shape != (groups, months):
            raise ValueError("counts do not fit groups, areas and months")

    @property
    def months(self) -> tuple[Month, ...]:
        """All months, in order."""
        return tuple(range(self.first, self.first + self.counts.shape[2]))

    @property
    def end(self) -> Month:
        """Month after the last."""
        return self.first + int(self.counts.shape[2])

    @property
    def period(self) -> str:
        """First and last month, in words for a caption."""
        return f"{iso(self.first)} to {iso(self.end - 1)}"

    @property
    def region(self) -> Counts:
        """[groups, months], wherever it was."""
        whole: Counts = self.counts.sum(axis=1) + self.elsewhere
        return whole

    def of(self, group: str) -> Counts:
        """[areas, months] of one group."""
        table: Counts = self.counts[self.groups.index(group)]
        return table

    def gathered(self, level: str, areas: Sequence[str], parent: Mapping[str, str]) -> Panel:
        """The same for the areas around these, ``parent`` by code."""
        at = {code: number for number, code in enumerate(areas)}
        counts = np.zeros((len(self.groups), len(areas), self.counts.shape[2]), dtype=np.int64)
        elsewhere = self.elsewhere.copy()
        for number, code in enumerate(self.areas):
            place = at.get(parent.get(code, ""))
            if place is None:
                elsewhere += self.counts[:, number]
            else:
                counts[:, place] += self.counts[:, number]
        return Panel(
            groups=self.groups,
            level=level,
            areas=tuple(areas),
            first=self.first,
            counts=counts,
            elsewhere=elsewhere,
            labels=self.labels,
            excluded=self.excluded,
            provenance=self.provenance,
            recording=self.recording,
            hours=self.hours,
        )

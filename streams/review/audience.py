"""Who reads a review, and what of small areas and small numbers they may be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from schemas.disclosure import Cell, Shown, Table, protected, protected_tree
from streams.core.taxonomy import DOMESTIC_ABUSE, SEXUAL_VIOLENCE
from streams.review.panel import Counts

PROTECTED = frozenset({SEXUAL_VIOLENCE, DOMESTIC_ABUSE, "stalking_harassment", "violence_against_women"})
"""Groups whose place can identify a victim."""


class Audience(StrEnum):
    """Readers, from those who may know most."""

    TRUSTED = "trusted"
    PARTNER = "partner"
    PUBLIC = "public"

    def levels(self, group: str, levels: Sequence[str]) -> tuple[str, ...]:
        """Levels, coarse to fine, at which a group may be told."""
        return tuple(levels) if self is Audience.TRUSTED or group not in PROTECTED else tuple(levels[:1])

    @property
    def rule(self) -> str:
        """The rule in words, for captions."""
        if self is Audience.TRUSTED:
            return "for the trusted group: exact numbers, not to be passed on"
        return (
            "numbers from 1 to 4 are told as 1-4, others hidden (c) where they would give one back; sexual violence "
            "and domestic abuse by the coarse areas only"
        )


def shown(
    audience: Audience, name: str, areas: Sequence[str], counts: Counts, around: Mapping[str, str]
) -> dict[str, Cell]:
    """
    How the numbers of areas in one closed period are told, by code; with *around*, those of the areas around them too.

    Parameters
    ----------
    audience
        The readers.
    name
        Of group and period.
    areas, counts
        Codes of one level, and their numbers.
    around
        The coarser area of each, by code; empty at the coarse level.

    """
    numbers = {code: int(count) for code, count in zip(areas, counts, strict=True)}
    if audience is Audience.TRUSTED:
        return {code: Cell(Shown.EXACT, number) for code, number in numbers.items()}
    if not around:
        return dict(protected(Table(name=name, parts=numbers)).parts)
    nested: dict[str, dict[str, int]] = {}
    for code, number in numbers.items():
        nested.setdefault(around[code], {})[code] = number
    tree = protected_tree(name, nested)
    parts = {code: cell for table in tree.areas.values() for code, cell in table.parts.items()}
    return {**tree.region.parts, **parts}

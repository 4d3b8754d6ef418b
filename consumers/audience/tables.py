"""What each audience is told of one group in one closed period. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from consumers.audience.rules import REGION, Rules
from consumers.gazetteer import Words
from schemas.disclosure import Cell, Shown, Tree, protected_tree

ELSEWHERE = "+"
"""Ends the code of the part of an area whose incidents are known to be there, and not where in it."""


class Row(NamedTuple):
    """One number for one audience."""

    level: str
    area: str
    cell: Cell


def tree_of(rules: Rules, words: Words, name: str, counts: Mapping[str, int]) -> Tree:
    """
    Protect one group and period, all levels together, so that what one audience is told adds nothing to another's.

    *counts* are the true numbers by code of areas of both levels; *name* is of the group and period.
    """
    areas = [code for code, parent in words.parents.items() if not parent]
    parts: dict[str, dict[str, int]] = {area: {} for area in areas}
    for code, parent in words.parents.items():
        if parent and parent not in rules.whole:
            parts[parent][code] = counts.get(code, 0)
    for area, below in parts.items():
        elsewhere = counts.get(area, 0) - sum(below.values())
        if elsewhere < 0:
            raise ValueError(f"{name}: {area} has fewer incidents than its parts")
        below[f"{area}{ELSEWHERE}"] = elsewhere
    return protected_tree(name, parts)


def told(rules: Rules, words: Words, audience: str, group: str, tree: Tree) -> Iterator[Row]:
    """Rows of *tree* that *audience* may see, coarse to fine."""
    finest = (REGION, *words.levels).index(rules.audiences[audience][group])
    yield Row(REGION, rules.region, tree.region.whole)
    if finest >= 1:
        yield from (Row(words.levels[0], area, cell) for area, cell in tree.region.parts.items())
    if finest >= 2:
        for area, table in tree.areas.items():
            if area not in rules.whole:
                yield from (Row(words.levels[1], code, cell) for code, cell in table.parts.items() if _seen(code, cell))


def _seen(code: str, cell: Cell) -> bool:
    """Whether there is anything to tell: of incidents elsewhere only if there are any."""
    return not code.endswith(ELSEWHERE) or cell != Cell(Shown.EXACT, 0)

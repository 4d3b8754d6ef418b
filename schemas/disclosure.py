"""
What may be published of counts: bands for small numbers, and enough others hidden that no total gives one back.

A table is one group in one closed period: an area and its parts (a borough and its wards), or a region and its areas.
Numbers from 1 to 4 are banded (:data:`SMALL`), since they can point at people. A reader who knows the total and all
other parts could compute a banded part; so parts are hidden until every banded number is left with :data:`LEFT` values
for whoever knows the rules and everything that is published: the cell suppression problem, here for trees of sums
(Hundepool et al., Statistical Disclosure Control, Wiley 2012, chapter 4). A period is published once, when it is
closed, in one length only: periods that overlap or slide could be subtracted from each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

SMALL = range(1, 5)
"""Numbers that are banded."""
LEFT = 3
"""Values that a reader has to be left with for a banded number, at least."""
UNBOUNDED = 1 << 31


class Shown(StrEnum):
    """How a number is published."""

    EXACT = "EXACT"
    BAND = "BAND"
    """As 1 to 4."""
    HIDDEN = "HIDDEN"
    """Not at all, for another's sake."""


class Cell(NamedTuple):
    """One published number: ``number`` with EXACT, else None; ``shown`` says how."""

    shown: Shown
    number: int | None

    @property
    def text(self) -> str:
        """As people read it."""
        return {Shown.EXACT: str(self.number), Shown.BAND: "1-4", Shown.HIDDEN: "c"}[self.shown]


HIDDEN = Cell(Shown.HIDDEN, None)


class Bounds(NamedTuple):
    """What a number may be, as far as a reader can tell: from ``low`` to ``high``, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """True numbers of the parts of a whole, by code; ``name`` decides in which order parts are hidden."""

    name: str
    parts: Mapping[str, int]

    def __post_init__(self) -> None:
        if any(count < 0 for count in self.parts.values()):
            raise ValueError(f"{self.name}: a count below 0")

    @property
    def whole(self) -> int:
        """The sum."""
        return sum(self.parts.values())


class Published(NamedTuple):
    """A table as it is published: the whole, and its parts by code."""

    whole: Cell
    parts: Mapping[str, Cell]


def protected(table: Table, *, whole: Cell | None = None, hidden: Collection[str] = ()) -> Published:
    """
    Band and hide what has to be, and no more than the order of hiding needs.

    Parameters
    ----------
    table
        The true numbers.
    whole
        How the whole is published already, as a part of another table; None to decide it here.
    hidden
        Parts that are hidden in any case, for the sake of tables of which they are the wholes.

    """
    parts = {code: HIDDEN if code in hidden else _plain(count) for code, count in table.parts.items()}
    total = _plain(table.whole) if whole is None else whole
    for code in _order(table):
        if not narrowed(Published(total, parts)):
            break
        parts[code] = HIDDEN
    if narrowed(Published(total, parts)):
        total = HIDDEN
    return Published(total, MappingProxyType(parts))


class Tree(NamedTuple):
    """A region's table, and below each of its areas that area's own."""

    region: Published
    areas: Mapping[str, Published]


def protected_tree(name: str, counts: Mapping[str, Mapping[str, int]]) -> Tree:
    """
    Publish a region, its areas and their parts together, so that no level gives back what another hides.

    Parameters
    ----------
    name
        Of the group and period.
    counts
        True numbers of parts by code, by the code of their area.

    """
    top = Table(name=name, parts={area: sum(parts.values()) for area, parts in counts.items()})
    tables = {area: Table(name=f"{name}|{area}", parts=parts) for area, parts in counts.items()}
    spare, hidden = [*_order(top), None], frozenset[str]()
    while True:
        region = protected(top, hidden=hidden)
        if None not in spare:
            region = Published(HIDDEN, region.parts)
        areas = {area: protected(table, whole=region.parts[area]) for area, table in tables.items()}
        tree = Tree(region, MappingProxyType(areas))
        wanted = _for_their_parts(tree) | _given_back(tree)
        if wanted <= hidden and not _given_back(tree):
            return tree
        if wanted <= hidden:
            # hiding those was not enough: others give them back
            other = spare.pop(0)
            hidden |= frozenset() if other is None else {other}
        hidden |= wanted


def _for_their_parts(tree: Tree) -> frozenset[str]:
    """Areas whose number would narrow one of their parts."""
    return frozenset(area for area, table in tree.areas.items() if table.whole != tree.region.parts[area])


def _given_back(tree: Tree) -> frozenset[str]:
    """Areas of which a reader of everything can tell a banded part."""
    known = known_of(tree)
    return frozenset(
        area
        for area, table in tree.areas.items()
        if any(_told(cell, known[code]) for code, cell in table.parts.items())
    )


def known_of(tree: Tree) -> dict[str, Bounds]:
    """
    What a reader of everything can tell of every part of every area.

    Bounds of areas come from the region and from their own parts; each tightens the other until nothing moves. In a
    tree of sums such bounds are exact: every value within them fits.
    """
    found: dict[str, Bounds] = {}
    wholes = {area: _area(cell) for area, cell in tree.region.parts.items()}
    while True:
        upward = {area: _sum(map(_own, table.parts.values())) for area, table in tree.areas.items()}
        tighter = {area: _both(wholes[area], upward[area]) for area in wholes}
        tighter = _within(_own(tree.region.whole), tighter)
        if tighter == wholes:
            break
        wholes = tighter
    for area, table in tree.areas.items():
        own = {code: _own(cell) for code, cell in table.parts.items()}
        found |= _within(wholes[area], own)
    return found


def narrowed(published: Published) -> bool:
    """Whether a banded number can be told, or told to be one of two where the band leaves more."""
    known = _within(_own(published.whole), {code: _own(cell) for code, cell in published.parts.items()})
    return any(_told(cell, known[code]) for code, cell in published.parts.items())


def _told(cell: Cell, known: Bounds) -> bool:
    return cell.shown is Shown.BAND and known.high - known.low < LEFT - 1


def _within(whole: Bounds, parts: Mapping[str, Bounds]) -> dict[str, Bounds]:
    """Bounds of parts: their own, and the whole's less what the others are at least or at most."""
    all_of = _sum(parts.values())
    return {
        code: Bounds(
            max(each.low, whole.low - (all_of.high - each.high)), min(each.high, whole.high - (all_of.low - each.low))
        )
        for code, each in parts.items()
    }


def _sum(bounds: Iterable[Bounds]) -> Bounds:
    lows, highs = zip(*bounds, strict=True)
    return Bounds(sum(lows), sum(highs))


def _both(one: Bounds, other: Bounds) -> Bounds:
    return Bounds(max(one.low, other.low), min(one.high, other.high))


def _area(cell: Cell) -> Bounds:
    """An area may be hidden for the sake of its parts, and be small; one without incidents has no such parts."""
    return Bounds(1, UNBOUNDED) if cell.shown is Shown.HIDDEN else _own(cell)


def _own(cell: Cell) -> Bounds:
    if cell.number is not None:
        return Bounds(cell.number, cell.number)
    # who knows the rules knows that a hidden number is not a small one, which would be banded
    return Bounds(SMALL.start, SMALL.stop - 1) if cell.shown is Shown.BAND else Bounds(SMALL.stop, UNBOUNDED)


def _plain(count: int) -> Cell:
    return Cell(Shown.BAND, None) if count in SMALL else Cell(Shown.EXACT, count)


def _order(table: Table) -> Iterator[str]:
    """Parts that may be hidden, in an order that says nothing of their numbers."""
    free = [code for code, count in table.parts.items() if count >= SMALL.stop]
    yield from sorted(free, key=lambda code: hashlib.sha256(f"{table.name}|{code}".encode()).digest())

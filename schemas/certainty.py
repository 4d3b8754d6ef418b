"""
How certain an incident is: which of its quality codes cast doubt on the count it is in, in one order, and in words.

The order is that of what the doubt would do to the count: the incident may be none at all, then belong to another
area, then to another hour; what rests on a single statement comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from schemas.events import Contribution, Quality

DOUBTS: Mapping[str, str] = MappingProxyType(
    {
        Quality.REVISION_HELD: "its source takes it back, and that waits for an answer",
        Quality.SUSPECTED: "suspected, not confirmed",
        Quality.UNKNOWN_AREA_CODE: "its place is assumed, its code is of no area of today",
        Quality.PLACE_IMPRECISE: "its position may be a kilometre off or more",
        Quality.TIME_IMPRECISE: "counted when it was reported, not when it happened",
        Quality.AREA_CODE_ONLY: "placed by the code of an area alone",
        Quality.HISTORIC: "it happened weeks before it was reported",
        Quality.REVISION_REFUSED: "its source took it back, and a person refused that",
    }
)
"""What each code says of an incident, the strongest doubt first; other codes keep it out of the counts anyway."""

_STRENGTH = {code: len(DOUBTS) - place for place, code in enumerate(DOUBTS)}


def doubt(quality: Iterable[str]) -> tuple[int, ...]:
    """
    Strength of each doubt, 1 or more, the strongest first; () of a certain incident. Greater is less certain.

    The strongest decides, and of equal ones the next.

    >>> doubt([]) < doubt(["AREA_CODE_ONLY"]) < doubt(["AREA_CODE_ONLY", "TIME_IMPRECISE"]) < doubt(["REVISION_HELD"])
    True
    """
    return tuple(sorted((_STRENGTH[code] for code in set(quality) if code in _STRENGTH), reverse=True))


def reason(quality: Iterable[str]) -> str:
    """
    Code of the strongest doubt, "" of a certain incident.

    >>> reason(["AREA_CODE_ONLY", "TIME_IMPRECISE"]), reason(["A_CODE_OF_A_NEWER_VERSION"])
    ('TIME_IMPRECISE', '')
    """
    return max((str(code) for code in quality if code in _STRENGTH), key=_STRENGTH.__getitem__, default="")


def said(code: str) -> str:
    """
    A doubt in words.

    >>> said("SUSPECTED"), said("A_CODE_OF_A_NEWER_VERSION")
    ('suspected, not confirmed', 'a code of a newer version')
    """
    return DOUBTS.get(code) or code.replace("_", " ").lower()


def least_certain(contributions: Iterable[Contribution]) -> Contribution | None:
    """Give the one with the greatest doubt, of equal ones the first; None if all are certain."""
    doubted = [each for each in contributions if doubt(each.quality)]
    return max(doubted, key=lambda each: doubt(each.quality), default=None)

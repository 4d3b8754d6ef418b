"""Which areas above threshold are one situation: neighbours belong together, and to what is already open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

NEAR = 4
"""So many nearest neighbours of an area are next to it."""


class Neighbourhood:
    """Who is next to whom among the areas of a unit; being next to is mutual."""

    def __init__(self, areas: Sequence[str], neighbours: Sequence[Sequence[int]]) -> None:
        self._near: dict[str, set[str]] = {area: set() for area in areas}
        for area, near in zip(areas, neighbours, strict=True):
            for index in near[:NEAR]:
                self._near[area].add(areas[index])
                self._near[areas[index]].add(area)

    def around(self, areas: Iterable[str]) -> set[str]:
        """*areas* and all that are next to one of them."""
        found = set(areas)
        return found.union(*(self._near[area] for area in found))

    def groups(self, hot: Mapping[str, float]) -> list[list[str]]:
        """
        Split the areas of *hot* into groups of neighbours, each by falling score, the highest group first.

        >>> town = Neighbourhood("ABCD", [(1,), (0,), (3,), (2,)])
        >>> town.groups({"A": 4.0, "B": 5.0, "D": 6.0})
        [['D'], ['B', 'A']]
        """
        left = dict(sorted(hot.items(), key=lambda item: (-item[1], item[0])))
        groups = []
        while left:
            group = [next(iter(left))]
            for member in group:
                left.pop(member, None)
                group += [area for area in left if area in self._near[member] and area not in group]
            groups.append(sorted(group, key=lambda area: (-hot[area], area)))
        return groups

"""An attacker of what is published: integer programmes that share no code with the protection."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from schemas.disclosure import SMALL, Cell, Shown, Tree


def limits(cell: Cell) -> tuple[float, float]:
    """What the rules alone say of a cell; a hidden one may be anything, which is less than the rules say."""
    if cell.number is not None:
        return cell.number, cell.number
    return (SMALL.start, SMALL.stop - 1) if cell.shown is Shown.BAND else (0, 10_000)


def attacked(tree: Tree, area: str, code: str) -> tuple[int, int]:
    """The least and the most that one part can be, by two integer programmes over all that is published."""
    parts = [(a, c, cell) for a, table in tree.areas.items() for c, cell in table.parts.items()]
    areas = list(tree.areas)
    low = np.array([limits(cell)[0] for *_, cell in parts])
    high = np.array([limits(cell)[1] for *_, cell in parts])
    sums = np.array([[float(a == each) for a, *_ in parts] for each in areas] + [[1.0] * len(parts)])
    wholes = [limits(tree.region.parts[each]) for each in areas] + [limits(tree.region.whole)]
    rule = LinearConstraint(sums, [w[0] for w in wholes], [w[1] for w in wholes])
    place = next(n for n, (a, c, _) in enumerate(parts) if (a, c) == (area, code))
    found = []
    for sign in (1.0, -1.0):
        goal = np.zeros(len(parts))
        goal[place] = sign
        done = milp(goal, constraints=rule, bounds=Bounds(low, high), integrality=np.ones(len(parts), dtype=np.int64))
        assert done.success
        found.append(round(sign * done.fun))
    return found[0], found[1]


def banded(tree: Tree) -> list[tuple[str, str]]:
    return [(a, c) for a, table in tree.areas.items() for c, cell in table.parts.items() if cell.shown is Shown.BAND]

"""Evidence for a spike: likelihood ratios over windows, multipliers and sets of neighbouring areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

RIVALS = 4
CLIP = 80.0


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Which areas and sets have to be computed to score some areas; indexes are into *rows* unless said otherwise.

    rows: areas whose counts are needed. members: for each size of set, [sets, size]. incident: [areas, k] sets that
    contain an area, over all sizes in order; weight: [areas, k] their share, 0 where padded. rivals: [areas, k] the
    nearest neighbours of an area, rival_weight [areas, k] their share. target: [areas] the areas to score.
    """

    rows: Indexes
    members: tuple[Indexes, ...]
    incident: Indexes
    weight: Floats
    rivals: Indexes
    rival_weight: Floats
    target: Indexes


class Scan:
    """
    The sets of a unit: each area with its nearest neighbours, in each size (Neill, 2006; 2009, section 2.2).

    Every set that contains an area speaks for it, whichever area it is centred on.
    """

    def __init__(self, neighbours: Sequence[Sequence[int]], settings: Settings) -> None:
        self._neighbours = neighbours
        self._settings = settings
        self._sets: list[list[tuple[int, ...]]] = []
        for size in settings.set_sizes:
            sets = {tuple(sorted((area, *near[: size - 1]))) for area, near in enumerate(neighbours) if len(near) > 0}
            self._sets.append(sorted(sets))
        self._of: list[list[list[int]]] = []
        for sets_of_size in self._sets:
            of: list[list[int]] = [[] for _ in neighbours]
            for index, members in enumerate(sets_of_size):
                for area in members:
                    of[area].append(index)
            self._of.append(of)
        self.whole = self.plan(range(len(neighbours)))

    def plan(self, areas: Sequence[int]) -> Plan:
        """Plan that scores *areas* and nothing else."""
        wanted = [sorted({index for area in areas for index in of[area]}) for of in self._of]
        chosen = [[sets[index] for index in some] for sets, some in zip(self._sets, wanted, strict=True)]
        rivals = [list(self._neighbours[area][:RIVALS]) for area in areas]
        needed = {area for sets in chosen for members in sets for area in members}
        rows = sorted(needed.union(areas, *rivals))
        row = {area: index for index, area in enumerate(rows)}
        incident, weight = self._incidence(areas, wanted)
        return Plan(
            rows=np.array(rows, dtype=np.intp),
            members=tuple(
                _padded([[row[area] for area in members] for members in sets], len(rows), size)
                for sets, size in zip(chosen, self._settings.set_sizes, strict=True)
            ),
            incident=incident,
            weight=weight,
            rivals=_padded([[row[area] for area in some] for some in rivals], 0, RIVALS),
            rival_weight=np.array(
                [[(k < len(some)) / max(len(some), 1) for k in range(RIVALS)] for some in rivals], dtype=np.float64
            ).reshape(len(rivals), RIVALS),
            target=np.array([row[area] for area in areas], dtype=np.intp),
        )

    def driver(self, ratios: Floats, plan: Plan, prior: Floats) -> tuple[int, tuple[int, ...]]:
        """
        Hypothesis with the largest share of the score of a plan's only area: index of window and multiplier, members.

        ratios: [rows, windows x multipliers].
        """
        joint, target = self._settings.joint, int(plan.target[0])
        alone = np.log(prior) + ratios[target] + np.log1p(-joint)
        best = alone
        members: tuple[int, ...] = (target,)
        start = 0
        for sets in plan.members:
            for k, some in enumerate((rows[rows < len(plan.rows)] for rows in sets), start=start):
                weight = float(plan.weight[0][plan.incident[0] == k].sum())
                together = np.log(prior) + ratios[some].sum(axis=0) + np.log(max(joint * weight, 1e-300))
                if together.max() > best.max():
                    best, members = together, tuple(int(row) for row in some)
            start += len(sets)
        return int(best.argmax()), tuple(int(plan.rows[row]) for row in members)

    def _incidence(self, areas: Sequence[int], wanted: list[list[int]]) -> tuple[Indexes, Floats]:
        """Sets of each area, as indexes into the list of all wanted sets, and the weight of each."""
        sizes = len(wanted)
        incident: list[list[int]] = [[] for _ in areas]
        weight: list[list[float]] = [[] for _ in areas]
        start = 0
        for of, some in zip(self._of, wanted, strict=True):
            place = {index: start + k for k, index in enumerate(some)}
            for k, area in enumerate(areas):
                incident[k].extend(place[index] for index in of[area])
                weight[k].extend(1.0 / sizes / len(of[area]) for _ in of[area])
            start += len(some)
        width = max((len(some) for some in self._width()), default=0)
        return _padded(incident, 0, width), np.array(
            [some + [0.0] * (width - len(some)) for some in weight], dtype=np.float64
        ).reshape(len(areas), width)

    def _width(self) -> list[list[int]]:
        return [[index for of in self._of for index in of[area]] for area in range(len(self._neighbours))]


def _padded(rows: Sequence[Sequence[int]], pad: int, width: int) -> Indexes:
    return np.array([[*row, *[pad] * (width - len(row))] for row in rows], dtype=np.intp).reshape(len(rows), width)


def window_totals(
    cells: Floats, starts: npt.NDArray[np.intp], weights: Floats, rows: Indexes, windows: Sequence[int]
) -> Floats:
    """
    Weighted sums over the last w of the hours from each of *starts* on, for each window w.

    cells: [areas, hours]; starts: columns, may lie before the first; weights: [longest window], oldest first; answer:
    [starts, rows, windows].
    """
    if len(starts) == 1 and starts[0] >= 0:
        first = int(starts[0])
        picked = (cells[:, first : first + len(weights)][rows] * weights)[None]
    else:
        columns = starts[:, None] + np.arange(len(weights))
        part = (columns >= 0) * weights
        picked = cells[rows[None, :, None], np.maximum(columns, 0)[:, None, :]] * part[:, None, :]
    cuts = len(weights) - np.array(windows[::-1], dtype=np.intp)
    sums = np.add.reduceat(picked, cuts, axis=-1)
    answer: Floats = np.add.accumulate(sums[..., ::-1], axis=-1)
    return answer


def window_counts(
    cells: Floats, starts: npt.NDArray[np.intp], length: int, rows: Indexes, windows: Sequence[int]
) -> Floats:
    """
    Counts over the last w of the *length* hours from each of *starts* on, for each window w.

    Differences of running totals: exact for whole numbers, so a single stretch may be added up, which is quicker.
    cells: [areas, hours]; starts: columns, may lie before the first; answer: [starts, rows, windows].
    """
    if len(starts) == 1:
        return window_totals(cells, starts, np.ones(length), rows, windows)
    first, end = max(int(starts.min()), 0), int(starts.max()) + length
    totals = np.zeros((len(rows), end - first + 1))
    np.cumsum(cells[rows, first:end], axis=1, out=totals[:, 1:])
    ends = starts + length - first
    before = np.maximum(ends[:, None] - np.array(windows, dtype=np.intp), 0)
    answer: Floats = (totals[:, ends][..., None] - totals[:, before]).transpose(1, 0, 2)
    return answer


def log_ratios(observed: Floats, expected: Floats, noise: Floats, batch: float, multipliers: Floats) -> Floats:
    """
    Log likelihood ratio of "the rate is rho times the expected" against "as expected", for each window and rho.

    Counts over a window are negative binomial with mean m and Var N = b m + v m^2, so of size r(m) = m / (b - 1 + v m)
    (Noufaily et al. 2013, section 3.4, replace the normal by the negative binomial; Hoehle & Paul, 2008, for its
    likelihood ratio). With r0 = r(m), m1 = rho m and r1 = r(m1):

        l = lnG(N + r1) - lnG(r1) - lnG(N + r0) + lnG(r0) + r1 ln(r1/(r1 + m1)) - r0 ln(r0/(r0 + m))
            + N ln(rho (r0 + m) / (r1 + m1))

    observed, expected: [..., areas, windows]; noise: v, [areas, windows]; answer: [..., areas, windows, multipliers].
    """
    mean = np.maximum(expected, 1e-4)[..., None] * np.concatenate(([1.0], multipliers))
    excess = batch - 1.0 + noise[..., None] * mean
    size, spread = mean / excess, np.log1p(excess)
    likelihood = -size * spread
    some = observed > 0.0
    count, size, excess = observed[some][:, None], size[some], excess[some]
    likelihood[some] += gammaln(count + size) - gammaln(size) + count * (np.log(excess) - spread[some])
    answer: Floats = np.clip(likelihood[..., 1:] - likelihood[..., :1], -CLIP, CLIP)
    return answer


def log_odds(ratios: Floats, plan: Plan, prior: Floats, joint: float) -> Floats:
    """
    Log Bayes factor that an area is in a spike, alone or with neighbours, against none or a spike next door.

    With E = exp(l) and p the prior of window and multiplier: alone B_a = sum p E_a; a set B_S = sum p prod E_b, the
    same window and multiplier in all its areas (Neill, 2006);

        score_a = log((1-q) B_a + q mean_S B_S) - log(1 + mean_n (1-q) B_n),  n the nearest neighbours.

    ratios: [times, rows, windows x multipliers]; prior: [windows x multipliers]; answer: [times, areas of the plan].
    """
    likelihood = np.exp(ratios)
    alone = np.add.reduce(likelihood * prior, axis=-1)
    odds = (1.0 - joint) * alone[:, plan.target]
    if plan.incident.shape[1]:
        sets = _set_evidence(likelihood, plan, prior)
        odds = odds + joint * np.add.reduce(sets[:, plan.incident] * plan.weight, axis=-1)
    rival = (1.0 - joint) * np.add.reduce(alone[:, plan.rivals] * plan.rival_weight, axis=-1)
    answer: Floats = np.log(odds) - np.log1p(rival)
    return answer


def _set_evidence(likelihood: Floats, plan: Plan, prior: Floats) -> Floats:
    """B_S of each set of the plan, [times, sets]."""
    times, rows, cells = likelihood.shape
    padded = np.ones((times, rows + 1, cells))
    padded[:, :rows] = likelihood
    answers = []
    for members in plan.members:
        product = padded[:, members[:, 0]] * prior
        for k in range(1, members.shape[1]):
            product *= padded[:, members[:, k]]
        answers.append(np.add.reduce(product, axis=-1))
    return np.concatenate(answers, axis=1)

"""Labelled spikes added to the real counts, and which of them the detector finds, how soon."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.backtest.hours import Counts
from streams.backtest.walk import DayModel, local_days

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]

SIZES = (1.5, 2.0, 3.0, 4.0)
LENGTHS = (3, 6, 12, 24, 72, 168)
JOINT = 0.3
"""Share of spikes that hit an area and its three nearest neighbours together."""
LATE = 24
"""Hours after its end in which a spike still counts as found."""
APART = 168 + LATE
"""Hours between spikes in an area or next to it: no window then holds two."""
WANTED = 400
MOST_ROUNDS = 12
LARGEST_PASS = 650 * 8784
"""Area-hours scored for spikes at most."""
PER_AREA_YEAR = 4.0
YEAR = 8766

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """Extra violence in [onset, onset + length) hours since the epoch: *size* times what is normal in each area."""

    areas: tuple[int, ...]
    onset: int
    length: int
    size: float

    @property
    def end(self) -> int:
        """Hour after the last."""
        return self.onset + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    One area of one spike.

    extra: expected additional incidents. delay: hours from onset to the end of the hour whose score reached the
    threshold, None if that did not happen before the end and a day.
    """

    area: int
    size: float
    length: int
    areas: int
    extra: float
    delay: int | None


def planned(
    expected: Scores, neighbours: Sequence[Sequence[int]], first: int, rng: np.random.Generator
) -> tuple[Spike, ...]:
    """
    Spikes all over *expected*, [areas, hours from *first*], each size and length as often, onsets at busy hours.

    They keep clear of each other, in time and from their neighbours.
    """
    areas, hours = expected.shape
    last = hours - max(LENGTHS) - LATE
    if last <= 1:
        return ()
    near = _mutual(neighbours)
    busy = expected[:, 1:last].sum(axis=0, dtype=np.float64)
    attempts = int(np.ceil(PER_AREA_YEAR * areas * hours / YEAR * 2))
    onsets = 1 + rng.choice(last - 1, attempts, p=busy / busy.sum())
    kinds = [(size, length) for size in SIZES for length in LENGTHS]
    taken = np.zeros((areas, hours + APART), dtype=bool)
    spikes: list[Spike] = []
    for onset in onsets.tolist():
        size, length = kinds[len(spikes) % len(kinds)]
        centre = int(rng.integers(areas))
        hit = (centre, *neighbours[centre][:3]) if rng.uniform() < JOINT else (centre,)
        around = sorted(set(hit).union(*(near[area] for area in hit)))
        span = slice(onset, onset + length + APART)
        if not taken[around, span].any():
            taken[list(hit), span] = True
            spikes.append(Spike(areas=hit, onset=first + onset, length=length, size=size))
    return tuple(spikes)


def _mutual(neighbours: Sequence[Sequence[int]]) -> list[set[int]]:
    near: list[set[int]] = [set(some[:4]) for some in neighbours]
    for area, some in enumerate(neighbours):
        for other in some[:4]:
            near[other].add(area)
    return near


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Hours from *first* (since the epoch) on as they were: [areas, hours] each."""

    first: int
    counts: Counts
    expected: Scores
    scores: Scores


def injected(stretch: Stretch, spikes: Iterable[Spike], batch: float, rng: np.random.Generator) -> Counts:
    """
    The counts of *stretch* with *spikes*: Poisson incidents in batches of 1 + geometric size.

    Further incidents in a batch: (*batch* - 1) / 2 on average, which gives a variance-to-mean ratio of *batch*.
    """
    more = stretch.counts.copy()
    further = max((batch - 1.0) / 2.0, 1e-3)
    for spike in spikes:
        for area in spike.areas:
            part = (area, slice(spike.onset - stretch.first, spike.end - stretch.first))
            rate = (spike.size - 1.0) * stretch.expected[part].astype(np.float64)
            incidents = rng.poisson(rate / (1.0 + further))
            some = incidents > 0
            incidents[some] += rng.negative_binomial(incidents[some], 1.0 / (1.0 + further))
            more[part] += incidents.astype(more.dtype)
    return more


def outcomes(stretch: Stretch, scores: Scores, spikes: Iterable[Spike], threshold: float) -> list[Outcome]:
    """
    What became of *spikes* in *scores* [areas, hours], which are those of *stretch* with the spikes.

    Found: the score of the area comes up to *threshold* between onset and a day after the end. An area that is or
    comes above it without the spike is left out: nothing can be told from it.
    """
    answer, first, plain = [], stretch.first, stretch.scores
    for spike in spikes:
        for area in spike.areas:
            span = slice(spike.onset - first - 1, spike.end - first + LATE)
            if (plain[area, span] >= threshold).any() or scores[area, span.start] >= threshold:
                continue
            above = np.flatnonzero(scores[area, span] >= threshold)
            part = slice(spike.onset - first, spike.end - first)
            answer.append(
                Outcome(
                    area=area,
                    size=spike.size,
                    length=spike.length,
                    areas=len(spike.areas),
                    extra=float((spike.size - 1.0) * stretch.expected[area, part].sum(dtype=np.float64)),
                    delay=int(above[0]) if len(above) else None,
                )
            )
    return answer


def rounds_of(areas: int, hours: int) -> tuple[int, int]:
    """Passes over the hours for enough spikes, and how many of the hours: what a large unit can afford."""
    used = min(hours, max(LARGEST_PASS // areas, 1))
    each = max(PER_AREA_YEAR * areas * used / YEAR * 0.6, 1.0)
    return max(1, min(int(np.ceil(WANTED / each)), MOST_ROUNDS, LARGEST_PASS // (areas * used))), used


def hours_scored(areas: int, hours: int) -> int:
    """Hours that :func:`measured` walks through, in all its passes."""
    rounds, used = rounds_of(areas, hours)
    return rounds * used


def measured(
    before: DayModel,
    stretch: Stretch,
    threshold: float,
    rng: np.random.Generator,
    told: Told = lambda _: None,
) -> list[Outcome]:
    """Spikes added to *stretch* and scored by the live code from the model *before* it on."""
    rounds, used = rounds_of(*stretch.counts.shape)
    first = stretch.first
    answer: list[Outcome] = []
    for _ in range(rounds):
        spikes = planned(stretch.expected[:, :used], before.unit.neighbours, first, rng)
        counts = injected(stretch, spikes, before.batch(), rng)
        model = copy.deepcopy(before)
        scores = np.empty((len(counts), used), dtype=np.float32)
        for start, turn in local_days(before.unit, first, first + used):
            part = slice(start - first, turn - first)
            scores[:, part] = model.live(start, counts[:, part]).T
            told(turn - start)
        answer += outcomes(stretch, scores, spikes, threshold)
    return answer

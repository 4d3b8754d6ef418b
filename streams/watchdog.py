"""
Who sees that nothing moves: a partition that has more to give and is not read on is a fault nobody else would report.

Whatever the cause (a framework that lost its place, a thread that hangs, a defect of ours), starting anew cures it:
what is not committed is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, NoReturn, Protocol

import structlog

from schemas.errors import Fatal, FirebreakError
from streams.log import Log

log = structlog.get_logger(__name__)

LOOK_EVERY = 10.0
"""Seconds."""
LOOKS = 6
"""So many looks without any movement are longer than any pause that ends by itself: a rebalance, a slow event."""


class Stalled(Fatal):
    """A partition has records that are not taken in, and that for long."""


class _Standing(NamedTuple):
    position: int
    looks: int


class Stalls:
    """
    Tells which partitions stand still.

    It counts looks, not seconds: a process that was frozen has not looked.
    """

    def __init__(self, looks: int = LOOKS) -> None:
        self._most = looks
        self._standing: dict[int, _Standing] = {}

    def see(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> list[int]:
        """
        Look at all partitions once; answers those that stood still at so many looks in a row.

        Parameters
        ----------
        positions
            Offset that each owned partition goes on at.
        ends
            Offset after the newest record that may be read. A partition that the broker does not answer for, or that
            has nothing more, is counted from the beginning again.

        """
        before, self._standing = self._standing, {}
        for number, position in positions.items():
            if ends.get(number, position) > position:
                standing = before.get(number, _Standing(position, 0))
                looks = standing.looks + 1 if standing.position == position else 1
                self._standing[number] = _Standing(position, looks)
        return sorted(number for number, each in self._standing.items() if each.looks >= self._most)


class Owner(Protocol):
    """Who takes the input in."""

    def reading(self) -> dict[int, int]:
        """Offset that each owned partition goes on at."""
        ...


class Watchdog:
    """
    Looks at the partitions of one worker, for ever.

    Parameters
    ----------
    topic
        The input.
    kafka
        The broker.
    owner
        Who takes the input in.
    fatal
        Ends the process.
    stalled
        Told how many partitions stand still, at each look.
    stalls
        What counts as standing still.
    every
        Seconds between two looks.

    """

    def __init__(
        self,
        topic: str,
        kafka: Log,
        owner: Owner,
        *,
        fatal: Callable[[BaseException], NoReturn],
        stalled: Callable[[int], None],
        stalls: Stalls | None = None,
        every: float = LOOK_EVERY,
    ) -> None:
        self._topic, self._kafka, self._owner = topic, kafka, owner
        self._fatal, self._stalled = fatal, stalled
        self._stalls = stalls or Stalls()
        self._every = every

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        positions = self._owner.reading()
        ends = await asyncio.to_thread(self._ends, positions)
        # one that moved while the broker was asked does not stand still
        unmoved = {n: each for n, each in self._owner.reading().items() if positions.get(n) == each}
        found = self._stalls.see(unmoved, ends)
        self._stalled(len(found))
        for number in found:
            self._fatal(
                Stalled(f"{self._topic}/{number} stands at {positions[number]}, and there is more, to {ends[number]}")
            )

    def _ends(self, numbers: Iterable[int]) -> dict[int, int]:
        ends = {}
        for number in numbers:
            try:
                ends[number] = self._kafka.bounds(self._topic, number).end
            except FirebreakError as away:
                log.debug("the broker does not say where a partition ends", partition=number, error=str(away))
        return ends

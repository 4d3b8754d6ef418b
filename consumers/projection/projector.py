"""The projector: topics into the cache, from their beginning at each start and after each loss of Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis

from consumers.cache import Store
from consumers.loop import Handler, Later, Record
from consumers.projection.tables import Rows

HELD = 15
"""Seconds after its last sign of life until another projector may write."""


class Projector(Handler):
    """
    Puts what it takes into a generation of its own, and shows it once all there was has been read.

    Parameters
    ----------
    store
        The cache.
    rows
        What records mean.
    writer
        Name of this process: only one of them writes.
    caught_up
        Whether the ends of all topics were reached.

    """

    def __init__(self, store: Store, rows: Rows, writer: str, caught_up: Callable[[], bool]) -> None:
        self._store = store
        self._rows = rows
        self._caught_up = caught_up
        self._generation: int | None = None
        self._writer = writer
        self.shown = False

    def take(self, records: Sequence[Record]) -> None:
        """
        Put records in.

        Raises
        ------
        Later
            Redis is away, full or too slow.
        Lost
            It has forgotten what was there: begin with a new projector, from the beginning of the topics.

        """
        rows = [row for each in records for row in self._rows.of(each)]
        try:
            self._alone()
            self._store.put(self._begun(), rows)
        except redis.RedisError as failure:
            raise Later(f"Redis does not take it: {failure}") from failure

    def turn(self) -> None:
        """Show the generation when it is whole; raises as :meth:`take` does."""
        try:
            self._alone()
            self._store.check(self._begun())
            if not self.shown and self._caught_up():
                self._store.show(self._begun())
                self.shown = True
        except redis.RedisError as failure:
            raise Later(f"Redis does not answer: {failure}") from failure

    def _alone(self) -> None:
        if not self._store.hold(self._writer, HELD):
            raise Later("another projector writes into this cache")

    def _begun(self) -> int:
        if self._generation is None:
            self._generation = self._store.begin()
        return self._generation

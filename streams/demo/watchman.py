"""Keeps a player from running away from the stages, and the stages running."""

from __future__ import annotations

import time
from collections import deque

from schemas.errors import FirebreakError
from schemas.events import Millis
from streams.demo.board import Board
from streams.demo.feed import Feed
from streams.replay.kafka import Player
from streams.workers import Workers

STUCK_AFTER = 120.0
"""Seconds without a tick."""
REST = 0.02
"""Seconds between two looks."""


class Stuck(FirebreakError):
    """The clock of the last stage does not move."""


class Watchman:
    """
    Looks at the clock of the last stage, as the board shows it.

    The embedded broker keeps 5 MB of a partition, so what is sent must not be far ahead of what is evaluated.
    """

    def __init__(self, board: Board, feed: Feed, workers: Workers) -> None:
        self._board = board
        self._feed = feed
        self._workers = workers
        self._ticks: deque[tuple[Millis, int]] = deque()
        self._seen = 0
        self._moved = time.monotonic()

    @property
    def clock(self) -> Millis:
        """How far everything is evaluated; 0 before the first tick."""
        return self._board.standing().clock or 0

    def hold_back(self, clock: Millis, player: Player, ahead: int) -> None:
        """Having sent the tick *clock*, wait while more than *ahead* messages are not evaluated."""
        self._ticks.append((clock, player.sent))
        while self._ticks and player.sent - self._ticks[0][1] > ahead:
            if self._ticks[0][0] <= self.clock:
                self._ticks.popleft()
                continue
            player.flush()
            self.rest()

    def wait_until(self, due: float) -> None:
        """Rest until monotonic *due*."""
        while (left := due - time.monotonic()) > 0:
            self.rest(min(left, REST))

    def rest(self, seconds: float = REST) -> None:
        """
        Let some time pass, and see that all is well.

        Raises
        ------
        FirebreakError
            A stage won't run, the topics can't be read, or nothing moves.

        """
        if self._feed.failed is not None:
            raise self._feed.failed
        self._workers.supervise()
        now, clock = time.monotonic(), self.clock
        if clock != self._seen:
            self._seen, self._moved = clock, now
        elif self._ticks and self._ticks[-1][0] > clock and now - self._moved > STUCK_AFTER:
            raise Stuck(f"no tick has come through for {STUCK_AFTER:.0f} s; --logs DIR keeps what the workers say")
        time.sleep(seconds)

"""Keeps the console's world like the cache: reads all of it once, then what changes, and says when it can't."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis

from consumers.cache import Store
from consumers.console.state import TABLES, World
from schemas.events import Millis

PAUSE = 0.2
"""Seconds between two looks."""
PAUSE_AWAY = 0.5

Change = tuple[str, str, str]
"""Id of the entry, table and row."""


class Mirror:
    """
    One thread.

    Parameters
    ----------
    store
        The cache.
    world
        What is kept like it; :attr:`world` is another one whenever the cache was built anew.
    fresh
        Makes an empty world.
    tell
        Told what changed, and ``("", "reset", "")`` where all did; called in the thread.
    now
        Wall clock.

    """

    def __init__(
        self, store: Store, fresh: Callable[[], World], tell: Callable[[Change], None], now: Callable[[], Millis]
    ) -> None:
        self.world = fresh()
        self._store, self._fresh, self._tell, self._now = store, fresh, tell, now
        self._generation: int | None = None
        self._last = b"0-0"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, soon."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self._over.wait(PAUSE if self.look() else PAUSE_AWAY)

    def look(self) -> bool:
        """Take in what changed since the last look; False where the cache does not answer."""
        try:
            self._looked()
        except redis.RedisError as failure:
            if self.world.link.away_since is None:
                self.world.link.away_since = self._now()
                self.world.link.why = f"the cache does not answer ({type(failure).__name__})"
                self._tell(("", "reset", ""))
            return False
        if self.world.link.away_since is not None:
            self.world.link.away_since = None
            self._tell(("", "reset", ""))
        return True

    def _looked(self) -> None:
        generation = self._store.shown()
        if generation is None:
            if self.world.link.built:
                self.world.link.built = False
                self._tell(("", "reset", ""))
            self._generation = None
            return
        if generation != self._generation or not self._store.keeps(self._last):
            self._whole(generation)
            return
        for number, table, key in self._store.changes(self._last):
            self.world.put(table, key, self._store.row(table, key))
            self._last = number
            self._tell((number.decode(), table, key.decode("utf-8", "replace")))

    def _whole(self, generation: int) -> None:
        """Another world from all that the cache has; the one before is shown until it is whole."""
        last, made = self._store.newest(), self._fresh()
        for table in TABLES:
            for key, value in (self._store.rows(table) or {}).items():
                made.put(table, key, value)
        made.link.built = True
        self.world, self._last, self._generation = made, last, generation
        self._tell((last.decode(), "reset", ""))

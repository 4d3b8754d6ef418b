"""``firebreak projector``."""

from __future__ import annotations

import os
import signal
import uuid
from types import FrameType

import click
from prometheus_client import CollectorRegistry

from consumers.cache import Lost, Store, connected
from consumers.gazetteer import Gazetteer
from consumers.health import serve
from consumers.loop import Loop
from consumers.metrics import LoopMetrics
from consumers.projection.projector import Projector
from consumers.projection.tables import TABLES, TOPICS, Rows
from schemas import registry
from schemas.errors import UsageError
from schemas.events import WHOLE_LEVEL
from schemas.settings import Settings, from_env


class Projection:
    """Loops, one after another: each builds the cache from the beginning of the topics, and goes on from there."""

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self._settings = settings
        self._metrics = LoopMetrics(self.registry, "projector")
        self._store = Store(connected(settings.redis_url), settings.topic_prefix, TABLES)
        self._wire = registry.wire(settings)
        regions = Gazetteer.load(settings.regions).regions
        self._coarse = {WHOLE_LEVEL, *(words.levels[0] for words in regions.values())}
        self._writer = uuid.uuid4().hex
        self._over = False
        self._projector, self._loop = self._made()

    def run(self) -> None:
        """Project until :meth:`stop`; a Redis that has lost everything is filled anew."""
        while not self._over:
            try:
                self._loop.run()
            except Lost:
                self._projector, self._loop = self._made()

    def stop(self) -> None:
        """End in good order, soon."""
        self._over = True
        self._loop.stop()

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return self._loop.alive

    @property
    def ready(self) -> bool:
        """Whether readers read what this process built."""
        return self._projector.shown

    def _made(self) -> tuple[Projector, Loop]:
        catalogue = self._settings.catalogue()
        ends: list[Loop] = []
        projector = Projector(self._store, Rows(self._wire, self._coarse), self._writer, lambda: ends[0].caught_up)
        topics = [catalogue[each] for each in TOPICS]
        ends.append(Loop(self._settings, topics, projector, name="projector", group=False, metrics=self._metrics))
        return projector, ends[0]


@click.command()
def projector() -> None:
    """
    Keep the newest counts and alerts in Redis, for screens.

    Redis is a cache: it is filled from the topics at each start, and again when it has lost what was there. Run one;
    a second one waits until the first is gone.

    Example: FIREBREAK_REDIS_URL=redis://127.0.0.1:6379/0 firebreak projector
    """
    settings = from_env(os.environ)
    if not settings.redis_url:
        raise UsageError("which Redis? set FIREBREAK_REDIS_URL, redis://host:6379/0")
    projection = Projection(settings)

    def end(_signal: int, _frame: FrameType | None) -> None:
        projection.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with serve(
        settings.metrics_bind, projection.registry, alive=lambda: projection.alive, ready=lambda: projection.ready
    ):
        projection.run()

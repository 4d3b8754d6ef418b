"""``firebreak observer``."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

import click
from prometheus_client import CollectorRegistry

from consumers.commands import Commands
from consumers.health import serve
from consumers.loop import Loop
from consumers.observe.findings import Findings
from consumers.observe.groups import GroupCollector, Groups
from consumers.observe.standing import Standing
from consumers.observe.watcher import TOPICS, StandingCollector, Watcher
from schemas.errors import UsageError
from schemas.events import Millis
from schemas.registry import wire
from schemas.settings import Settings, from_env


def _now() -> Millis:
    return int(time.time() * 1000)


def observing(settings: Settings) -> tuple[Loop, CollectorRegistry]:
    """Wire the observer; nothing runs yet."""
    registry, catalogue = CollectorRegistry(), settings.catalogue()
    findings = Findings(Commands(settings).send)

    def look(standing: Standing) -> None:
        # what is read of the past makes a source look silent that has sent long since
        if loop.caught_up:
            findings.look(standing, _now())

    watcher = Watcher(registry, _now(), wire(settings), look)
    topics = [catalogue[each] for each in TOPICS]
    loop = Loop(settings, topics, watcher, name="observer", group=False, registry=registry)
    registry.register(StandingCollector(watcher, _now))
    registry.register(GroupCollector(Groups(settings)))
    return loop, registry


@click.command()
def observer() -> None:
    """
    Tell Prometheus what the topics and the groups tell.

    How far every group is behind, when each source last sent and how much is missing by its habit, the clock, areas
    and alerts: asked of the brokers, not of the workers, so it answers when they are dead. Tells the detector which
    sources are silent and which are back: what rests on them is GREY meanwhile. Serves /metrics, /healthz
    and /readyz at FIREBREAK_METRICS_BIND. Keeps nothing.

    Example: FIREBREAK_METRICS_BIND=127.0.0.1:9465 firebreak observer
    """
    settings = from_env(os.environ)
    if not settings.metrics_bind:
        raise UsageError("where to serve it? set FIREBREAK_METRICS_BIND, to 127.0.0.1:9465 for example")
    loop, registry = observing(settings)

    def end(_signal: int, _frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with serve(settings.metrics_bind, registry, alive=lambda: loop.alive, ready=lambda: loop.caught_up):
        loop.run()

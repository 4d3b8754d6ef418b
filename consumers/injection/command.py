"""``firebreak inject``."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from types import FrameType

import click
import structlog
from prometheus_client import CollectorRegistry

from consumers.gazetteer import Gazetteer
from consumers.health import serve
from consumers.injection.injector import TOPICS, Injector, Meter, Outcome
from consumers.injection.spikes import CATEGORIES, Past, Plan, Size, Spike, chosen
from consumers.loop import Loop
from consumers.sending import Sender
from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import AreaCount, Millis, Notification
from schemas.registry import wire
from schemas.settings import Settings, from_env
from schemas.wire import Wire

log = structlog.get_logger(__name__)

KEPT_IN = "injector.json"
TICKS_OF_REST = 5
"""Ticks in which the detector sees that a spike is gone, before the next in its group."""


class Duration(click.ParamType):
    """``90s``, ``3h``, ``1d``; in ms."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        """Parse the text."""
        if isinstance(value, int):
            return value
        try:
            return int(DURATION.parse(str(value)) / timedelta(milliseconds=1))
        except ValueError as wrong:
            self.fail(f"{value!r}: {wrong}", param, ctx)


Send = Callable[[Iterable[Notification]], None]


def looping(
    settings: Settings, make: Callable[[Wire, Send, Callable[[], bool]], Injector], registry: CollectorRegistry
) -> Loop:
    """Wire an injector into a loop; nothing runs yet."""
    codecs, catalogue = wire(settings), settings.catalogue()
    sender = Sender(settings)

    def send(notifications: Iterable[Notification]) -> None:
        told = ((each.incident_id.encode(), codecs.encode_notification(each)) for each in notifications)
        sender.send("incidents.raw", told)

    injector = make(codecs, send, lambda: loop.caught_up)
    loop = Loop(
        settings, [catalogue[each] for each in TOPICS], injector, name="injector", group=False, registry=registry
    )
    return loop


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def _ends(loop: Loop) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


@click.group()
def inject() -> None:
    """Inject labelled synthetic spikes, to know that a real one would be seen; nobody is told of them."""


@inject.command()
@click.option("--every", type=Duration(), default="2h", show_default=True, help="Between the beginnings of two spikes.")
@click.option("--over", type=Duration(), default="3h", show_default=True, help="In which a spike's incidents happen.")
@click.option("--patience", type=Duration(), default="3h", show_default=True, help="After its last incident: missed.")
@click.option(
    "--sizes", default="x2,x3,+5,+15", show_default=True, help="In turn; xN: N times a normal day, +N: N more."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the areas that are drawn.")
def run(every: Millis, over: Millis, patience: Millis, sizes: str, seed: int) -> None:
    """
    Inject spikes until told to stop, in areas that are scored and calm, and count what became of them.

    Found, missed or masked by a real alert, and after how long: as metrics at FIREBREAK_METRICS_BIND. A spike is
    withdrawn once it is decided; what is under way is kept in FIREBREAK_DATA_DIR over a restart.

    Example: FIREBREAK_METRICS_BIND=127.0.0.1:9466 firebreak inject run
    """
    settings, registry = from_env(os.environ), CollectorRegistry()
    rest = TICKS_OF_REST * int((settings.tick_period or timedelta()) / timedelta(milliseconds=1))
    plan = Plan(sizes=[Size.parse(each) for each in sizes.split(",")], every=every, over=over, seed=seed, rest=rest)
    meter = Meter(registry, (each.text for each in plan.sizes))
    levels = [words.levels[0] for words in Gazetteer.load(settings.regions).regions.values()]

    def told(outcome: Outcome) -> None:
        meter.ended(outcome)
        log.info("spike", **_line(outcome))

    def make(codecs: Wire, send: Send, ready: Callable[[], bool]) -> Injector:
        file = settings.data_dir / KEPT_IN
        return Injector(
            *(codecs, send, _now),
            patience=patience,
            told=told,
            began=meter.began,
            draw=partial(chosen, plan),
            levels=levels,
            ready=ready,
            file=file,
        )

    loop = looping(settings, make, registry)
    _ends(loop)
    with serve(settings.metrics_bind, registry, alive=lambda: loop.alive, ready=lambda: loop.caught_up):
        loop.run()


@inject.command()
@click.option("--area", required=True, help="Code of the area.")
@click.option("--group", required=True, type=click.Choice(sorted(CATEGORIES)), help="What is counted.")
@click.option("--incidents", required=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--over", type=Duration(), default="1s", show_default=True, help="In which they happen.")
@click.option("--patience", type=Duration(), default="2m", show_default=True, help="After the last: missed.")
def once(area: str, group: str, incidents: int, over: Millis, patience: Millis) -> None:
    """
    Inject one spike, wait for its alert, take it back, and print a JSON line: found, missed or masked.

    Example: firebreak inject once --area E09000012 --group robbery --incidents 20
    """
    settings = from_env(os.environ)
    if not any(area in words.names for words in Gazetteer.load(settings.regions).regions.values()):
        raise UsageError(f"no region pack has an area {area}")
    outcomes: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        loop.stop()

    def draw(past: Past, _counts: Iterable[AreaCount], now: Millis) -> Spike | None:
        spike = Spike(began=now, area=area, group=group, size=f"+{incidents}", incidents=incidents, over=over)
        return spike if past.number == 0 else None

    def make(codecs: Wire, send: Send, ready: Callable[[], bool]) -> Injector:
        return Injector(codecs, send, _now, patience=patience, draw=draw, told=told, ready=ready)

    loop = looping(settings, make, CollectorRegistry())
    _ends(loop)
    loop.run()
    for outcome in outcomes:
        click.echo(json.dumps(_line(outcome)))


def _line(outcome: Outcome) -> dict[str, object]:
    spike = outcome.spike
    return {
        "result": outcome.result.value,
        "delay_s": None if outcome.delay_ms is None else outcome.delay_ms / 1000,
        "alert_id": outcome.alert_id,
        "area": spike.area,
        "group": spike.group,
        "size": spike.size,
        "incidents": spike.incidents,
    }

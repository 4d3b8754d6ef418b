"""One stage in one process: settings in, a running Faust worker out. The one place that wires everything together."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeVar

import click
import faust
import structlog
from confluent_kafka import murmur2

from schemas import registry
from schemas.errors import UsageError
from schemas.events import Tense
from schemas.wire import Wire
from streams import credentials
from streams.admin import Admin
from streams.agents.common import Outbox
from streams.agents.count import CountEdge
from streams.agents.detect import DetectEdge
from streams.agents.enrich import EnrichEdge
from streams.app import create_app
from streams.core.count import Count
from streams.core.detect import Detect
from streams.core.enrich import Enrich
from streams.core.geography import Region
from streams.core.guard import Guard
from streams.core.places import PackPlaces, plan_of, routes
from streams.edge import Edge, Target
from streams.kafka_log import KafkaLog
from streams.log import Log
from streams.metrics import StageMetrics, serve
from streams.ownership import Ownership, Pace
from streams.partition import StageSpec
from streams.peers import Member, client_of, refuse_strangers
from streams.regions.loader import load
from streams.settings import Settings, from_env
from streams.ticks import Ticker
from streams.topics import STAGE_TOPICS, verify
from streams.transport.host import Feeding
from streams.watchdog import Watchdog

ValueT = TypeVar("ValueT")

log = structlog.get_logger(__name__)

INPUTS = {"enrich": "incidents.raw", "count": "incidents.enriched", "detect": "detect.inbox"}
UPSTREAM = {"enrich": (), "count": ("incidents.raw",), "detect": ("incidents.enriched",)}
"""Topics whose partition counts a stage's state rests on, beside that of its input."""

BROKER_SLACK = 2.0
"""Seconds from the end of a member's session until its group is rid of it."""
REQUEST_BEYOND_SESSION = 5.0
"""Seconds; to join a group takes up to a session, while the broker waits for members that have died."""
MOST_REJOINS = 4
"""So many times put out of the group in haste: two processes share one name."""


def partition_of(region: str, partitions: int) -> int:
    """Inbox partition of a region."""
    return int(murmur2(region.encode(), partitions))


def verified_counts(settings: Settings, stage: str) -> Mapping[str, int]:
    """
    Partition counts, by catalogue id, of the topics that *stage* uses: on the broker they are as the settings say.

    Raises
    ------
    UsageError
        A topic is missing or differs, or no broker lets us in.

    """
    verify(settings, stage, patience=settings.broker_wait.total_seconds(), waiting=log.warning)
    catalogue = settings.catalogue()
    return {topic: catalogue[topic].partitions for topic in STAGE_TOPICS[stage]}


class Edges:
    """Makes the edge of a stage for a partition, from settings and region packs."""

    def __init__(self, settings: Settings, stage: str, counts: Mapping[str, int], regions: Sequence[Region]) -> None:
        self._settings = settings
        self._stage = stage
        self._counts = counts
        self._regions = regions
        self._wire = registry.wire(settings)
        catalogue = settings.catalogue()
        targets = {topic: Target(catalogue[topic].name, count) for topic, count in counts.items()}
        self._outbox = Outbox(self._wire, targets, stage)
        self._places = PackPlaces(regions) if stage == "enrich" else None
        inboxes = counts.get("detect.inbox", 1)
        self._inbox_of = {region.name: partition_of(region.name, inboxes) for region in regions}

    def __call__(self, partition: int) -> Edge:
        """Make the edge of *partition*."""
        if self._stage == "enrich":
            return EnrichEdge(self._enrich(partition), partition, self._wire, self._outbox)
        if self._stage == "count":
            return CountEdge(self._count(partition), partition, self._wire, self._outbox)
        return DetectEdge(self._detect(partition), partition, self._wire, self._outbox)

    def _enrich(self, partition: int) -> Enrich:
        assert self._places is not None  # noqa: S101 - made for this stage
        period = self._settings.tick_period
        return Enrich(
            partition,
            self._places,
            enriched_partitions=self._counts["incidents.enriched"],
            tick_period=None if period is None else int(period.total_seconds() * 1000),
            counted=frozenset({self._settings.tense, Tense.INJECTION}),
            guard=Guard(self._settings.guarded_sources, self._counts["incidents.raw"]),
        )

    def _count(self, partition: int) -> Count:
        return Count(
            partition,
            routes(self._regions, self._inbox_of),
            raw_partitions=self._counts["incidents.raw"],
            inbox_partitions=self._counts["detect.inbox"],
        )

    def _detect(self, partition: int) -> Detect:
        mine = [region for region in self._regions if self._inbox_of[region.name] == partition]
        return Detect(
            [plan_of(region) for region in mine],
            enriched_partitions=self._counts["incidents.enriched"],
            tense=self._settings.tense,
        )


def spec_of(settings: Settings, stage: str, counts: Mapping[str, int], edge_for: Callable[[int], Edge]) -> StageSpec:
    """What the runtime must know of a stage."""
    catalogue = settings.catalogue()
    rests_on = (INPUTS[stage], *UPSTREAM[stage])
    return StageSpec(
        name=stage,
        input=catalogue[INPUTS[stage]].name,
        journal=catalogue[f"{stage}.journal"].name,
        transactional_prefix=settings.topic_prefix,
        partitions={topic: counts[topic] for topic in rests_on},
        edge_for=edge_for,
    )


class Threads:
    """Blocking calls beside the event loop, one thread for each partition that may need one."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="partition")

    async def __call__(self, call: Callable[[], ValueT], /) -> ValueT:
        """Answer of *call*, or what it raised."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


class PutOut:
    """
    Counts how often the group puts this member out, and tells a bad link from another process that has its name.

    Who can't reach the broker is put out once in a session at most; two processes with one name put each other out
    with every heartbeat.

    Parameters
    ----------
    instance
        The name.
    session
        Seconds after which the group puts out a member that it hears nothing of.
    fatal
        Is told of the other process.
    clock
        Seconds, from any beginning.

    """

    def __init__(
        self,
        instance: str,
        session: float,
        fatal: Callable[[BaseException], NoReturn],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._haste = (MOST_REJOINS - 1) * session
        self._fatal = fatal
        self._clock = clock
        self._times: deque[float] = deque(maxlen=MOST_REJOINS)

    def __call__(self) -> None:
        """Take one more time in."""
        self._times.append(self._clock())
        if len(self._times) == MOST_REJOINS and self._times[-1] - self._times[0] < self._haste:
            self._fatal(
                UsageError(f"another process runs as {self._instance}: give each a FIREBREAK_INSTANCE of its own")
            )


def end_process(error: BaseException) -> NoReturn:
    """End at once: what may have gone wrong in this process must not reach the broker. The supervisor starts anew."""
    if isinstance(error, UsageError):
        sys.stderr.write(f"firebreak: {error}\n")
    else:
        log.error("stopping", error=f"{type(error).__name__}: {error}")
    sys.stderr.flush()
    os._exit(2 if isinstance(error, UsageError) else 1)


def build(settings: Settings, stage: str, kafka: Log | None = None) -> tuple[faust.App, StageMetrics]:
    """Wire one stage; nothing runs yet."""
    counts = verified_counts(settings, stage)
    regions = [load(name) for name in settings.regions]
    spec = spec_of(settings, stage, counts, Edges(settings, stage, counts, regions))
    metrics = StageMetrics(stage, INPUTS[stage], time.time)
    broker_log = kafka or KafkaLog(settings.kafka.librdkafka())
    ownership = Ownership(
        spec,
        broker_log,
        in_thread=Threads(max(4, counts[INPUTS[stage]])),
        fatal=end_process,
        meter=metrics,
        pace=Pace(interval=settings.flush_interval.total_seconds()),
    )
    group = f"{settings.topic_prefix}-{stage}"
    client = client_of(settings, counts, [region.name for region in regions])
    session = settings.session_timeout.total_seconds()
    refuse_strangers(Admin(settings.kafka), group, Member(settings.instance, client), session + BROKER_SLACK)
    feeding = Feeding(
        client={
            **credentials.aiokafka(settings.kafka),
            "check_crcs": settings.check_crcs,
            "client_id": client,
            # a connection whose other end has gone without a word is given up after this
            "request_timeout_ms": int((session + REQUEST_BEYOND_SESSION) * 1000),
        },
        group=group,
        topic=spec.input,
        instance=settings.instance,
        fetch_bytes=settings.fetch_bytes,
        fetch_wait=int(settings.fetch_wait.total_seconds() * 1000),
        session=session,
        heartbeat=settings.heartbeat.total_seconds(),
    )
    app = create_app(
        ownership,
        feeding,
        fatal=end_process,
        put_out=PutOut(settings.instance or "(no name)", session, end_process),
    )
    _add_watchdog(app, Watchdog(spec.input, broker_log, ownership, fatal=end_process, stalled=metrics.stalled))
    if stage == "enrich" and settings.tick_period is not None:
        _add_clock(app, settings, spec.input, ownership, metrics)
    return app, metrics


def _add_watchdog(app: faust.App, watchdog: Watchdog) -> None:
    @app.task  # type: ignore[untyped-decorator]  # Faust has no type for it
    async def watch() -> None:
        await watchdog.run()


def _add_clock(app: faust.App, settings: Settings, topic: str, ownership: Ownership, metrics: StageMetrics) -> None:
    assert settings.tick_period is not None  # noqa: S101 - asked by the caller
    ticker = Ticker(
        settings.kafka.librdkafka(),
        topic,
        int(settings.tick_period.total_seconds() * 1000),
        encode=Wire.builtin().encode_notification,
        owned=lambda: ownership.partitions,
        now=time.time,
        skewed=metrics.skewed,
    )

    @app.task  # type: ignore[untyped-decorator]  # Faust has no type for it
    async def clock() -> None:
        await ticker.run()


def log_to_stderr(level: str) -> None:
    """Log one line an event to stderr: for people at a terminal, else as JSON."""
    render = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def start(app: faust.App, level: str) -> None:
    """Run a Faust app until it is told to stop."""
    worker = faust.Worker(app, loglevel=level, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def run(settings: Settings, stage: str) -> None:
    """Run one stage until it is told to stop."""
    log_to_stderr(settings.log_level.value)
    app, metrics = build(settings, stage)
    if settings.metrics_bind:
        host, _, port = settings.metrics_bind.rpartition(":")
        serve(metrics, host, int(port))
    # what is there now stays; the many small values of each batch should not wake the collector
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    start(app, "WARNING")


@click.command()
@click.option("--stage", type=click.Choice(tuple(INPUTS)), help="Which stage; else FIREBREAK_STAGE says.")
def worker(stage: str | None) -> None:
    """
    Run one stage.

    Settings come from the environment (FIREBREAK_*). Several workers of a stage share its partitions; give each a
    FIREBREAK_INSTANCE of its own, and its restart disturbs no other.

    Example: FIREBREAK_INSTANCE=enrich-1 firebreak worker --stage enrich
    """
    settings = from_env(os.environ)
    chosen = stage or settings.stage
    if not chosen:
        raise UsageError("which stage? say --stage enrich, count or detect, or set FIREBREAK_STAGE")
    run(settings, chosen)

"""One demonstration: broker, workers, the made-up London played through them, and what came of it."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.events import DAY, HOUR, AlertEvent, Millis, Tense
from schemas.wire import Wire
from streams.broker import EmbeddedBroker
from streams.demo.board import Board
from streams.demo.feed import Feed
from streams.demo.pack import write_pack
from streams.demo.rates import published_rates
from streams.demo.spikes import Tally, tally
from streams.demo.watchman import Watchman
from streams.demo.world import Span, World
from streams.ingest.player import TickAt, play
from streams.replay.kafka import Player
from streams.settings import from_env
from streams.workers import Workers

START: Millis = 1_772_409_600_000
"""2026-03-02, a Monday: the made-up time begins where the published twelve months end."""

TICK = HOUR
FIRST_TICK = 6 * HOUR
UNSCORED: Millis = 27 * DAY
"""No area is scored in its first four weeks, so the clock need not tick every hour."""
AHEAD = 5_000
"""Messages sent that need not be evaluated yet: below 1 MB in any partition of the embedded broker."""
AHEAD_LIVE = 600
"""The same once it is watched: half a day."""

ENDING = 5.0
"""Seconds kept for ending all processes, where the time is bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What is shown.

    speed: simulated hours a second once the history is played; None as fast as it goes. bound: seconds in all; the
    watched days are then spread over what is left of them.
    """

    seed: int
    weeks: int
    days: int
    speed: float | None
    bound: float | None

    @property
    def spikes(self) -> int:
        """Two every three days."""
        return self.days * 2 // 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; ``seconds`` by the wall clock."""

    incidents: int
    injected: int
    found: int
    alerts: int
    false_alerts: int
    seconds: float


@dataclass(slots=True)
class Progress:
    """How far it is: for the screen."""

    phase: str = "starting broker and workers"
    messages: int = 0
    rate: float = 0.0
    """Messages a second, of late."""


class Meter:
    """Messages a second over the last seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._before: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=60)

    def count(self, sent: int) -> None:
        """Take in how many were sent by now."""
        now = time.monotonic()
        at, before = self._before[0]
        self._progress.messages, self._progress.rate = sent, (sent - before) / max(now - at, 1e-3)
        if now - self._before[-1][0] > 0.05:
            self._before.append((now, sent))


class Show:
    """
    A demonstration from beginning to end.

    Parameters
    ----------
    plan
        What is shown.
    begun
        Monotonic seconds at which the bound began to run.
    told
        Called, on a thread, with each event that is shown.
    logs
        Folder for what the workers say; None for nowhere.

    """

    def __init__(self, plan: Plan, begun: float, told: Callable[[AlertEvent], None], logs: Path | None = None) -> None:
        wire = Wire.builtin()
        self.plan = plan
        self.board = Board(wire.area_count.decode, wire.alert_event.decode)
        self.progress = Progress()
        self._folder = tempfile.TemporaryDirectory(prefix="firebreak-demo-")
        region = write_pack(Path(self._folder.name))
        span = Span(start=START, history_days=plan.weeks * 7, live_days=plan.days)
        self.world = World(region, published_rates(), span, spikes=plan.spikes, rng=np.random.default_rng(plan.seed))
        self._begun = begun
        self._deadline = None if plan.bound is None else begun + plan.bound - ENDING
        self._told = told
        self._events: list[AlertEvent] = []
        self._logs = logs
        self._references: set[str] = set()

    def run(self) -> None:
        """Play until the end of the plan or of its time; KeyboardInterrupt ends it too. No process is left behind."""
        with ExitStack() as stack:
            stack.callback(self._folder.cleanup)
            # what ends a process is arranged before it starts: an interrupt may come at any time
            broker = EmbeddedBroker()
            stack.callback(broker.close)
            broker.start()
            environment = self._environment(broker)
            settings = from_env(environment)
            catalogue = settings.catalogue(replay=True)
            for spec in catalogue.values():
                broker.create(spec.name, spec.partitions)
            workers = Workers(environment, logs=self._logs)
            stack.callback(workers.stop)
            stack.enter_context(workers)
            # who ends a demonstration knows that its broker is gone
            connection = {**settings.kafka.librdkafka(), "log_level": 2}
            feed = stack.enter_context(Feed(connection, catalogue, self.board, self._hear))
            self._play(Player(connection, catalogue), Watchman(self.board, feed, workers))

    def _environment(self, broker: EmbeddedBroker) -> dict[str, str]:
        return {
            **broker.environment(),
            "FIREBREAK_REGIONS": self._folder.name,
            "FIREBREAK_TICK_PERIOD": "off",
            "FIREBREAK_TENSE": Tense.EXERCISE,
            "FIREBREAK_PARTITIONS_RAW": "2",
            "FIREBREAK_PARTITIONS_ENRICHED": "2",
            "FIREBREAK_PARTITIONS_INBOX": "1",
            "FIREBREAK_FLUSH_INTERVAL": "50ms",
        }

    def _hear(self, event: AlertEvent) -> None:
        self._events.append(event)
        self._told(event)

    def tally(self) -> Tally:
        """How it stands now."""
        now = self.board.standing().clock or 0
        return tally(self.world.spikes, tuple(self._events), self.world.span.live, now)

    def outcome(self) -> Outcome:
        """What came of it, as far as it went."""
        stood = self.tally()
        return Outcome(
            incidents=len(self._references),
            injected=stood.injected,
            found=stood.found,
            alerts=stood.alerts,
            false_alerts=stood.false_alerts,
            seconds=round(time.monotonic() - self._begun, 1),
        )

    def _play(self, player: Player, watchman: Watchman) -> None:
        meter, last = Meter(self.progress), None
        for moment in play(self.world.arrivals(), TICK, self.world.span.start):
            if not isinstance(moment, TickAt):
                self._references.add(moment.notification.source_ref)
                player.arrive(moment)
                continue
            if self._late():
                break
            if moment.clock < self.world.span.start + UNSCORED and moment.clock % FIRST_TICK:
                continue
            last = moment.clock
            player.tick(last)
            meter.count(player.sent)
            self._pace(last, player, watchman)
        self.progress.phase = "waiting for the last tick"
        player.flush()
        while last is not None and watchman.clock < last and not self._late():
            watchman.rest()
        self.progress.phase = "all played"

    def _pace(self, clock: Millis, player: Player, watchman: Watchman) -> None:
        if clock <= self.world.span.live:
            self.progress.phase = "playing the history"
            watchman.hold_back(clock, player, AHEAD)
            return
        self.progress.phase = "live"
        due = self._due(clock)
        watchman.hold_back(clock, player, AHEAD_LIVE)
        watchman.wait_until(due)

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _due(self, clock: Millis) -> float:
        """Monotonic seconds until which the tick *clock* is watched."""
        now = time.monotonic()
        if self.plan.speed is not None:
            return now + TICK / HOUR / self.plan.speed
        if self._deadline is None:
            return now
        # what is late is caught up over the ticks that are left; the last ones get a second to be evaluated
        left = max((self.world.span.end - clock) / TICK, 1.0)
        return now + max(self._deadline - 1.0 - now, 0.0) / left

"""Replay through Kafka: topics of its own, real workers, the same files out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, cast

from confluent_kafka import Consumer, Producer, TopicPartition, murmur2
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.catalogue import Catalogue
from schemas.errors import FirebreakError
from schemas.events import AreaCount, Millis
from schemas.wire import Wire
from streams.admin import Admin
from streams.broker import EmbeddedBroker
from streams.core.stage import Marker
from streams.harvest import Accounts, Harvest
from streams.ingest.arrival import Arrival
from streams.ingest.player import TickAt
from streams.journal import fold
from streams.kafka_log import KafkaLog
from streams.settings import Settings, from_env
from streams.ticks import KEY, heartbeat
from streams.workers import Workers

AHEAD = 100_000
"""Records that may be ahead of the clock of the last stage."""
AHEAD_EMBEDDED = 4_000
"""The same for the embedded broker, which keeps 5 MB of a partition."""
STUCK_AFTER = 180.0
"""Seconds without any progress."""
HEARTBEAT = b"heartbeat|"

Config = Mapping[str, str | int | float | bool]


class Stuck(FirebreakError):
    """The clock of the last stage does not move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    How a replay through Kafka is set up.

    ``broker`` is None for the embedded one. ``batch`` is the size in bytes of the largest fetch, None for the default.
    """

    prefix: str
    regions: Sequence[str]
    names: Sequence[str]
    """Of the regions, as their packs say."""
    broker: str | None
    workers: int
    batch: int | None = None
    tense: str = "ACTUAL"
    logs: Path | None = None
    extra: Mapping[str, str] | None = None
    """Further settings of the workers."""
    ahead: int | None = None
    """Records that may be ahead of the clock of the last stage; None for what suits the broker."""
    patience: float = STUCK_AFTER
    """Seconds without any progress after which the run is given up."""
    module: str = "streams.cli"
    """Python module that is the worker command."""
    disturb: Callable[[Workers], AbstractContextManager[None]] | None = None
    """What happens to the workers meanwhile, in a test."""
    keep: bool = False
    """Whether the topics stay when it is over."""


def through_kafka(moments: Iterable[Arrival | TickAt], run: Run, harvest: Harvest) -> Accounts:
    """Play *moments* into topics of this run's own, with workers of all stages; read what comes out."""
    with ExitStack() as stack:
        environment, settings, catalogue = _prepared(run, stack)
        log = KafkaLog(settings.kafka.librdkafka())
        reader = stack.enter_context(Reader(settings.kafka.librdkafka(), catalogue, harvest))
        workers = stack.enter_context(Workers(environment, each=run.workers, logs=run.logs, module=run.module))
        look_after = partial(_look_after, reader, workers, run.patience)
        disturbance = stack.enter_context(ExitStack())
        if run.disturb is not None:
            disturbance.enter_context(run.disturb(workers))
        player = Player(settings.kafka.librdkafka(), catalogue)
        last = _play(moments, player, reader, look_after, run)
        while last is not None and reader.reached(run.names) < last:
            look_after()
        disturbance.close()
        workers.stop()
        return _accounts(log, catalogue)


def environment_of(run: Run, broker: Mapping[str, str]) -> dict[str, str]:
    """Settings of the processes of a run."""
    environment = {
        **broker,
        "FIREBREAK_TOPIC_PREFIX": run.prefix,
        "FIREBREAK_REGIONS": ",".join(run.regions),
        "FIREBREAK_TICK_PERIOD": "off",
        "FIREBREAK_TENSE": run.tense,
        # ticks go to every partition of every stage: a replay, which is mostly ticks, has few
        "FIREBREAK_PARTITIONS_RAW": str(max(2, run.workers)),
        "FIREBREAK_PARTITIONS_ENRICHED": str(max(2, run.workers)),
        "FIREBREAK_PARTITIONS_INBOX": "1",
        **(run.extra or {}),
    }
    if run.batch is not None:
        environment["FIREBREAK_FETCH_BYTES"] = str(run.batch)
    return environment


def _prepared(run: Run, stack: ExitStack) -> tuple[dict[str, str], Settings, Catalogue]:
    if run.broker is not None:
        environment = environment_of(run, {"FIREBREAK_KAFKA_BROKERS": run.broker})
        settings = from_env(environment)
        catalogue = settings.catalogue(replay=True)
        # a broker that is away is told in its own words, before anything waits for it
        Admin(settings.kafka).metadata()
        stack.callback(_drop if not run.keep else _leave, settings, catalogue)
        make_topics(settings, catalogue)
        return environment, settings, catalogue
    broker = stack.enter_context(EmbeddedBroker())
    environment = environment_of(run, broker.environment())
    settings = from_env(environment)
    catalogue = settings.catalogue(replay=True)
    for spec in catalogue.values():
        broker.create(spec.name, spec.partitions)
    return environment, settings, catalogue


def make_topics(settings: Settings, catalogue: Catalogue) -> None:
    """Make the topics of a run on a real broker."""
    admin = AdminClient(settings.kafka.librdkafka())
    new = [
        NewTopic(spec.name, spec.partitions, settings.replication or -1, config=spec.configs)
        for spec in catalogue.values()
    ]
    for made in admin.create_topics(new).values():
        made.result(60)


def _drop(settings: Settings, catalogue: Catalogue) -> None:
    admin = AdminClient(settings.kafka.librdkafka())
    for gone in admin.delete_topics([spec.name for spec in catalogue.values()]).values():
        gone.exception(60)


def _leave(_settings: Settings, _catalogue: Catalogue) -> None:
    """The topics stay."""


class Player:
    """Appends notifications and simulated ticks to the raw topic, stamped with the simulated time."""

    def __init__(self, config: Config, catalogue: Catalogue) -> None:
        raw = catalogue["incidents.raw"]
        self._topic, self._partitions = raw.name, raw.partitions
        self._encode = Wire.builtin().encode_notification
        self._producer = Producer(
            {**config, "enable.idempotence": True, "linger.ms": 5, "queue.buffering.max.messages": 500_000}
        )
        self.sent = 0

    def arrive(self, arrival: Arrival) -> None:
        """Append a notification by its key."""
        key = arrival.notification.incident_id.encode()
        value = self._encode(arrival.notification)
        self._append(key, value, int(murmur2(key, self._partitions)), arrival.known_at_ms)

    def tick(self, clock: Millis) -> None:
        """Append a tick to every partition."""
        value = self._encode(heartbeat(clock, simulated=True))
        for partition in range(self._partitions):
            self._append(KEY, value, partition, clock)
        self._producer.poll(0)

    def _append(self, key: bytes, value: bytes, partition: int, at: Millis) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition, timestamp=at)
                break
            except BufferError:
                self._producer.poll(0.05)
        self.sent += 1

    def flush(self) -> None:
        """Wait until the broker has everything."""
        left = self._producer.flush(60)
        if left:
            raise Stuck(f"{left} records could not be handed to the broker within a minute")


class Reader:
    """
    Reads what comes out, from a thread, as it comes.

    The embedded broker keeps little, so nothing can wait until the end.
    """

    TOPICS = ("detect.inbox", "incidents.rejected", "areas.counts", "alerts.events")

    def __init__(self, config: Config, catalogue: Catalogue, harvest: Harvest) -> None:
        self._consumer = Consumer(
            {
                **config,
                "group.id": "replay-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 3,
            }
        )
        self._topics = {catalogue[topic].name: topic for topic in self.TOPICS}
        self._places = [
            TopicPartition(catalogue[topic].name, partition, 0)
            for topic in self.TOPICS
            for partition in range(catalogue[topic].partitions)
        ]
        self._harvest = harvest
        self._wire = Wire.builtin()
        self._over = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self.clocks: dict[str, Millis] = {}
        """How far each region has been evaluated."""
        self.moved = time.monotonic()
        """When anything last came."""

    def __enter__(self) -> Self:
        self._consumer.assign(self._places)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def reached(self, regions: Iterable[str]) -> Millis:
        """Clock that all *regions* have reached; raises what went wrong in the thread."""
        if self._failed is not None:
            raise self._failed
        return min((self.clocks.get(region, 0) for region in regions), default=0)

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                for message in self._consumer.consume(1000, 0.05):
                    if message.error() is None:
                        self._see(self._topics[message.topic() or ""], message.key() or b"", message.value() or b"")
                        self.moved = time.monotonic()
        except Exception as error:
            self._failed = error

    def _see(self, topic: str, key: bytes, value: bytes) -> None:
        if topic == "areas.counts":
            if key.startswith(HEARTBEAT):
                beat: AreaCount = self._wire.area_count.decode(value)
                self.clocks[beat.region] = beat.as_of
        elif topic == "detect.inbox":
            self._harvest.see(self._wire.decode_inbox(value))
        elif topic == "alerts.events":
            self._harvest.see(self._wire.alert_event.decode(value))
        else:
            self._harvest.see(self._wire.rejection.decode(value))


def _play(
    moments: Iterable[Arrival | TickAt], player: Player, reader: Reader, look_after: Callable[[], None], run: Run
) -> Millis | None:
    ahead = run.ahead or (AHEAD_EMBEDDED if run.broker is None else AHEAD)
    ticks: deque[tuple[Millis, int]] = deque()
    last = None
    for moment in moments:
        if not isinstance(moment, TickAt):
            player.arrive(moment)
            continue
        player.tick(moment.clock)
        last = moment.clock
        ticks.append((last, player.sent))
        _hold_back(ticks, ahead, player, look_after, lambda: reader.reached(run.names))
    player.flush()
    return last


def _hold_back(
    ticks: deque[tuple[Millis, int]],
    ahead: int,
    player: Player,
    look_after: Callable[[], None],
    reached: Callable[[], Millis],
) -> None:
    """Wait while too much is ahead of what the last stage has evaluated, but never for the newest tick."""
    while len(ticks) > 1 and player.sent - ticks[0][1] > ahead:
        clock = reached()
        while ticks and ticks[0][0] <= clock:
            ticks.popleft()
        if len(ticks) > 1 and player.sent - ticks[0][1] > ahead:
            player.flush()
            look_after()


def _look_after(reader: Reader, workers: Workers, patience: float) -> None:
    workers.supervise()
    if time.monotonic() - reader.moved > patience:
        raise Stuck(f"nothing has come out for {patience:.0f} s; `firebreak doctor` may say why")
    time.sleep(0.02)


def _accounts(log: KafkaLog, catalogue: Catalogue) -> Accounts:
    """What became of the notifications, from the markers of the first stage: they are part of its transactions."""
    journal = catalogue["enrich.journal"]
    total = Accounts()
    for partition in range(journal.partitions):
        position = fold(log.read(journal.name, partition)).position
        if position is not None:
            total += Accounts.from_marker(cast("Marker", position.stage))
    return total

"""
The loop that every consumer of our topics runs: committed records, in order, handed to one handler.

::

    class Printer(Handler):
        def take(self, records: Sequence[Record]) -> None:
            for record in records:
                print(record.topic, record.key, record.value)

    specs = [catalogue["areas.counts"], catalogue["alerts.state"]]
    loop = Loop(settings, specs, Printer(), name="printer")
    loop.run()             # blocks; loop.stop() from a signal handler or another thread ends it in good order

What it promises:

* Records are read committed. Those of one partition come in order, in one call of ``take`` or in several.
* **Position.** With a group (the default, ``<prefix>-<name>``) the position is committed when ``take`` has returned.
  A handler that keeps the position itself answers it from ``assigned``; a partition that the answer leaves out goes on
  where the group was, or at the beginning. With ``group=False`` all partitions are read by this process, each from
  what ``assigned`` answers or from the beginning (for a projection that is rebuilt at each start).
  With ``commit=False`` nothing is committed: a handler with a transactional producer sends the position itself
  (:meth:`Loop.group_metadata`).
* **Back-off.** ``take`` raises :class:`Later` when it can't go on now: the same records come again after 0.1, 0.2,
  0.4 … 30 s, and the membership of the group is kept meanwhile. Every other error ends ``run``: a supervisor starts
  the process again.
* ``turn`` is called between fetches, at least every ``wait`` seconds, for what a handler does by the clock.
* A member with FIREBREAK_INSTANCE is static: its restart moves no partition.
* :attr:`Loop.caught_up` tells whether the end of every partition was reached once since it was assigned,
  :attr:`Loop.alive` whether the loop turned within the last minute.

All calls of a handler come from the thread that runs the loop. Health and metrics are served by
:func:`consumers.health.serve`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from prometheus_client import CollectorRegistry

from consumers.metrics import LoopMetrics
from schemas.catalogue import TopicSpec
from schemas.errors import Fatal, FirebreakError, UsageError
from schemas.events import Millis
from schemas.settings import Settings

FETCH = 500
"""Records handed over at once, at most."""
STUCK_AFTER = 60.0
"""Seconds without a turn after which the loop no longer counts as alive."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between attempts at the same records."""
ANSWER_WITHIN = 20.0
"""Seconds for the broker to say which partitions there are."""
ASKED = 3
"""So often it is asked before the process gives up, to be started again."""

_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library names its local codes so
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


Headers: TypeAlias = "Sequence[tuple[str, str | bytes | None]]"


class Later(FirebreakError):
    """What a handler needs is away for now: the same records are to be handed over again."""


class Place(NamedTuple):
    """One partition of a topic, the topic by its id in the catalogue."""

    topic: str
    partition: int


class Record(NamedTuple):
    """One committed record; ``topic`` is the id in the catalogue, ``timestamp`` when it was appended."""

    topic: str
    partition: int
    offset: int
    timestamp: Millis
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Handler:
    """What a consumer does with records; everything but ``take`` may be left as it is."""

    def assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:  # noqa: ARG002 - for who overrides it
        """Take partitions over; answer the next offset of those whose position the handler keeps itself."""
        return {}

    def revoked(self, places: Sequence[Place]) -> None:
        """Give partitions back; what was begun for them has to be finished or forgotten now."""

    def take(self, records: Sequence[Record]) -> None:
        """
        Take records in; when this returns they are done with.

        Raises
        ------
        Later
            Hand the same records over again, after a pause.

        """
        raise NotImplementedError

    def turn(self) -> None:
        """Do what is due by the clock; raises Later to have the loop pause."""


class Loop:
    """
    One consumer's loop; see the module.

    Parameters
    ----------
    settings
        Connection, prefix and instance.
    topics
        What is read.
    handler
        Takes the records.
    name
        Of the consumer: group and client id are made from it, and the label of its metrics.
    group, commit
        See the module.
    until_end
        End once the end of every partition was reached.
    wait
        Seconds that a fetch waits for records, so the longest time between two calls of ``turn``.
    registry
        Where the metrics are; a new one if not given.
    metrics
        Instead: those of a loop before this one, that it goes on with.

    """

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[TopicSpec],
        handler: Handler,
        *,
        name: str,
        group: bool = True,
        commit: bool = True,
        until_end: bool = False,
        wait: float = 0.5,
        registry: CollectorRegistry | None = None,
        metrics: LoopMetrics | None = None,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self._metrics = metrics or LoopMetrics(self.registry, name)
        self._ids = {spec.name: spec.id for spec in topics}
        self._names = {spec.id: spec.name for spec in topics}
        self._handler = handler
        self._group, self._commit, self._until_end, self._wait = group, commit and group, until_end, wait
        self._over = threading.Event()
        self._turned = time.monotonic()
        self._places: set[Place] = set()
        self._at_end: set[Place] = set()
        self._lag: dict[Place, int] = {}
        self._early: list[Message] = []
        self._generation = 0
        self._failed: BaseException | None = None
        self._refused = ""
        self._consumer = Consumer(self._config(settings, name), logger=None)

    def _config(self, settings: Settings, name: str) -> dict[str, object]:
        static = {"group.instance.id": f"{name}-{settings.instance}"} if settings.instance and self._group else {}
        return {
            **settings.kafka.librdkafka(),
            **static,
            "group.id": f"{settings.topic_prefix}-{name}",
            "client.id": f"firebreak-{name}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "session.timeout.ms": int(settings.session_timeout.total_seconds() * 1000),
            "heartbeat.interval.ms": int(settings.heartbeat.total_seconds() * 1000),
            "fetch.wait.max.ms": 100,
            "error_cb": self._erred,
            "log_level": 3,
        }

    @property
    def caught_up(self) -> bool:
        """Whether partitions are owned and the end of each was reached once since."""
        return bool(self._places) and self._at_end >= self._places

    @property
    def alive(self) -> bool:
        """Whether the loop turned within the last minute."""
        return time.monotonic() - self._turned < STUCK_AFTER

    def group_metadata(self) -> object:
        """Give what a transactional producer needs to send the position of this member of the group."""
        return self._consumer.consumer_group_metadata()

    def stop(self) -> None:
        """End the loop in good order, soon; from any thread or a signal handler."""
        self._over.set()

    def run(self) -> None:
        """
        Hand records over until :meth:`stop`, or to the end.

        Raises
        ------
        UsageError
            A topic is missing, or the broker refuses us.
        Fatal
            The client is beyond repair, or no broker answers.

        """
        try:
            self._begin()
            while not self._over.is_set() and not (self._until_end and self.caught_up):
                self._turn()
        finally:
            self._end()

    def _begin(self) -> None:
        counts = self._partition_counts()
        if self._group:
            self._consumer.subscribe(list(self._ids), on_assign=self._assign, on_revoke=self._revoke)
        else:
            every = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
            self._assign(self._consumer, every)

    def _partition_counts(self) -> dict[str, int]:
        counts = {}
        for name in self._ids:
            counts[name] = self._partitions_of(name)
        return counts

    def _partitions_of(self, name: str) -> int:
        for _ in range(ASKED):
            try:
                found = self._consumer.list_topics(name, timeout=ANSWER_WITHIN).topics[name]
            except KafkaException as failure:
                self._check(failure.args[0])
                continue
            if found.error is not None or not found.partitions:
                raise UsageError(f"topic {name} is missing: run `firebreak topics apply`")
            return len(found.partitions)
        raise Fatal("no broker answers")

    def _turn(self) -> None:
        self._turned = time.monotonic()
        early, self._early = self._early, []
        records = self._fetched(early or self._consumer.consume(FETCH, self._wait))
        self._raise_what_failed()
        if records and self._repeated(lambda: self._handler.take(records)):
            self._taken(records)
        self._repeated(self._handler.turn)

    def _fetched(self, messages: Sequence[Message]) -> list[Record]:
        records = []
        for message in messages:
            topic, partition, error = self._ids[message.topic() or ""], message.partition() or 0, message.error()
            if error is None:
                _, timestamp = message.timestamp()
                records.append(
                    Record(
                        topic,
                        partition,
                        message.offset() or 0,
                        timestamp,
                        message.key(),
                        message.value(),
                        cast("Headers", message.headers() or ()),
                    )
                )
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library names its local codes so
                self._at_end.add(Place(topic, partition))
                self._lags(Place(topic, partition), 0)
            else:
                self._check(error)
        return records

    def _repeated(self, call: Callable[[], None]) -> bool:
        """Call until it goes through; not any more once partitions moved, which begin again where they are taken."""
        pause, generation = FIRST_PAUSE, self._generation
        while not self._over.is_set() and generation == self._generation:
            try:
                call()
            except Later:
                self._metrics.again()
            else:
                return True
            self._hold(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return False

    def _hold(self, seconds: float) -> None:
        """Stay a member of the group and fetch nothing."""
        until, generation = time.monotonic() + seconds, self._generation
        self._consumer.pause(self._consumer.assignment())
        while not self._over.is_set() and (left := until - time.monotonic()) > 0 and generation == self._generation:
            self._turned = time.monotonic()
            # what comes all the same is of a partition that was assigned just now
            self._early += self._consumer.consume(1, min(left, self._wait))
            self._raise_what_failed()
        self._consumer.resume(self._consumer.assignment())

    def _taken(self, records: Sequence[Record]) -> None:
        for record in records:
            self._metrics.taken(record.topic, record.timestamp)
        ends = {Place(each.topic, each.partition): each.offset + 1 for each in records}
        for place, end in ends.items():
            bounds = self._consumer.get_watermark_offsets(self._there(place), cached=True)
            if bounds is not None and place not in self._at_end:
                self._lags(place, max(bounds[1] - end, 0))
        if self._commit:
            self._consumer.commit(offsets=[self._there(*each) for each in ends.items()], asynchronous=True)

    def _lags(self, place: Place, records: int) -> None:
        self._lag[place] = records
        self._metrics.lag(place.topic, sum(lag for each, lag in self._lag.items() if each.topic == place.topic))

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [Place(self._ids[each.topic], each.partition) for each in partitions]
        otherwise = OFFSET_STORED if self._group else OFFSET_BEGINNING
        try:
            kept = self._handler.assigned(places)
        except Exception as error:  # raised again outside of the client library's callback
            self._failed = error
            return
        consumer.assign([self._there(place, kept.get(place, otherwise)) for place in places])
        self._places = set(places)
        self._generation += 1
        self._metrics.owns(len(places))

    def _revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [Place(self._ids[each.topic], each.partition) for each in partitions]
        try:
            self._handler.revoked(places)
        except Exception as error:
            self._failed = error
        self._generation += 1
        self._places.difference_update(places)
        self._at_end.difference_update(places)
        for place in places:
            self._lag.pop(place, None)
        self._metrics.owns(len(self._places))

    def _there(self, place: Place, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._names[place.topic], place.partition, offset)

    def _raise_what_failed(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _erred(self, error: KafkaError) -> None:
        if error.code() in _REFUSED:
            self._refused = error.str()

    def _check(self, error: KafkaError) -> None:
        if self._refused or error.code() in _REFUSED:
            raise UsageError(f"the broker refuses this consumer: {self._refused or error.str()}")
        if error.fatal():
            raise Fatal(error.str())

    def _end(self) -> None:
        self._consumer.close()
        if self._places:
            self._handler.revoked(sorted(self._places))

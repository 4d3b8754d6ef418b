"""
The notifier at work: events in, messages out, every step one transaction of the journal.

One process of several works, the others stand by: whose group owns the journal's only partition. Its transactional
producer fences the one before, so that who was frozen and wakes can't write, and stops.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.loop import Handler, Loop, Place, Record
from consumers.metrics import LoopMetrics
from consumers.notify.channels.alertmanager import Alertmanager
from consumers.notify.channels.base import DEADLINE, Channel, Delivered, Later, Parcel, Result
from consumers.notify.deliveries import Delivery, Status
from consumers.notify.ledger import JOURNAL, Ledger, Write
from consumers.notify.message import Composer
from consumers.notify.metrics import NotifierMetrics
from consumers.reading import offsets_at, read
from schemas import registry
from schemas.catalogue import TopicSpec
from schemas.errors import Fatal, FirebreakError, Malformed
from schemas.events import AlertEvent, Millis
from schemas.settings import Settings

EVENTS = "alerts.events"
AT_ONCE = 4
"""Messages of one channel that are sent at the same time."""
ANSWER_WITHIN = 20.0
"""Seconds that one call waits for the broker; a commit is asked for again after that."""
WAIT = 0.1
"""Seconds between two looks at what is due, when nothing comes in."""

Probe = Callable[[str], None]
"""Told of each step that is about to be made; tests end the process there."""


def no_probe(_step: str) -> None:
    """Nothing."""


def clock() -> Millis:
    """Wall clock."""
    return time.time_ns() // 1_000_000


class Journal:
    """The transactional producer of the notifier."""

    def __init__(self, settings: Settings, specs: Iterable[TopicSpec], probe: Probe = no_probe) -> None:
        self._names = {spec.id: spec.name for spec in specs}
        self._probe = probe
        self._producer = Producer(
            {
                **settings.kafka.librdkafka(),
                "transactional.id": f"{settings.topic_prefix}-notifier",
                # as the Java client has it: the catalogue's rule for all topics
                "partitioner": "murmur2_random",
                "linger.ms": 0,
                "log_level": 3,
                "on_delivery": _leave_to_the_commit,
            }
        )
        _asked(lambda: self._producer.list_topics(timeout=ANSWER_WITHIN))
        _asked(lambda: self._producer.init_transactions(ANSWER_WITHIN))

    def write(self, writes: Sequence[Write]) -> None:
        """
        Make all visible, or nothing.

        Raises
        ------
        Fatal
            It can't be told which, or another notifier has taken over.

        """
        if not writes:
            return
        self._probe("begin")
        _asked(self._producer.begin_transaction)
        for topic, key, value in writes:
            _asked(partial(self._producer.produce, self._names[topic], value, key))
        self._probe("commit")
        _asked(lambda: self._producer.commit_transaction(ANSWER_WITHIN))
        self._probe("committed")


def _leave_to_the_commit(error: KafkaError | None, message: Message) -> None:
    """A record that fails fails its transaction."""


def _asked(call: Callable[[], object]) -> None:
    while True:
        try:
            call()
        except BufferError as failure:
            raise Fatal("the notifier writes more than its producer holds") from failure
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.retriable() and not error.txn_requires_abort() and not error.fatal():
                continue
            raise Fatal(f"the journal can't be written: {error.str()}") from failure
        else:
            return


class Sending:
    """Threads that make the attempts, some for each channel, so that one which hangs holds up no other."""

    def __init__(self, channels: Mapping[str, Channel], probe: Probe = no_probe) -> None:
        self._channels = channels
        self._pools = {name: ThreadPoolExecutor(AT_ONCE, thread_name_prefix=name) for name in channels}
        self._busy = dict.fromkeys(channels, 0)
        self._done: queue.SimpleQueue[tuple[Delivery, Result]] = queue.SimpleQueue()
        self._probe = probe

    def room(self) -> dict[str, int]:
        """How many messages may be begun, by channel."""
        return {name: AT_ONCE - busy for name, busy in self._busy.items()}

    def begin(self, delivery: Delivery, composer: Composer) -> None:
        """Make an attempt, in a thread."""
        self._busy[delivery.channel] += 1
        self._pools[delivery.channel].submit(self._attempt, delivery, composer)

    def _attempt(self, delivery: Delivery, composer: Composer) -> None:
        parcel = Parcel(
            delivery_id=delivery.delivery_id,
            address=delivery.address,
            subject=delivery.subject,
            composer=composer,
            made_at=delivery.made_at,
            sent_at=clock(),
        )
        self._probe("send")
        try:
            result = self._channels[delivery.channel].send(parcel)
        except Exception as error:
            # a channel that fails in a way it does not know itself must not take the notifier with it
            result = Later(f"{type(error).__name__}: {error}"[:200], unsure=True)
        self._probe("sent")
        self._done.put((delivery, result))

    def ended(self) -> list[tuple[Delivery, Result]]:
        """Attempts that ended since the last call."""
        return list(iter(lambda: self._next(0.0), None))

    def last(self, seconds: float) -> list[tuple[Delivery, Result]]:
        """Attempts that end within so long, all that were begun if they do."""
        until, found = time.monotonic() + seconds, []
        while any(self._busy.values()) and (left := until - time.monotonic()) > 0:
            if (ended := self._next(left)) is not None:
                found.append(ended)
        return found

    def _next(self, seconds: float) -> tuple[Delivery, Result] | None:
        try:
            delivery, result = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
        except queue.Empty:
            return None
        self._busy[delivery.channel] -= 1
        return delivery, result

    def aside(self, channel: str, call: Callable[[], object]) -> None:
        """Do something else by a channel's threads, if one is idle."""
        if self._busy[channel] < AT_ONCE:
            self._pools[channel].submit(call)

    def close(self) -> None:
        """Begin nothing more."""
        for pool in self._pools.values():
            pool.shutdown(wait=False)


class Notifier(Handler):
    """
    Takes events in and sends messages.

    Parameters
    ----------
    settings, ledger, journal, composer, channels, metrics
        The parts.
    repeat
        How often an Alertmanager is told of what is open, ms.
    probe
        See :data:`Probe`.

    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        journal: Journal,
        composer: Composer,
        channels: Mapping[str, Channel],
        metrics: NotifierMetrics,
        *,
        fresh: Millis,
        repeat: Millis,
        probe: Probe = no_probe,
    ) -> None:
        self._settings, self._ledger, self._journal = settings, ledger, journal
        self._composer, self._metrics = composer, metrics
        self._fresh, self._repeat = fresh, repeat
        self._sending = Sending(channels, probe)
        self._standing = {name: each for name, each in channels.items() if isinstance(each, Alertmanager)}
        self._refreshed: Millis = 0
        self._decode = registry.wire(settings).alert_event.decode
        self._log = structlog.get_logger("notifier")

    def assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Go on where the journal says; a new one begins with what is still news."""
        known = dict(self._ledger.positions)
        if any(place.partition not in known for place in places):
            spec = self._settings.catalogue()[EVENTS]
            known = {**offsets_at(self._settings, spec, clock() - self._fresh), **known}
            for partition, offset in known.items():
                self._ledger.moved(partition, offset)
        return {place: known[place.partition] for place in places}

    def take(self, records: Sequence[Record]) -> None:
        """Decide about events, and write what was decided with the position."""
        for record in records:
            try:
                event = self._decode(record.value or b"")
            except Malformed as bad:
                self._log.warning(
                    "an event can't be read", partition=record.partition, offset=record.offset, why=str(bad)
                )
            else:
                decisions = self._ledger.take(event, clock())
                self._metrics.decided(decisions)
                if self._ledger.first_told(event, decisions):
                    self._metrics.alert_told(event.severity)
            self._ledger.moved(record.partition, record.offset + 1)
        self._journal.write(self._ledger.drain())

    def turn(self) -> None:
        """Take in what became of attempts, do what is due, and begin new attempts."""
        now = clock()
        self._ended(self._sending.ended(), now)
        self._metrics.decided(self._ledger.time(now))
        for delivery in self._ledger.expired:
            self._metrics.ended(delivery, Status.EXPIRED, now)
        starting = self._ledger.begin(now, self._sending.room())
        self._journal.write(self._ledger.drain())
        for delivery in starting:
            self._metrics.began(delivery)
            self._sending.begin(delivery, self._composer)
        self._metrics.stands(self._ledger.deliveries.values(), self._ledger.cases, now)
        if now - self._refreshed >= self._repeat:
            self._refreshed = now
            self._refresh(now)

    def _ended(self, attempts: Iterable[tuple[Delivery, Result]], now: Millis) -> None:
        for delivery, result in attempts:
            status = self._ledger.ended(delivery.delivery_id, result, now)
            self._metrics.ended(delivery, status, now)
            if not isinstance(result, Delivered):
                told = {"channel": delivery.channel, "delivery": delivery.delivery_id.partition("|")[0]}
                self._log.warning("a message did not arrive", status=status.lower(), why=result.why, **told)

    def _refresh(self, now: Millis) -> None:
        for name, channel in self._standing.items():
            events = self._ledger.open_events(name)
            if events:
                self._sending.aside(name, partial(self._tell_again, channel, events, now))

    def _tell_again(self, channel: Alertmanager, events: list[AlertEvent], now: Millis) -> None:
        result = channel.refresh(events, self._composer, now)
        if not isinstance(result, Delivered):
            self._log.warning("an Alertmanager was not told again", why=result.why)

    def close(self) -> None:
        """Begin nothing more, and write down what becomes of what is on its way."""
        self._sending.close()
        try:
            self._ended(self._sending.last(DEADLINE), clock())
            self._journal.write(self._ledger.drain())
        except Fatal as failure:
            self._log.warning("another notifier has taken over", why=str(failure))


class Standby(Handler):
    """
    Waits for the journal's partition; who has it runs the notifier in a thread.

    Parameters
    ----------
    begin
        Restores a notifier and gives it with its loop.

    """

    def __init__(self, begin: Callable[[], tuple[Notifier, Loop]]) -> None:
        self._begin = begin
        self._running: tuple[Notifier, Loop, threading.Thread] | None = None
        self._failed: list[FirebreakError] = []

    def assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Take over."""
        if places:
            notifier, loop = self._begin()
            thread = threading.Thread(target=self._run, args=(loop,), name="notifier", daemon=True)
            self._running = notifier, loop, thread
            thread.start()
        return {}

    def _run(self, loop: Loop) -> None:
        try:
            loop.run()
        except FirebreakError as failure:
            self._failed.append(failure)

    def revoked(self, places: Sequence[Place]) -> None:
        """Stop; what was on its way is marked when it is sent again."""
        if self._running is not None and places:
            notifier, loop, thread = self._running
            self._running = None
            loop.stop()
            thread.join()
            notifier.close()

    def take(self, records: Sequence[Record]) -> None:
        """Nothing: these are our own rows."""

    def turn(self) -> None:
        """End with the notifier."""
        if self._failed:
            raise self._failed[0]
        if self._running is not None and not self._running[2].is_alive():
            raise Fatal("the notifier's thread has ended")

    @property
    def ready(self) -> bool:
        """Whether this process stands by, or has read all events there are."""
        return self._running is None or self._running[1].caught_up

    @property
    def alive(self) -> bool:
        """Whether the notifier turns, if it is this process's."""
        return self._running is None or self._running[1].alive


def restored(settings: Settings, ledger: Ledger) -> Ledger:
    """The ledger with what the journal tells."""
    rows = [(record.key or b"", record.value) for record in read(settings, settings.catalogue()[JOURNAL])]
    ledger.restore([(key.decode(), value) for key, value in rows], clock())
    return ledger


def events_loop(settings: Settings, notifier: Notifier, metrics: LoopMetrics) -> Loop:
    """The loop over alert events."""
    topics = [settings.catalogue()[EVENTS]]
    return Loop(settings, topics, notifier, name="notifier-events", group=False, wait=WAIT, metrics=metrics)

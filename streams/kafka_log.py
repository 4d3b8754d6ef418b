"""The log on a Kafka broker, through librdkafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.errors import Fatal, UsageError
from streams.log import Abortable, Bounds, Fenced, JournalRecord, Retriable, Sent

ValueT = TypeVar("ValueT")

Config = Mapping[str, str | int | float | bool]

ANSWER_WITHIN = 20.0
"""Seconds that one call waits for the broker; it is made again after that."""
REQUEST_TIMEOUT_MS = 10_000
"""A connection that swallows a request for so long is given up: its other end may be gone without a word."""
TRANSACTION_TIMEOUT_MS = 60_000
UNDECIDED = 3 * TRANSACTION_TIMEOUT_MS / 1000
"""Seconds without a record after which the end of a journal is given up: the broker decides within a third of it."""
FETCH = 5_000
"""Journal records taken from librdkafka at once."""
FETCH_WAIT = 0.05
"""Seconds: a fetch of many returns only when it has them all or this has passed, even at the end."""

_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library names its local codes so
        KafkaError._SSL,  # noqa: SLF001 - same
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_UNREACHABLE = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - same
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - same
        KafkaError._TIMED_OUT,  # noqa: SLF001 - same
        KafkaError._RESOLVE,  # noqa: SLF001 - same
    }
)
_UNKNOWN = frozenset(
    {
        KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - same
        KafkaError.UNSUPPORTED_VERSION,
    }
)
_READING = {
    "group.id": "firebreak-restore",
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "fetch.message.max.bytes": 4_000_000,
    "queued.min.messages": 100_000,
    # while we fall behind it pauses; by itself for a second, in which we have long caught up
    "fetch.queue.backoff.ms": 5,
    "fetch.wait.max.ms": 20,
    "socket.timeout.ms": REQUEST_TIMEOUT_MS,
    "log_level": 3,
}


class KafkaLog:
    """
    The log on a broker.

    Parameters
    ----------
    config
        librdkafka's settings of the connection: where, and how to prove who one is.

    """

    def __init__(self, config: Config) -> None:
        self._config = dict(config)

    def producer(self, transactional_id: str) -> KafkaProducer:
        """Open the producer of that name; fences the one before."""
        reason = _Reason()
        client = Producer(
            {
                **self._config,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "socket.timeout.ms": REQUEST_TIMEOUT_MS,
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.num.messages": 10_000,
                # a rejection holds a whole raw record, whose limit is librdkafka's own for the whole
                "message.max.bytes": 2_097_152,
                "queue.buffering.max.messages": 400_000,
                "delivery.report.only.error": True,
                "on_delivery": _leave_to_the_commit,
                "error_cb": reason,
                "log_level": 3,
            }
        )
        # connect first: on an unconnected client the next call waits for a retry timer of half a second
        _asked(reason, lambda: client.list_topics(timeout=ANSWER_WITHIN))
        _asked(reason, lambda: client.init_transactions(ANSWER_WITHIN))
        return KafkaProducer(client)

    def read(self, topic: str, partition: int) -> Iterator[Sequence[JournalRecord]]:
        """
        Committed records from the beginning to the end that the partition has now.

        The end is that of everything, decided or not: what is before it is waited for until it is decided. The end of
        what is decided, the last stable offset, may lie before what was committed already (KAFKA-10167).
        """
        beginning, end = self._bounds_of(topic, partition, "read_uncommitted")
        if end == beginning:
            return
        reader = Consumer({**self._config, **_READING, "error_cb": _Reason()})
        try:
            reader.assign([TopicPartition(topic, partition, beginning)])
            yield from _chunks(reader, end)
        finally:
            reader.close()

    def bounds(self, topic: str, partition: int) -> Bounds:
        """What a partition holds now."""
        return self._bounds_of(topic, partition, "read_committed")

    def _bounds_of(self, topic: str, partition: int, isolation: str) -> Bounds:
        reason = _Reason()
        reader = Consumer({**self._config, **_READING, "isolation.level": isolation, "error_cb": reason})
        try:
            return self._bounds(reader, reason, topic, partition)
        finally:
            reader.close()

    def _bounds(self, reader: Consumer, reason: _Reason, topic: str, partition: int) -> Bounds:
        # connect first: what is asked on an unconnected client now and then waits for a retry timer of half a second
        _asked(reason, lambda: reader.list_topics(topic, timeout=ANSWER_WITHIN))
        place = TopicPartition(topic, partition)
        answer = _asked(reason, lambda: reader.get_watermark_offsets(place, ANSWER_WITHIN, cached=False))
        if answer is None:
            raise Retriable(f"{topic}/{partition}: the broker does not say what it holds")
        return Bounds(*answer)


class KafkaProducer:
    """One transactional librdkafka producer."""

    def __init__(self, client: Producer) -> None:
        self._client = client

    def begin(self) -> None:
        """Begin a transaction."""
        with _told_apart():
            self._client.begin_transaction()

    def send(self, messages: Iterable[Sent]) -> None:
        """Hand over records in this order; waits while librdkafka's queue is full."""
        produce = self._client.produce
        with _told_apart():
            for topic, partition, key, value, headers in messages:
                while True:
                    try:
                        produce(topic, value, key, partition, headers=headers)
                        break
                    except BufferError:
                        self._client.poll(0.01)

    def commit(self) -> None:
        """Make all visible, or nothing."""
        with _told_apart(repeatable=True):
            self._client.commit_transaction(ANSWER_WITHIN)

    def close(self) -> None:
        """Drop what is queued and disconnect; the broker ends what is left open when the next producer begins."""
        self._client.purge()
        del self._client


class _Reason:
    """
    Why the broker does not let us in.

    A wrong password or certificate fails a call as if the broker were away; only the error callback has the reason.
    """

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, error: KafkaError) -> None:
        if error.code() in _REFUSED:
            self.refused = error.str()


def _asked(reason: _Reason, call: Callable[[], ValueT]) -> ValueT:
    try:
        return call()
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        if reason.refused or error.code() in _REFUSED:
            raise UsageError(f"the broker refuses this worker: {reason.refused or error.str()}") from failure
        if error.code() in _UNKNOWN:
            raise UsageError(f"the broker lacks what workers need, take Kafka 2.5 or later: {error.str()}") from failure
        if error.retriable() or error.code() in _UNREACHABLE:
            raise Retriable(error.str()) from failure
        raise _gone(error) from failure


@contextmanager
def _told_apart(*, repeatable: bool = False) -> Iterator[None]:
    """Say which of the three kinds a producer's failure is."""
    try:
        yield
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        if error.fatal() or error.code() == KafkaError._FENCED:  # noqa: SLF001 - the library names its local codes so
            raise _gone(error) from failure
        if repeatable and error.retriable() and not error.txn_requires_abort():
            raise Retriable(error.str()) from failure
        raise Abortable(error.str()) from failure


def _gone(error: KafkaError) -> Fatal:
    if error.code() == KafkaError._FENCED:  # noqa: SLF001 - the library names its local codes so
        return Fenced(f"another worker owns the partition: {error.str()}")
    return Fatal(error.str())


def _leave_to_the_commit(error: KafkaError | None, message: Message) -> None:
    """A record that fails fails its transaction; without a callback librdkafka would print it."""


def _chunks(reader: Consumer, end: int) -> Iterator[list[JournalRecord]]:
    done, heard = False, time.monotonic()
    while not done:
        if time.monotonic() > heard + UNDECIDED:
            raise Fatal("the journal ends in a transaction that nobody decides: kafka-transactions.sh find-hanging")
        chunk: list[JournalRecord] = []
        for message in reader.consume(FETCH, FETCH_WAIT):
            error = message.error()
            if error is None:
                heard = time.monotonic()
                chunk.append((message.key() or b"", message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library names its local codes so
                done = (message.offset() or 0) >= end
            elif not error.retriable() and error.code() not in _UNREACHABLE:
                raise Fatal(f"journal can't be read: {error.str()}")
        yield chunk

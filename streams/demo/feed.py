"""From the topics to the board, on a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Self, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.catalogue import Catalogue
from schemas.errors import FirebreakError
from schemas.events import AlertEvent
from streams.demo.board import Board

COUNTS, EVENTS = "areas.counts", "alerts.events"
ANSWER_WITHIN = 10.0
"""Seconds."""

AnswerT = TypeVar("AnswerT")
Config = Mapping[str, str | int | float | bool]


class Unreachable(FirebreakError):
    """The broker or its topics can't be read."""


class Feed:
    """
    Reads counts and alerts, committed ones only, and commits no position: looking leaves no trace.

    Parameters
    ----------
    config
        librdkafka's settings of the connection.
    catalogue
        Names of the topics.
    board
        Is filled.
    told
        Called on the feed's thread with each event that is shown.
    newest_events
        So many events of each partition are read again from before the start; None for all.

    """

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        board: Board,
        told: Callable[[AlertEvent], None],
        newest_events: int | None = None,
    ) -> None:
        self._consumer = Consumer(
            {
                **config,
                "group.id": "firebreak-watch",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 2,
            }
        )
        self._counts, self._events = catalogue[COUNTS].name, catalogue[EVENTS].name
        self._board = board
        self._told = told
        self._newest = newest_events
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="feed", daemon=True)
        self.failed: Exception | None = None

    def __enter__(self) -> Self:
        try:
            self._consumer.assign(list(self._places()))
            self._thread.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._consumer.close()

    def _places(self) -> Iterable[TopicPartition]:
        for topic in (self._counts, self._events):
            for partition in range(self._partitions(topic)):
                place = TopicPartition(topic, partition, OFFSET_BEGINNING)
                if topic == self._events and self._newest is not None:
                    first, end = _answer(partial(self._consumer.get_watermark_offsets, place, ANSWER_WITHIN)) or (0, 0)
                    place.offset = max(first, end - self._newest)
                yield place

    def _partitions(self, topic: str) -> int:
        found = _answer(partial(self._consumer.list_topics, topic, ANSWER_WITHIN)).topics[topic]
        if found.error is not None or not found.partitions:
            raise Unreachable(f"the broker has no topic {topic}: `firebreak topics apply` makes it")
        return len(found.partitions)

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                for message in self._consumer.consume(1000, 0.05):
                    self._take(message)
        except (KafkaException, FirebreakError) as failure:
            self.failed = failure

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise Unreachable(f"the topics can't be read: {error.str()}")
            return
        value = message.value()
        if value is None:
            return
        if message.topic() == self._counts:
            self._board.see_count(message.key() or b"", value)
            return
        event = self._board.see_event(value)
        if event is not None:
            self._told(event)


def _answer(call: Callable[[], AnswerT]) -> AnswerT:
    try:
        return call()
    except KafkaException as failure:
        raise Unreachable(f"no broker answers: {failure.args[0].str()}; is FIREBREAK_KAFKA_BROKERS right?") from None

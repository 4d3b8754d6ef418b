"""
Commands of people on their way to the detector, and the answers that come back through the log.

::

    with Commands(settings) as commands:
        events = commands.ask(command)      # sends it and waits for what became of it
        commands.send(command)              # only sends it; the answer has cause == command.command_id

A command is idempotent by its id: asking again after an unknown outcome, with the same id, does no harm.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition, murmur2

from schemas.errors import FirebreakError, UsageError
from schemas.events import AlertEvent, Command
from schemas.settings import Settings
from schemas.wire import Wire

ANSWER_WITHIN = 20.0
"""Seconds that the broker has to take a command, or to say what there is."""


class Unsent(FirebreakError):
    """The broker did not take the command; it may be sent again with the same id."""


class Unanswered(FirebreakError):
    """The command was taken, and nothing came back in time; it may still be obeyed."""


class Commands:
    """
    The way to the detector and back; a context, because it holds connections.

    Parameters
    ----------
    settings
        The connection, and names of topics.
    wire
        The codecs; the built-in ones if not given.

    """

    def __init__(self, settings: Settings, wire: Wire | None = None) -> None:
        catalogue = settings.catalogue()
        self._settings = settings
        self._inbox, self._events = catalogue["detect.inbox"].name, catalogue["alerts.events"].name
        self._wire = wire or Wire.builtin()
        self._producer = Producer(
            {
                **settings.kafka.librdkafka(),
                "enable.idempotence": True,
                "message.timeout.ms": int(ANSWER_WITHIN * 1000),
                "log_level": 3,
            }
        )
        self._partitions = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.flush(ANSWER_WITHIN)

    def send(self, command: Command) -> None:
        """
        Give the command to the broker; return when it is kept.

        Raises
        ------
        Unsent
            The broker did not take it.
        UsageError
            There is no inbox.

        """
        outcome: list[KafkaError | None] = []

        def told(error: KafkaError | None, _message: Message) -> None:
            outcome.append(error)

        # where the detector of the region reads: the same rule as for its counts
        partition = murmur2(command.region.encode(), self._inbox_partitions())
        value = self._wire.encode_inbox(command)
        try:
            self._producer.produce(self._inbox, value, command.region.encode(), partition, on_delivery=told)
        except (KafkaException, BufferError) as failure:
            raise Unsent(f"the command was not sent: {failure}") from failure
        self._producer.flush(ANSWER_WITHIN)
        if not outcome or outcome[0] is not None:
            raise Unsent(f"the command was not sent: {outcome[0].str() if outcome and outcome[0] else 'no answer'}")

    def ask(self, command: Command, patience: float = 30.0) -> tuple[AlertEvent, ...]:
        """
        Send the command; give the events that it caused, what became of it first.

        Raises
        ------
        Unsent
            The broker did not take it.
        Unanswered
            Nothing came back within *patience* seconds.

        """
        reader = self._at_the_end()
        try:
            self.send(command)
            return self._answers(reader, command, patience)
        finally:
            reader.close()

    def _inbox_partitions(self) -> int:
        if not self._partitions:
            self._partitions = _partitions(self._producer, self._inbox)
        return self._partitions

    def _at_the_end(self) -> Consumer:
        reader = Consumer(
            {
                **self._settings.kafka.librdkafka(),
                "group.id": f"{self._settings.topic_prefix}-answers",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "log_level": 3,
            }
        )
        ends = []
        try:
            for number in range(_partitions(reader, self._events)):
                _, end = reader.get_watermark_offsets(TopicPartition(self._events, number), ANSWER_WITHIN, cached=False)
                ends.append(TopicPartition(self._events, number, end))
        except KafkaException as failure:
            raise UsageError(f"no broker answers: {failure.args[0].str()}") from failure
        reader.assign(ends)
        return reader

    def _answers(self, reader: Consumer, command: Command, patience: float) -> tuple[AlertEvent, ...]:
        deadline = time.monotonic() + patience
        found: list[AlertEvent] = []
        where = -1
        while time.monotonic() < deadline:
            for message in reader.consume(100, 0.1):
                if message.error() is not None:
                    # the consequences of one command are one transaction: at the end none is missing
                    if found and message.partition() == where:
                        return tuple(found)
                    continue
                event = self._wire.alert_event.decode(message.value() or b"")
                if event.cause == command.command_id:
                    found.append(event)
                    where = message.partition() or 0
        if found:
            return tuple(found)
        raise Unanswered(
            f"no answer within {patience:.0f} s: does a worker of the stage detect run for {command.region}? "
            "The command is kept and will be obeyed"
        )


def _partitions(client: Consumer | Producer, topic: str) -> int:
    try:
        found = client.list_topics(topic, timeout=ANSWER_WITHIN).topics[topic]
    except KafkaException as failure:
        raise UsageError(f"no broker answers: {failure.args[0].str()}") from failure
    if found.error is not None or not found.partitions:
        raise UsageError(f"topic {topic} is missing: run `firebreak topics apply`")
    return len(found.partitions)

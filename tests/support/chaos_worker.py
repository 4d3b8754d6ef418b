"""
The worker command with bombs in it, and with planted bugs: ``python -m support.chaos_worker worker --stage count``.

FIREBREAK_TEST_KILL is the chance that one commit kills the process, at a point chosen by chance: after the outputs are
on the broker, after everything is but nothing is committed, during the commit, just after it. FIREBREAK_TEST_BUG names
a planted bug; a test that does not find it shows nothing.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

from confluent_kafka import Consumer, Producer, TopicPartition

from streams import cli, kafka_log, ownership, partition, worker
from streams.kafka_log import KafkaLog, KafkaProducer
from streams.log import Sent
from streams.partition import Partition
from streams.transport.host import Feeding

POINTS = ("outputs", "everything", "during", "after")


def die() -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Bombed(KafkaProducer):
    """A producer that may kill its process in the middle of a commit."""

    chance = 0.0

    def begin(self) -> None:
        self._point = random.choice(POINTS) if random.random() < self.chance else ""
        self._sends = 0
        super().begin()

    def send(self, messages: Iterable[Sent]) -> None:
        super().send(messages)
        self._sends += 1
        # the first call sends the outputs, the last one the marker
        if (self._point, self._sends) in {("outputs", 1), ("everything", 3)}:
            self._client.flush(5)
            die()

    def commit(self) -> None:
        if self._point == "during":
            threading.Timer(random.random() * 0.008, die).start()
        super().commit()
        if self._point == "after":
            die()


class WithoutTransactions(Bombed):
    """As if there were no transactions: what is sent is there at once."""

    def begin(self) -> None:
        self._point = random.choice(POINTS) if random.random() < self.chance else ""
        self._sends = 0

    def commit(self) -> None:
        self._client.flush(20)
        if self._point in {"during", "after"}:
            die()


def _plain_producer(self: KafkaLog, _transactional_id: str) -> KafkaProducer:
    return WithoutTransactions(Producer({**self._config, "linger.ms": 5, "enable.idempotence": True, "log_level": 3}))


def without_transactions() -> None:
    patch.object(KafkaLog, "producer", _plain_producer).start()


def read_uncommitted() -> None:
    """Input and journal are read as they are, aborted attempts and all."""
    real = Feeding

    def feeding(**given: Any) -> Any:
        return real(**{**given, "isolation": "read_uncommitted"})

    patch.object(worker, "Feeding", feeding).start()
    kafka_log._READING["isolation.level"] = "read_uncommitted"


def group_offset() -> None:
    """The group is told what was read, and reading goes on there, not where the journal says."""
    real, feeding = partition.open_partition, Feeding

    def opened(spec: Any, number: int, log: Any, still_mine: Any) -> Partition:
        found = real(spec, number, log, still_mine)
        group = f"{spec.transactional_prefix}-{spec.name}"
        reader = Consumer({**log._config, "group.id": group, "enable.auto.commit": False})
        (told,) = reader.committed([TopicPartition(spec.input, number)], 20)
        reader.close()
        if told.offset >= 0:
            found.next = told.offset
        return found

    def read_to(self: ownership.Ownership) -> dict[int, int]:
        return {number: owned.partition.next for number, owned in self._owned.items()}

    _replace_open(opened)
    patch.object(ownership.Ownership, "positions", read_to).start()
    patch.object(worker, "Feeding", lambda **given: feeding(**{**given, "tell_group": 0.1})).start()


def _replace_open(opened: Any) -> None:
    patch.object(ownership, "open_partition", opened).start()


BUGS = {
    "no transactions": without_transactions,
    "read uncommitted": read_uncommitted,
    "group offset": group_offset,
}


def main() -> None:
    Bombed.chance = float(os.environ.get("FIREBREAK_TEST_KILL", "0"))
    patch.object(kafka_log, "KafkaProducer", Bombed).start()
    bug = os.environ.get("FIREBREAK_TEST_BUG", "")
    if bug:
        BUGS[bug]()
    cli.main()


if __name__ == "__main__":
    main()

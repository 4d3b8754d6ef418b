"""A run of the small stage on a real broker: its topics, what is sent, its workers, and what must come of it."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # exported, without saying so
from support.waiting import PATIENCE

from streams.journal import Snapshot, fold
from streams.kafka_log import KafkaLog

TESTS = Path(__file__).parents[1]
Told = dict[str, Any]
Tally = tuple[str, int]
"""Key, and the count that it has reached."""


class TallyRun:
    """
    Topics of one run.

    Parameters
    ----------
    bootstrap
        The broker.
    folder
        Where the workers write what they tell.
    partitions
        Of the input.

    """

    def __init__(self, bootstrap: str, folder: Path, partitions: int = 1) -> None:
        self.name = f"t{uuid.uuid4().hex[:10]}"
        self.partitions = partitions
        self.sent: list[list[str]] = [[] for _ in range(partitions)]
        self._bootstrap = bootstrap
        self._folder = folder
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._topics = [f"{self.name}.{each}" for each in ("in", "out", "journal")]

    def __enter__(self) -> Self:
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        for done in admin.create_topics([NewTopic(each, self.partitions, 1) for each in self._topics]).values():
            done.result(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        for done in admin.delete_topics(self._topics).values():
            done.result(20)

    def send(self, count: int, *, keys: int = 7, aborted: bool = False, together: int = 10_000) -> None:
        """
        Send *count* records, in one transaction that is committed or aborted, over all partitions in turn.

        At most so many *together* are what the broker can hand out at the least.
        """
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "transactional.id": f"{self.name}-sender",
                "batch.num.messages": together,
                "log_level": 0,
            }
        )
        producer.list_topics(timeout=20)
        producer.init_transactions(20)
        producer.begin_transaction()
        for number in range(count):
            partition, key = number % self.partitions, f"k{number % keys}"
            producer.produce(f"{self.name}.in", b"x", key.encode(), partition)
            if not aborted:
                self.sent[partition].append(key)
        if aborted:
            producer.flush(20)
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)

    def start(self, name: str, **asked: object) -> subprocess.Popen[bytes]:
        """Start a worker, or start it again."""
        given = json.dumps({"run": self.name, "broker": self._bootstrap, "partitions": self.partitions, **asked})
        with self.log_of(name).open("ab") as log:
            self._workers[name] = subprocess.Popen(
                [sys.executable, "-m", "support.tally_worker", given],
                env={**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._workers[name]

    def stop(self, name: str, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; answers the exit code."""
        self._workers[name].send_signal(by)
        return self.end(name)

    def end(self, name: str) -> int:
        """Wait until a worker has ended; answers the exit code."""
        return self._workers[name].wait(PATIENCE)

    def freeze(self, name: str) -> None:
        self._workers[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._workers[name].send_signal(signal.SIGCONT)

    def thaw_and_stop(self, name: str) -> int:
        """Wake a frozen worker with the order to stop; answers the exit code."""
        self._workers[name].terminate()
        self.thaw(name)
        return self.end(name)

    def code(self, name: str) -> int | None:
        """Exit code of a worker, None while it runs."""
        return self._workers[name].poll()

    def log_of(self, name: str) -> Path:
        return self._folder / f"{self.name}-{name}.log"

    def told(self, name: str) -> list[Told]:
        """What a worker has told so far."""
        lines: list[Told] = []
        for line in self.log_of(name).read_text("utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                lines.append(json.loads(line[line.find("{") :]))
        return lines

    def wait(self, what: Callable[[], object], within: float = PATIENCE) -> None:
        """Wait until *what* is true."""
        give_up = time.monotonic() + within
        while not what():
            assert time.monotonic() < give_up, self.logs()
            time.sleep(0.02)

    def wait_told(self, name: str, what: str, times: int = 1, within: float = PATIENCE) -> Told:
        """Wait until a worker has told *what*, not null, so many times; answers the last of them."""
        self.wait(lambda: len([each for each in self.told(name) if each.get(what)]) >= times, within)
        return [each for each in self.told(name) if each.get(what)][times - 1]

    def logs(self) -> str:
        """End of what all workers said."""
        return "\n".join(f"{name}: {self.log_of(name).read_text('utf-8')[-1500:]}" for name in self._workers)

    def expected(self) -> list[list[Tally]]:
        """What must be in each output partition, computed from what was sent."""
        return [list(_tallies(keys)) for keys in self.sent]

    def outputs(self, within: float = PATIENCE) -> list[list[Tally]]:
        """What is in each output partition; waits until it is as much as must be there, and reads to the end."""
        give_up, wanted = time.monotonic() + within, sum(map(len, self.sent))
        while True:
            found = self._read()
            if sum(map(len, found)) >= wanted:
                return found
            assert time.monotonic() < give_up, f"{sum(map(len, found))} of {wanted}\n{self.logs()}"
            time.sleep(0.1)

    def _read(self) -> list[list[Tally]]:
        found: list[list[Tally]] = [[] for _ in range(self.partitions)]
        reader = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            }
        )
        reader.assign([TopicPartition(f"{self.name}.out", p, 0) for p in range(self.partitions)])
        ended = 0
        while ended < self.partitions:
            for message in reader.consume(500, 0.2):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended += 1
                    continue
                _, count = struct.unpack(">qq", message.value() or b"")
                found[message.partition() or 0].append(((message.key() or b"").decode(), count))
        reader.close()
        return found

    def journal(self, partition: int = 0) -> Snapshot:
        """What the journal of a partition holds."""
        return fold(KafkaLog({"bootstrap.servers": self._bootstrap}).read(f"{self.name}.journal", partition))

    def journal_position(self, partition: int = 0) -> int | None:
        """Input offset that the journal of a partition goes on at."""
        position = self.journal(partition).position
        return None if position is None else position.next

    def told_to_group(self, partition: int = 0) -> int:
        """Input offset that the group was told."""
        reader = Consumer({"bootstrap.servers": self._bootstrap, "group.id": f"{self.name}-tally"})
        (told,) = reader.committed([TopicPartition(f"{self.name}.in", partition)], 20)
        reader.close()
        return int(told.offset)


def _tallies(keys: Iterable[str]) -> Iterable[Tally]:
    counts: Counter[str] = Counter()
    for key in keys:
        counts[key] += 1
        yield key, counts[key]

"""
Rows a second that a new owner takes over from the journal of one partition, on a real Kafka.

``cd tests && PYTHONPATH=..:. python -m bench.restore`` prints one line of JSON; ``--broker H:P`` uses a running one.
``read`` is what reading and folding alone would reach, ``restored`` the whole: claim, read, restore, and touch none;
``per_cpu_s`` is the same by the CPU time of the thread that opens the partition, which other load hardly changes.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from support.enriching import ONE, raw_record
from support.kafka import KafkaCluster
from support.toytown import arrivals, write_pack

from streams.core.stage import Output, Row
from streams.journal import MARKER_KEY, encode_position, entries, fold
from streams.kafka_log import KafkaLog
from streams.log import Sent
from streams.partition import StageSpec, open_partition
from streams.regions.loader import load
from streams.replay.kafka import make_topics
from streams.settings import Settings, from_env
from streams.worker import Edges, spec_of

TOGETHER = 20_000
"""Rows of a transaction."""


class Always:
    """A partition that nobody takes away."""

    def __call__(self) -> bool:
        return True

    def claimed(self) -> None:
        """Take no notice."""


def rows_of(spec: StageSpec, count: int) -> Iterator[Row]:
    """So many rows as the first stage makes them of a town's notifications, each of an incident of its own."""
    edge = spec.edge_for(0)
    outputs: list[Output] = []
    edge.feed([raw_record(offset, arrival) for offset, arrival in enumerate(arrivals(7))], outputs)
    for number, row in enumerate(islice(cycle(list(edge.stage.dirty())), count)):
        yield Row(f"{row.key}-{number}", row.value)


def fill(log: KafkaLog, spec: StageSpec, count: int) -> None:
    """Write the journal, in transactions as workers do."""
    producer = log.producer(f"fill-{secrets.token_hex(4)}")
    rows, edge = rows_of(spec, count), spec.edge_for(0)
    while chunk := list(islice(rows, TOGETHER)):
        producer.begin()
        producer.send(Sent(spec.journal, 0, key, value) for key, value in entries(chunk))
        marker = encode_position(edge.stage.row_format, 0, spec.partitions, edge.stage.marker())
        producer.send([Sent(spec.journal, 0, MARKER_KEY, marker)])
        producer.commit()
    producer.close()


def measure(settings: Settings, rows: int, rounds: int) -> dict[str, float]:
    make_topics(settings, settings.catalogue())
    counts = dict.fromkeys(settings.catalogue(), 1)
    spec = spec_of(settings, "enrich", counts, Edges(settings, "enrich", counts, [load(settings.regions[0])]))
    log = KafkaLog(settings.kafka.librdkafka())
    fill(log, spec, rows)
    read, restored, cpu = [], [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        assert len(fold(log.read(spec.journal, 0)).rows) == rows
        read.append(rows / (time.perf_counter() - begun))
        begun, busy = time.perf_counter(), time.thread_time()
        partition = open_partition(spec, 0, log, Always())
        restored.append(rows / (time.perf_counter() - begun))
        cpu.append(rows / (time.thread_time() - busy))
        assert partition.restored_rows == rows
        partition.close()
    figures = {"read_rows_per_s": read, "restored_rows_per_s": restored, "restored_rows_per_cpu_s": cpu}
    return {"rows": rows, **{name: round(median(found)) for name, found in figures.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = asked.broker or stack.enter_context(KafkaCluster()).bootstrap
        settings = from_env(
            {
                **ONE,
                "FIREBREAK_KAFKA_BROKERS": broker,
                "FIREBREAK_TOPIC_PREFIX": f"restore-{secrets.token_hex(4)}",
                "FIREBREAK_REGIONS": str(write_pack(folder / "pack")),
            }
        )
        json.dump(measure(settings, asked.rows, asked.rounds), sys.stdout)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()

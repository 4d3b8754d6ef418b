"""The fault table in its short form: nothing lost, nothing doubled, and no silence beyond its bound."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from support.faults import brokers, inputs, network, parts, processes, scale
from support.faults.bench import ROWS, Bench, NotHere, run, slowness
from support.kafka import KafkaCluster
from support.missing import missing

FAMILIES = (brokers, inputs, network, parts, processes, scale)
SEED = 11
ELSEWHERE = {
    "takeover by another worker": "test_ownership",
    "kill -9 of all workers, cold start": "test_ownership",
    "deterministic simulation": "test_simulation",
    "poison at 1 %": "the row of random kills",
    "duplicates, out of order, late by days": "the row of random kills",
    "the broker is frozen": "the row of partitions",
    "the broker restarts, clean and hard": "test_ownership, and the row of the full disk",
    "schema registry dead, unknown schema": "test_bad_input, and the row of Redis, which sees whom workers call",
}
"""Rows that other tests, or other rows, show in their short form; `make faults` runs all of them."""
HERE = [name for name in ROWS if name not in ELSEWHERE]


@pytest.fixture(scope="module")
def bench(kafka: KafkaCluster) -> Iterator[Bench]:
    with Bench(SEED, short=True, slack=2.0 * slowness(os.environ), lend=lambda: kafka) as made:
        yield made


@pytest.mark.parametrize("name", HERE)
def test_nothing_is_lost_or_doubled_and_silence_is_short(name: str, bench: Bench) -> None:
    try:
        line = run(name, bench)
    except NotHere as why:
        missing(why)

    # the whole line: pytest would shorten it, and it can't be had again
    if not line["passed"]:
        pytest.fail(json.dumps(line, indent=1), pytrace=False)

"""``firebreak bench``: CPU of each stage for an event, all threads, beside the plain loop in the same run."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from schemas.catalogue import Catalogue
from schemas.errors import FirebreakError
from schemas.events import Millis
from streams.bench.events import notifications
from streams.broker import EmbeddedBroker
from streams.harvest import Harvest
from streams.ingest.arrival import Arrival
from streams.regions.loader import load
from streams.replay.kafka import Player, Reader, make_topics
from streams.settings import Settings, from_env
from streams.workers import STAGES, Workers

REGION = "london"
EVENTS_A_TICK = 50_000
"""Ticks come every 5 s, so this is the load of ten thousand events a second."""
PARTITIONS = "8"
PATIENCE = 600.0
"""Seconds."""
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class BenchFailed(FirebreakError):
    """The run did not come to its end."""


@contextmanager
def _broker(address: str | None, prefix: str) -> Iterator[tuple[Mapping[str, str], Settings, Catalogue]]:
    environment = {
        "FIREBREAK_TOPIC_PREFIX": prefix,
        "FIREBREAK_REGIONS": REGION,
        "FIREBREAK_TICK_PERIOD": "off",
        "FIREBREAK_PARTITIONS_RAW": PARTITIONS,
        "FIREBREAK_PARTITIONS_ENRICHED": PARTITIONS,
        "FIREBREAK_PARTITIONS_INBOX": "1",
    }
    with ExitStack() as stack:
        if address is None:
            embedded = stack.enter_context(EmbeddedBroker())
            environment |= embedded.environment()
        else:
            environment["FIREBREAK_KAFKA_BROKERS"] = address
        settings = from_env(environment)
        catalogue = settings.catalogue(replay=True)
        if address is None:
            for spec in catalogue.values():
                embedded.create(spec.name, spec.partitions)
        else:
            make_topics(settings, catalogue)
        yield environment, settings, catalogue


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, all threads (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def _feed(player: Player, events: int) -> Millis:
    """Append the events, with the ticks of ten thousand a second; answer the last tick."""
    now = int(time.time() * 1000)
    tick = now
    for number, each in enumerate(notifications(load(REGION), events, now), start=1):
        player.arrive(Arrival(now, each._replace(published_at=min(each.published_at or now, now))))
        if number % EVENTS_A_TICK == 0:
            tick += 5_000
            player.tick(tick)
    player.tick(tick + 5_000)
    player.flush()
    return tick + 5_000


def _stages(environment: Mapping[str, str], settings: Settings, catalogue: Catalogue, events: int) -> dict[str, float]:
    """CPU seconds of each stage for *events* events that go through all three."""
    config = settings.kafka.librdkafka()
    with Workers(environment) as workers, Reader(config, catalogue, Harvest()) as reader:
        player = Player(config, catalogue)
        # the first tick proves that all three are at work, so that none of their start counts
        _await(reader, workers, _first_tick(player))
        begun = {stage: _cpu(workers.pids[f"{stage}-1"]) for stage in STAGES}
        _await(reader, workers, _feed(player, events))
        return {stage: _cpu(workers.pids[f"{stage}-1"]) - begun[stage] for stage in STAGES}


def _first_tick(player: Player) -> Millis:
    clock = int(time.time() * 1000) - 60_000
    player.tick(clock)
    player.flush()
    return clock


def _await(reader: Reader, workers: Workers, clock: Millis) -> None:
    deadline = time.monotonic() + PATIENCE
    while reader.reached([REGION]) < clock:
        workers.supervise()
        if workers.restarts or time.monotonic() > deadline:
            raise BenchFailed("a worker ended, or the run took longer than ten minutes")
        time.sleep(0.05)


def _plain(environment: Mapping[str, str], catalogue: Catalogue, events: int) -> float:
    """CPU seconds of the plain loop over the same records, in a process of its own."""
    job = [catalogue["incidents.raw"].name, catalogue["incidents.enriched"].name, str(events)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}
    done = subprocess.run(  # noqa: S603 - our own module, run by our own interpreter
        [sys.executable, "-m", "streams.bench.plain", *job],
        env={**inherited, **environment},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    if done.returncode:
        raise BenchFailed(f"the plain loop failed: {done.stderr.decode().strip().splitlines()[-1]}")
    spent: dict[str, float] = msgspec.json.decode(done.stdout)
    return spent["cpu_s"]


def measure(broker: str | None, events: int) -> dict[str, float | int | str]:
    """Run the bench; microseconds of CPU an event, and the ratios to the plain loop."""
    with _broker(broker, f"bench-{secrets.token_hex(4)}") as (environment, settings, catalogue):
        cpu = _stages(environment, settings, catalogue, events)
        yardstick = _plain(environment, catalogue, events)
    cpu["total"] = sum(cpu.values())
    cpu["plain"] = yardstick
    micros = {name: round(seconds / events * 1e6, 2) for name, seconds in cpu.items()}
    ratios = {f"{name}_ratio": round(cpu[name] / yardstick, 3) for name in (*STAGES, "total")}
    return {"events": events, "broker": broker or "embedded", **micros, **ratios}


@click.command()
@click.option("--events", type=click.IntRange(1_000), default=200_000, show_default=True)
@click.option("--broker", metavar="HOST:PORT", help="A real Kafka; without it, the embedded broker.")
@click.option("--json", "as_json", is_flag=False, flag_value="-", metavar="-|FILE", help="Write JSON there.")
def bench(events: int, broker: str | None, as_json: str | None) -> None:
    """
    Measure what an event costs: CPU of each stage, all threads, beside a plain loop in the same run.

    The stages run with transactions, journal and metrics; the plain loop keeps nothing. Compare ratios: absolute times
    are those of the machine and of the moment.

    Example: firebreak bench --events 200000 --json -
    """
    measured = measure(broker, events)
    if as_json is None:
        Console().print(_table(measured))
    elif as_json == "-":
        click.echo(json.dumps(measured))
    else:
        Path(as_json).write_text(json.dumps(measured) + "\n", encoding="utf-8")


def _table(measured: Mapping[str, float | int | str]) -> Table:
    table = Table(title=f"{measured['events']} events, {measured['broker']} broker")
    for heading in ("", "CPU µs an event", "x plain"):
        table.add_column(heading, justify="right")
    for name in (*STAGES, "total", "plain"):
        table.add_row(name, f"{measured[name]}", f"{measured.get(f'{name}_ratio', 1)}")
    return table

"""
Kills on a real Kafka, at random moments and placed inside the commit: nothing is lost, nothing is counted twice.

The disturbed run must equal the undisturbed one to the byte, and every record sent must be there exactly once. The same
comparison must find planted bugs: without that it would show nothing.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from support import toytown
from support.kafka import KafkaCluster
from support.toytown import arrivals, batch_hours, write_pack

from schemas.errors import FirebreakError
from schemas.events import HOUR, HourCount
from streams.harvest import Harvest, Totals, iso_hour
from streams.ingest.player import play
from streams.regions.loader import load
from streams.replay.core import through_core
from streams.replay.kafka import Run, through_kafka
from streams.workers import Workers

TICK = 6 * HOUR
KILLS = 10
Cell = tuple[int, str, str, str, int, int, int, tuple[object, ...]]


@dataclass(slots=True)
class Everything(Harvest):
    """Keeps every hour count that was sent, repeats and all."""

    sent: Counter[Cell] = field(default_factory=Counter)

    def see(self, value: object) -> None:
        Harvest.see(self, value)
        if isinstance(value, HourCount):
            v = value
            self.sent[v.clock, v.level, v.area, v.group, v.hour, v.incidents, v.victims, v.contributions] += 1


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left."""

    hours: bytes
    alerts: bytes
    sent: Counter[Cell]
    accounts: object
    restarts: int = 0


def written(harvest: Everything, folder: Path, accounts: object, restarts: int = 0) -> Left:
    totals = Totals(read=0, accepted=0, duplicates=0, incidents=0, first=None, last=None, seconds=0)
    harvest.write(folder, totals)
    hours, alerts = (folder / "hours.csv").read_bytes(), (folder / "alerts.jsonl").read_bytes()
    return Left(hours, alerts, harvest.sent, accounts, restarts)


@dataclass(slots=True)
class Town:
    """The pack, what is told, and what an undisturbed run of it leaves."""

    pack: Path
    folder: Path
    kafka: KafkaCluster
    undisturbed: Left

    def disturbed(
        self,
        name: str,
        disturb: Callable[[Workers], AbstractContextManager[None]] | None = None,
        patience: float = 240.0,
        **extra: str,
    ) -> Left:
        harvest = Everything()
        seen: list[Workers] = []

        @contextmanager
        def watched(workers: Workers) -> Iterator[None]:
            seen.append(workers)
            if disturb is None:
                yield
            else:
                with disturb(workers):
                    yield

        logs = self.folder / f"{name}-logs"
        logs.mkdir()
        run = Run(
            prefix=f"t-{name}-{os.getpid()}",
            regions=[str(self.pack)],
            names=["toytown"],
            broker=self.kafka.bootstrap,
            workers=2,
            logs=logs,
            extra={"FIREBREAK_SESSION_TIMEOUT": "6s", "FIREBREAK_HEARTBEAT": "1s", **extra},
            module="support.chaos_worker",
            disturb=watched,
            # few ticks under way at a time, so that there are many commits to be killed in
            ahead=12,
            patience=patience,
        )
        accounts = through_kafka(play(arrivals(7), TICK), run, harvest)
        return written(harvest, self.folder / name, accounts, seen[0].restarts)


@pytest.fixture(scope="module")
def town(kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("kills")
    pack = write_pack(folder / "pack")
    os.environ["PYTHONPATH"] = str(Path(toytown.__file__).parents[1])
    harvest = Everything()
    accounts = through_core(play(arrivals(7), TICK), [load(pack)], harvest)
    return Town(pack, folder, kafka, written(harvest, folder / "core", accounts))


def random_kills(kills: int, seed: int) -> Callable[[Workers], AbstractContextManager[None]]:
    """So many workers are killed, one after the other, at moments chosen by chance."""

    @contextmanager
    def disturb(workers: Workers) -> Iterator[None]:
        random, over = Random(seed), threading.Event()

        def kill() -> None:
            for _ in range(kills):
                if over.wait(random.uniform(0.3, 2.0)):
                    return
                name = random.choice(workers.names)
                try:
                    os.kill(workers.pids[name], signal.SIGKILL)
                except ProcessLookupError:
                    continue

        thread = threading.Thread(target=kill)
        thread.start()
        yield
        over.set()
        thread.join()

    return disturb


def test_the_undisturbed_run_equals_a_batch_and_raises_alerts(town: Town) -> None:
    lines = town.undisturbed.hours.decode().split()[1:]
    counted = {tuple(line.split(",")[:5]) for line in lines}

    expected = {
        (area, level, group, iso_hour(hour), str(count))
        for (area, level, group, hour), count in batch_hours(arrivals(7)).items()
    }
    assert counted == expected
    assert town.undisturbed.alerts.count(b'"OPENED"') >= 2


def test_nothing_is_lost_or_doubled_under_kills_at_random_moments(town: Town) -> None:
    left = town.disturbed("random", random_kills(KILLS, seed=3))

    assert left.restarts > 0
    assert (left.hours, left.alerts) == (town.undisturbed.hours, town.undisturbed.alerts)
    assert left.sent == town.undisturbed.sent
    assert left.accounts == town.undisturbed.accounts


def test_nothing_is_lost_or_doubled_under_kills_placed_inside_the_commit(town: Town) -> None:
    left = town.disturbed("placed", FIREBREAK_TEST_KILL="0.015")

    assert left.restarts > 0
    assert (left.hours, left.alerts) == (town.undisturbed.hours, town.undisturbed.alerts)
    assert left.sent == town.undisturbed.sent
    assert left.accounts == town.undisturbed.accounts


@pytest.mark.parametrize("bug", ["no transactions", "read uncommitted", "group offset"])
def test_the_same_comparison_finds_a_planted_bug(town: Town, bug: str) -> None:
    assert any(differs(town, bug, seed) for seed in (4, 5, 6)), f"{bug}: three disturbed runs were exact all the same"


def differs(town: Town, bug: str, seed: int) -> bool:
    """Whether a disturbed run with the bug leaves anything else than the undisturbed one, or gets nowhere."""
    try:
        left = town.disturbed(
            f"{bug.replace(' ', '-')}-{seed}",
            random_kills(KILLS, seed),
            patience=40.0,
            FIREBREAK_TEST_KILL="0.02",
            FIREBREAK_TEST_BUG=bug,
        )
    except FirebreakError:
        return True
    whole = town.undisturbed
    return (left.hours, left.alerts, left.sent, left.accounts) != (
        whole.hours,
        whole.alerts,
        whole.sent,
        whole.accounts,
    )

"""A deployment to be harmed: topics of its own on a real broker, real worker processes, a load, and who watches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Self

from support.faults.figures import Figures
from support.faults.judge import Judge, Raw, Verdict
from support.faults.load import Load
from support.faults.process import FLAWED, Process, slain, wait_or_kill
from support.faults.watcher import Watcher, read_all
from support.toytown import write_pack

from schemas.events import Millis, Rejection
from schemas.wire import Wire
from streams.admin import Admin
from streams.regions.loader import load
from streams.settings import from_env
from streams.topics import apply
from streams.workers import STAGES

ROOT = Path(__file__).parents[3]
RESTART_AFTER = 0.2
"""Seconds from a worker's end to its next start, as `firebreak up` has it."""
DRAIN_WITHIN = 180.0
"""Seconds that a healed world has to take in what is left."""


class Stuck(AssertionError):
    """The world is healed, and yet its clock does not move."""


class World:
    """
    One deployment of toytown.

    Parameters
    ----------
    bootstrap
        The broker, for the harness.
    seed
        Of the load.
    each
        Workers a stage.
    partitions
        Of the raw and the enriched topic.
    workers_bootstrap
        The broker as the workers reach it, None for the same address.
    tick
        Period of the clock.
    rate, poison, aborted, spread, disorder, as_json
        Of the load.
    extra
        Further settings of the workers.
    module
        Python module that is the worker command.
    settings
        Further settings of everybody.
    logs
        Where the workers' words go; None for a folder of the world's own.

    """

    def __init__(
        self,
        bootstrap: str,
        *,
        seed: int,
        each: int = 2,
        partitions: int = 2,
        workers_bootstrap: str | None = None,
        tick: str = "1s",
        rate: float = 200.0,
        poison: float = 0.0,
        aborted: bool = False,
        spread: int = 5,
        disorder: int = 0,
        as_json: float = 0.0,
        extra: Mapping[str, str] | None = None,
        module: str = "streams.cli",
        settings: Mapping[str, str] | None = None,
        logs: Path | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="firebreak-faults-")
        self.folder = Path(self._temporary.name)
        self.logs = logs or self.folder
        pack = write_pack(self.folder / "pack")
        self.environment = {
            "FIREBREAK_TOPIC_PREFIX": f"f{uuid.uuid4().hex[:10]}",
            "FIREBREAK_KAFKA_BROKERS": bootstrap,
            "FIREBREAK_REGIONS": str(pack),
            "FIREBREAK_TICK_PERIOD": tick,
            "FIREBREAK_PARTITIONS_RAW": str(partitions),
            "FIREBREAK_PARTITIONS_ENRICHED": str(partitions),
            "FIREBREAK_PARTITIONS_INBOX": "1",
            **(settings or {}),
        }
        self.settings = from_env(self.environment)
        self.partitions = partitions
        self._regions = [load(str(pack))]
        self._extra = {**({"FIREBREAK_KAFKA_BROKERS": workers_bootstrap} if workers_bootstrap else {}), **(extra or {})}
        self._module = module
        self._each = each
        catalogue = self.settings.catalogue()
        self.load = Load(
            self.settings.kafka.librdkafka(),
            catalogue["incidents.raw"].name,
            partitions,
            seed=seed,
            rate=rate,
            poison=poison,
            aborted=aborted,
            spread=spread,
            disorder=disorder,
            as_json=as_json,
        )
        self.watcher = Watcher(self.settings)
        self.processes: dict[str, Process] = {}
        self.refused: dict[str, str] = {}
        """Last words of the workers that refused to run."""
        self.peak_kb = 0
        self._over = threading.Event()
        self._lock = threading.RLock()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        try:
            apply(Admin(self.settings.kafka), self.settings.catalogue().values(), self.settings.replication)
            self.watcher.start()
            for stage in STAGES:
                for number in range(1, self._each + 1):
                    self.add(stage, number)
            self._supervisor.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self._over.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for process in self.processes.values():
            slain(process.running)
        self.watcher.drop()
        with suppress(Exception):
            Admin(self.settings.kafka).delete([each.name for each in self.settings.catalogue().values()])
        self._temporary.cleanup()

    # what may be done to it

    def add(
        self,
        stage: str,
        number: int,
        *,
        module: str | None = None,
        static: bool = True,
        extra: Mapping[str, str] | None = None,
    ) -> Process:
        """Start one more worker."""
        name = f"{stage}-{number}"
        own = {**self._extra, **(extra or {}), "FIREBREAK_INSTANCE": name if static else ""}
        made = Process(stage, name, module or self._module, own)
        with self._lock:
            self.processes[name] = made
            self._start(made)
        return made

    def kill(self, name: str, *, back_after: float | None = None) -> None:
        """End a worker with SIGKILL; it is started again at once, after so many seconds, or never (-1)."""
        with self._lock:
            process = self.processes[name]
            process.wanted = back_after is None
            slain(process.running)
        if back_after is not None and back_after >= 0:
            threading.Timer(back_after, self.bring_back, [name]).start()

    def bring_back(self, name: str) -> None:
        """Start a worker again that was ended."""
        with self._lock:
            process = self.processes[name]
            if self._over.is_set() or (process.running is not None and process.running.poll() is None):
                return
            process.wanted = True
            self._start(process)

    def stop(self, name: str, within: float = 60.0) -> int:
        """End a worker in good order, for good; answers its exit code."""
        process = self.processes[name]
        with self._lock:
            process.wanted = False
            running = process.running
        if running is None:
            return process.codes[-1]
        running.terminate()
        return running.wait(within)

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, what: signal.Signals) -> None:
        with self._lock:
            running = self.processes[name].running
            if running is not None and running.poll() is None:
                running.send_signal(what)

    def alive(self) -> list[str]:
        """Names of the workers that run."""
        with self._lock:
            return [n for n, p in self.processes.items() if p.running is not None and p.running.poll() is None]

    def pid(self, name: str) -> int:
        running = self.processes[name].running
        assert running is not None
        return running.pid

    def log_of(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text("utf-8", errors="replace")

    # what may be seen of it

    def wait(self, what: Callable[[], object], within: float = 90.0, why: str = "") -> None:
        """Wait until *what* is true."""
        give_up = time.monotonic() + within
        while not what():
            if time.monotonic() > give_up:
                raise Stuck(f"{why or 'what was waited for never came'}\n{self.last_words()}")
            time.sleep(0.02)

    def wait_for_clock(self, after: float | None = None, within: float = 90.0) -> float:
        """Wait until the last stage has evaluated a tick later than *after*, s since the epoch; answers the seconds."""
        begun = time.monotonic()
        target = (time.time() if after is None else after) * 1000
        self.wait(lambda: self.watcher.clock > target, within, "the clock of the last stage stands still")
        return time.monotonic() - begun

    def gap(self, since: float, until: float | None = None, stage: str | None = None) -> float:
        """Longest time, s, without a commit in any partition of any stage, from *since* on, s since the epoch."""
        return max((end - begin for begin, end in self.gaps(since, until, stage)), default=0.0)

    def after_start(self, name: str) -> float:
        """
        Longest time, s, from a start of a worker to the next commit of a partition that was silent then.

        A start that ended before that commit, because the worker was killed once more, does not count.
        """
        process = self.processes[name]
        longest = 0.0
        for begun, again in pairwise([*process.begun, float("inf")]):
            for begin, end in self.gaps(begun - 3600, None, process.stage):
                if begin < begun < end < again and begun != process.begun[0]:
                    longest = max(longest, end - begun)
        return longest

    def gaps(self, since: float, until: float | None, stage: str | None) -> Iterator[tuple[float, float]]:
        """Each time between two commits of one partition of a stage, or of any: begin and end, s since the epoch."""
        for journal, number in list(self.watcher.markers):
            if stage is None or journal == f"{stage}.journal":
                yield from self.pauses((journal, number), since, until)

    def pauses(self, place: tuple[str, int], since: float, until: float | None = None) -> Iterator[tuple[float, float]]:
        """Each time between two commits of one partition."""
        for begin, end in pairwise(sorted(self.watcher.markers[place])):
            if end > since and (until is None or begin < until):
                yield begin, end

    def rejections(self) -> list[Rejection]:
        """What was rejected so far."""
        decode = Wire.builtin().rejection.decode
        return [decode(each.value or b"") for each in self.watcher.outputs["incidents.rejected"]]

    def peak_now(self) -> float:
        """Most memory that any worker has needed so far, MB."""
        self._measure()
        return round(self.peak_kb / 1024, 1)

    def last_words(self) -> str:
        """End of what all workers said."""
        return "\n".join(f"{name}: {self.log_of(name)[-600:]}" for name in self.processes)

    # how it ends

    def running(self, load: bool = True) -> None:
        """Wait until every stage evaluates; then begin to load it."""
        self.wait_for_clock(within=120.0)
        if load:
            self.load.start()

    def finish(self, within: float = DRAIN_WITHIN) -> Figures:
        """End the load, let everything be taken in, end the workers, and judge."""
        figures = Figures()
        self.load.stop()
        try:
            self.wait_for_clock(time.time() + 1.0, within)
        except Stuck as stuck:
            figures.words.append(str(stuck))
        clock = self.watcher.clock
        self._over.set()
        self._supervisor.join()
        self._measure()
        for process in self.processes.values():
            if process.running is not None and process.running.poll() is None:
                process.running.terminate()
        for process in self.processes.values():
            if process.running is not None:
                wait_or_kill(process.running)
        self.watcher.close()
        verdict = self._judged(clock)
        figures.lost, figures.doubled, figures.repeats = verdict.lost, verdict.doubled, verdict.repeats
        figures.words += verdict.words
        figures.peak_mb = round(self.peak_kb / 1024, 1)
        figures.notes["events"] = self.load.records
        ended = sum(code not in {0, -signal.SIGKILL} for each in self.processes.values() for code in each.codes)
        if ended:
            figures.notes["ended_by_themselves"] = ended
        return figures

    def wrong_counts(self) -> list[str]:
        """What is wrong with the counts now, in words; nothing may be on its way."""
        judge = Judge(self.settings, self._regions)
        fewer, more = judge.counts(self.watcher.outputs, self.load.sent, self.watcher.clock)
        return [f"hours: {fewer} incidents too few, {more} too many"] if fewer or more else []

    def _judged(self, clock: Millis) -> Verdict:
        raw = self.raw()
        judge = Judge(self.settings, self._regions)
        return judge.verdict(self.watcher.outputs, raw, self.load.sent, self.load.poisoned, clock)

    def raw(self) -> dict[int, list[Raw]]:
        """The raw log as committed."""
        return read_all(self.settings, "incidents.raw")

    # how it runs

    def _start(self, process: Process) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}
        with (self.logs / f"{process.name}.log").open("ab") as log:
            process.begun.append(time.time())
            process.running = subprocess.Popen(
                [sys.executable, "-m", process.module, "worker", "--stage", process.stage],
                env={**inherited, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **self.environment, **process.extra},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _supervise(self) -> None:
        looked = 0.0
        while not self._over.wait(RESTART_AFTER):
            with self._lock:
                for process in self.processes.values():
                    self._look_at(process)
            if time.monotonic() - looked > 1.0:
                looked = time.monotonic()
                self._measure()

    def _look_at(self, process: Process) -> None:
        if process.running is None or (code := process.running.poll()) is None:
            return
        process.running = None
        process.codes.append(code)
        if code == FLAWED:
            process.wanted = False
            self.refused[process.name] = self.log_of(process.name)[-1000:]
        if process.wanted:
            self._start(process)

    def _measure(self) -> None:
        with self._lock:
            running = [p.running.pid for p in self.processes.values() if p.running is not None]
        for pid in running:
            with suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak_kb = max(self.peak_kb, int(line.split()[1]))

"""Worker processes of all three stages, as a supervisor keeps them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import FirebreakError, UsageError

STAGES = ("enrich", "count", "detect")
STOP_WITHIN = 15.0
"""Seconds from being told to stop to being killed."""
FLAWED = 2
"""Exit code of a mistake that starting again would not cure."""
MOST_RESTARTS = 50
_ENDING = (signal.SIGINT, signal.SIGTERM)


class WorkersFailed(FirebreakError):
    """A worker dies again and again."""


class Workers:
    """
    ``each`` workers of every stage, restarted when they fail.

    Parameters
    ----------
    environment
        FIREBREAK_* settings of all of them.
    each
        Workers a stage.
    logs
        Folder for what they say, one file a worker; None: nowhere.
    module
        Python module that is the console script.
    also
        Further commands that are kept running: their names are what is typed behind ``firebreak``.

    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        each: int = 1,
        logs: Path | None = None,
        module: str = "streams.cli",
        also: Sequence[str] = (),
    ) -> None:
        self._environment = dict(environment)
        self._commands: dict[str, tuple[str, ...]] = {
            f"{stage}-{number}": ("worker", "--stage", stage) for stage in STAGES for number in range(1, each + 1)
        }
        self._commands |= {command: (command,) for command in also}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = logs
        self._module = module
        self.restarts = 0

    def __enter__(self) -> Self:
        try:
            for name in self._commands:
                with _signals_put_off():
                    self._start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all workers."""
        return tuple(self._commands)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, ``enrich-1`` say."""
        return {name: process.pid for name, process in self._processes.items()}

    def _start(self, name: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}
        log = subprocess.DEVNULL if self._logs is None else (self._logs / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command, run by our own interpreter
            [sys.executable, "-m", self._module, *self._commands[name]],
            env={**inherited, **self._environment, "FIREBREAK_INSTANCE": name},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for who runs the workers, and he stops them in his own time
            start_new_session=True,
        )
        if not isinstance(log, int):
            log.close()

    def supervise(self) -> None:
        """
        Start again what has ended.

        Raises
        ------
        UsageError
            A worker refused its settings.
        WorkersFailed
            They end too often.

        """
        for name, command in self._commands.items():
            code = self._processes[name].poll()
            if code is None:
                continue
            if code == FLAWED:
                raise UsageError(f"worker {name} refused to run; `firebreak {' '.join(command)}` says why")
            self.restarts += 1
            if self.restarts > MOST_RESTARTS:
                raise WorkersFailed(f"worker {name} ended with code {code}, and workers ended {self.restarts} times")
            with _signals_put_off():
                self._start(name)

    def stop(self) -> None:
        """Let all commit and end; kill what does not."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_WITHIN
        for process in self._processes.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _signals_put_off() -> Iterator[None]:
    """Let an interrupt wait: between its start and our note of it, a process would be left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in came:
        signal.raise_signal(number)

"""One worker of a world, through all its lives."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

FLAWED = 2
"""Exit code of a mistake that starting again would not cure."""


@dataclass(slots=True)
class Process:
    """A worker: its stage, its settings, and the process that runs it now."""

    stage: str
    name: str
    module: str
    extra: dict[str, str]
    running: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    """Whether it is started again when it ends."""
    codes: list[int] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    """When it was started, each time, s since the epoch."""


def slain(running: subprocess.Popen[bytes] | None) -> None:
    """Kill a process, if there is one."""
    if running is not None:
        running.kill()
        running.wait()


def wait_or_kill(running: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was told to end."""
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        slain(running)

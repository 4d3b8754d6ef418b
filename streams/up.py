"""``firebreak up``: all stages and consumers here, as child processes that are started again when they fail."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from streams.settings import Settings, from_env
from streams.topics import verify
from streams.workers import Workers

LOOK_EVERY = 0.2
"""Seconds."""


def consumers_of(settings: Settings) -> tuple[str, ...]:
    """Commands of the consumers that are configured."""
    screens = ("projector", "console") if settings.redis_url else ()
    return (*(("notifier",) if settings.routes is not None else ()), *screens)


@click.command()
@click.option("--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Workers a stage.")
@click.option("--logs", type=click.Path(path_type=Path, file_okay=False), help="Folder for the workers' logs.")
def up(workers: int, logs: Path | None) -> None:
    """
    Run all stages here, and start again what fails.

    Beside them runs the notifier, if FIREBREAK_ROUTES names its file, and with FIREBREAK_REDIS_URL projector and
    console. Settings come from the environment (FIREBREAK_*),
    the same for all; each process gets a FIREBREAK_INSTANCE of its own. For one machine; in a container or under a
    supervisor run `firebreak worker` for each.

    Example: FIREBREAK_KAFKA_BROKERS=kafka:9092 firebreak up
    """
    settings = from_env(os.environ)
    verify(settings)
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if key.startswith("FIREBREAK_")}
    over = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Workers(environment, each=workers, logs=logs, also=consumers_of(settings)) as running:
        click.echo(f"{len(running.names)} processes: {', '.join(running.names)}; Ctrl-C ends them")
        while not over.wait(LOOK_EVERY):
            running.supervise()

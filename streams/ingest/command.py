"""``firebreak ingest``: files into ``incidents.raw``."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.connection import KafkaSettings
from schemas.errors import UsageError
from schemas.wire import Wire
from streams.ingest.arrival import Arrival, BadRow
from streams.ingest.loading import built_in, load_profile
from streams.ingest.position import Position, fingerprint
from streams.ingest.profile import Profile
from streams.ingest.reader import read
from streams.ingest.sending import Pace, Place, Sender, places
from streams.settings import from_env
from streams.topics import chosen_settings

SETTLE_EVERY = 20_000
"""Rows after which the broker is waited for and the position is written."""
SHOWN = 5
"""Rejected rows that a dry run prints."""


class Rate(click.ParamType):
    """``500`` or ``500/s``."""

    name = "number/s"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?", str(value).strip())
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no rate: write 500 or 500/s", param, ctx)
        return float(found[1])


@dataclass(slots=True)
class Tally:
    """What became of the rows; ``read`` = ``sent`` + all rejected + ``skipped``, which an earlier run had sent."""

    read: int = 0
    sent: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def take(self, row: Arrival | BadRow, *, skipped: bool = False) -> None:
        """Count one row."""
        self.read += 1
        if skipped:
            self.skipped += 1
        elif isinstance(row, BadRow):
            self.rejected[row.reason.value] += 1
        else:
            self.sent += 1

    def summary(self, seconds: float) -> dict[str, object]:
        """The numbers as JSON has them."""
        return {
            "read": self.read,
            "sent": self.sent,
            "rejected": dict(sorted(self.rejected.items())),
            "skipped": self.skipped,
            "seconds": round(seconds, 2),
        }


class Target(Protocol):
    """Where rows go."""

    def take(self, row: Arrival | BadRow) -> None:
        """Send one row."""
        ...

    def settle(self) -> None:
        """Wait until all are there."""
        ...


class Topics:
    """
    Arrivals to the raw topic, other rows to the rejected ones.

    Parameters
    ----------
    sender
        The producer.
    raw, rejected
        The topics.
    now
        The wall clock, in ms.

    """

    def __init__(self, sender: Sender, raw: Place, rejected: Place, now: Callable[[], int]) -> None:
        wire = Wire.builtin()
        self._encode_notification = wire.encode_notification
        self._encode_rejection = wire.rejection.encode
        self._sender, self._raw, self._rejected = sender, raw, rejected
        self._now = now

    def take(self, row: Arrival | BadRow) -> None:
        """Send one row."""
        if isinstance(row, BadRow):
            where = self._rejected.partition(row.source.encode())
            self._sender.send(self._rejected.name, where, None, self._encode_rejection(row.rejection(self._now())))
        else:
            key = row.notification.incident_id.encode()
            value = self._encode_notification(row.notification)
            self._sender.send(self._raw.name, self._raw.partition(key), key, value)

    def settle(self) -> None:
        """Wait until the broker has all."""
        self._sender.settle()


def deliver(rows: Iterable[Arrival | BadRow], target: Target, tally: Tally, position: Position, begin: int) -> None:
    """Send *rows* from number *begin* on, and remember now and then how many are there."""
    for row in rows:
        if tally.read < begin:
            tally.take(row, skipped=True)
            continue
        target.take(row)
        tally.take(row)
        if tally.read % SETTLE_EVERY == 0:
            target.settle()
            position.save(tally.read)
    target.settle()
    position.forget()


def _watched(rows: Sequence[Arrival | BadRow], *, quiet: bool) -> Iterator[Arrival | BadRow]:
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
    with bars:
        task = bars.add_task("sending", total=len(rows))
        for number, row in enumerate(rows, 1):
            yield row
            if number % 500 == 0 or number == len(rows):
                bars.update(task, completed=number)


def _read(files: Sequence[Path], profile: Profile, *, quiet: bool) -> list[Arrival | BadRow]:
    status: AbstractContextManager[object] = nullcontext()
    if not quiet:
        status = Console(stderr=True).status(f"reading {', '.join(file.name for file in files)}")
    with status:
        return list(read(files, profile))


def _try(rows: Sequence[Arrival | BadRow], tally: Tally) -> None:
    """Count, and show the first rows that would be rejected."""
    for row in rows:
        if isinstance(row, BadRow) and sum(tally.rejected.values()) < SHOWN:
            click.echo(f"{row.file} line {row.line}: {row.reason.value}: {row.detail}", err=True)
        tally.take(row)


def _list_profiles(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        for name, description in built_in().items():
            click.echo(f"{name:24}{description}")
        ctx.exit()


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--profile", required=True, metavar="NAME|FILE.toml", help="How the files are to be read.")
@click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS.")
@click.option("--prefix", metavar="NAME", help="First part of topic names, instead of FIREBREAK_TOPIC_PREFIX.")
@click.option("--rate", type=Rate(), help="No faster than so many rows a second.")
@click.option("--resume", is_flag=True, help="Go on where a broken run of the same files stopped.")
@click.option("--dry-run", is_flag=True, help="Read and count, send nothing; shows the first rejected rows.")
@click.option("--json", "json_to", type=click.File("w"), metavar="FILE|-", help="Write the numbers as JSON.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--profiles", is_flag=True, is_eager=True, expose_value=False, callback=_list_profiles, help="Name them.")
def ingest(
    files: Sequence[Path],
    profile: str,
    broker: str | None,
    prefix: str | None,
    rate: float | None,
    resume: bool,
    dry_run: bool,
    json_to: TextIO | None,
    quiet: bool,
) -> None:
    """
    Send files into the stream, in the order in which their rows became known.

    Nothing is sent if a file can't be used as a whole. A row that is no notification goes to incidents.rejected with
    its reason. The same file again gives only duplicates, which change no count.

    \b
    Example:
      firebreak ingest calls.csv.gz --profile montgomery-911
      firebreak ingest mine.csv --profile mine.toml --dry-run
      firebreak ingest 2024-*.csv --profile police-uk --broker kafka:9092 --rate 500/s --json -
    """  # noqa: D301 - \b keeps click from filling the example
    begun = time.monotonic()
    chosen = load_profile(profile)
    tally = Tally()
    quiet = quiet or not sys.stderr.isatty()
    if dry_run:
        _try(_read(files, chosen, quiet=quiet), tally)
    else:
        settings = chosen_settings(from_env(os.environ), broker, prefix)
        catalogue = settings.catalogue()
        raw, rejected = places(settings.kafka, catalogue["incidents.raw"], catalogue["incidents.rejected"])
        folder = settings.data_dir / "ingest"
        position = Position(folder, fingerprint(files, chosen, f"{settings.kafka.brokers} {raw.name}"))
        rows = _read(files, chosen, quiet=quiet)
        run = _Run(settings.kafka, raw, rejected, Pace(rate), position.load() if resume else 0)
        run.send(_watched(rows, quiet=quiet), tally, position)
    _tell(tally, time.monotonic() - begun, json_to, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Run:
    kafka: KafkaSettings
    raw: Place
    rejected: Place
    pace: Pace
    begin: int

    def send(self, rows: Iterable[Arrival | BadRow], tally: Tally, position: Position) -> None:
        """Send the rows; where that breaks off, say how to go on."""
        try:
            with Sender(self.kafka, self.pace) as sender:
                topics = Topics(sender, self.raw, self.rejected, lambda: time.time_ns() // 1_000_000)
                deliver(rows, topics, tally, position, self.begin)
        except UsageError as error:
            raise UsageError(f"{error}; go on with --resume") from error
        except KeyboardInterrupt:
            click.echo("stopped; go on with --resume", err=True)
            raise


def _tell(tally: Tally, seconds: float, json_to: TextIO | None, *, dry_run: bool) -> None:
    summary = tally.summary(seconds)
    if json_to is not None:
        json_to.write(json.dumps(summary) + "\n")
    verb = "good" if dry_run else "sent"
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(tally.rejected.items()))
    skipped = f", {tally.skipped:,} sent before" if tally.skipped else ""
    rejected = f"{sum(tally.rejected.values()):,} rejected" + (f" ({reasons})" if reasons else "")
    click.echo(f"{tally.read:,} read, {tally.sent:,} {verb}, {rejected}{skipped}, {seconds:.1f} s", err=True)

"""``firebreak replay``."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import Millis
from streams.harvest import Harvest, Totals
from streams.ingest.arrival import Arrival, BadRow
from streams.ingest.loading import load_profile
from streams.ingest.player import TickAt, play
from streams.ingest.reader import read
from streams.regions.loader import load
from streams.replay.core import through_core
from streams.replay.kafka import Run, through_kafka


class Duration(click.ParamType):
    """``15m``, ``1h``, ``500ms``; in ms."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        """Parse the text."""
        if isinstance(value, int):
            return value
        try:
            return int(DURATION.parse(str(value)).total_seconds() * 1000)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


def _told_apart(rows: Iterable[Arrival | BadRow], harvest: Harvest) -> list[Arrival]:
    """The arrivals of a file; its other rows are rejections at once."""
    arrivals = []
    for row in rows:
        if isinstance(row, Arrival):
            arrivals.append(row)
        else:
            harvest.see(row.rejection(0))
    return arrivals


def _watched(moments: Iterable[Arrival | TickAt], total: int, shown: bool) -> Iterator[Arrival | TickAt]:
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )
    with bars:
        task = bars.add_task("replaying", total=total)
        done = 0
        for moment in moments:
            yield moment
            done += isinstance(moment, Arrival)
            if done % 500 == 0:
                bars.update(task, completed=done)
        bars.update(task, completed=total)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--profile", required=True, metavar="NAME|FILE.toml", help="How the file is to be read.")
@click.option("--region", required=True, metavar="NAME|DIR", help="The region pack.")
@click.option("--through", type=click.Choice(["core", "kafka"]), default="core", show_default=True)
@click.option("--broker", metavar="HOST:PORT", help="A real Kafka; without it, the embedded broker.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option("--tick", type=Duration(), default="1h", show_default=True, help="Period of the simulated clock.")
@click.option("--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Workers a stage (kafka).")
@click.option("--batch", type=click.IntRange(1024), help="Bytes of the largest fetch (kafka).")
@click.option("--logs", type=click.Path(path_type=Path, file_okay=False), help="Folder for the workers' logs (kafka).")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def replay(
    files: Sequence[Path],
    profile: str,
    region: str,
    through: str,
    broker: str | None,
    out: Path,
    tick: Millis,
    workers: int,
    batch: int | None,
    logs: Path | None,
    quiet: bool,
) -> None:
    """
    Replay files in real-time order with a simulated clock.

    Writes summary.json, hours.csv, alerts.jsonl and rejected.jsonl into --out. Through the core and through Kafka,
    with any number of workers and any size of batches, hours.csv and alerts.jsonl are equal to the byte.

    Example: firebreak replay calls.csv.gz --profile montgomery-911 --region packs/montgomery --out build/replay
    """
    if broker is not None and through == "core":
        raise UsageError("--broker goes with --through kafka")
    begun = time.monotonic()
    pack = load(region)
    harvest = Harvest()
    arrivals = _told_apart(read(files, load_profile(profile)), harvest)
    bad = len(harvest.rejections)
    moments = _watched(play(arrivals, tick), len(arrivals), not quiet)
    if through == "core":
        # what is there now stays; millions of small values should not wake the collector
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        accounts = through_core(moments, [pack], harvest)
    else:
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        run = Run(
            prefix=f"replay-{secrets.token_hex(4)}",
            regions=[_where(region)],
            names=[pack.name],
            broker=broker,
            workers=workers,
            batch=batch,
            logs=logs,
        )
        accounts = through_kafka(moments, run, harvest)
    totals = Totals(
        read=len(arrivals) + bad,
        accepted=accounts.accepted,
        duplicates=accounts.duplicates,
        incidents=accounts.incidents,
        first=arrivals[0].known_at_ms if arrivals else None,
        last=arrivals[-1].known_at_ms if arrivals else None,
        seconds=time.monotonic() - begun,
    )
    harvest.write(out, totals)
    click.echo(_sentence(harvest, totals, out))


def _where(region: str) -> str:
    """The name of a built-in pack, or the absolute path of a folder: workers run wherever they like."""
    folder = Path(region)
    return str(folder.resolve()) if folder.is_dir() else region


def _sentence(harvest: Harvest, totals: Totals, out: Path) -> str:
    alerts = harvest.summary(totals)["alerts"]
    return (
        f"{totals.read} read = {totals.accepted} accepted + {totals.duplicates} duplicates + "
        f"{len(harvest.rejections)} rejected; {alerts} alerts; {totals.seconds:.1f} s; see {out}"
    )

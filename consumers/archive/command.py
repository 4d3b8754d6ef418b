"""``firebreak archive`` and ``firebreak counts``."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from consumers.health import serve
from consumers.loop import Loop
from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import Millis
from schemas.jsonform import iso
from schemas.registry import registered
from schemas.settings import Settings, from_env

if TYPE_CHECKING:
    from consumers.archive.keeper import Keeper
    from consumers.archive.questions import Count, HourOfArea

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
WHERE = "Folder of the archive; without it, in FIREBREAK_DATA_DIR."
EXTRA = "this needs more packages: pip install 'firebreak-streams[archive]'"


class Instant(click.ParamType):
    """An ISO 8601 date or time; without an offset it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        """Parse the text."""
        if isinstance(value, int):
            return value
        try:
            at = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time: write 2026-01-31 or 2026-01-31T06:00:00Z", param, ctx)
        return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)


class Span(click.ParamType):
    """A duration: 30s, 5m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text, to seconds."""
        try:
            return float(DURATION.parse(str(value)).total_seconds())
        except ValueError as error:
            self.fail(str(error), param, ctx)


def folder_of(settings: Settings, chosen: Path | None) -> Path:
    """Where the archive is."""
    return chosen if chosen is not None else settings.data_dir / "archive"


def keeping(settings: Settings, root: Path, every: float, *, once: bool = False) -> tuple[Loop, Keeper]:
    """Wire the archive; nothing runs yet."""
    try:
        from consumers.archive.keeper import TOPICS, Keeper  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise UsageError(EXTRA) from missing
    registry, topics = CollectorRegistry(), [settings.catalogue()[each] for each in TOPICS]
    keeper = Keeper(root, topics, registered(settings), every=every, now=time.monotonic, registry=registry)
    return Loop(settings, topics, keeper, name="archive", until_end=once, registry=registry), keeper


@click.command()
@click.option(
    "--archive", "chosen", type=click.Path(path_type=Path, file_okay=False), help="Folder; else in FIREBREAK_DATA_DIR."
)
@click.option("--every", type=Span(), default="60s", show_default=True, help="How often what grows is written.")
@click.option("--once", is_flag=True, help="Keep what there is now, and end.")
def archive(chosen: Path | None, every: float, once: bool) -> None:
    """
    Keep what is published as Parquet files, by month of the event.

    One process for one folder. It goes on where the files end; what is read again makes the same files. Exact places
    are not kept. Metrics and health at FIREBREAK_METRICS_BIND.

    Example: firebreak archive --archive /var/lib/firebreak/archive
    """
    settings = from_env(os.environ)
    loop, _ = keeping(settings, folder_of(settings, chosen), every, once=once)

    def end(_signal: int, _frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with serve(settings.metrics_bind, loop.registry, alive=lambda: loop.alive, ready=lambda: loop.alive):
        loop.run()


@click.command()
@click.option("--area", default="", metavar="CODE", help="Of this area, of either level; without it, of all.")
@click.option("--group", default="", help="Of this group; without it, of all.")
@click.option("--as-known-at", "known_at", type=Instant(), help="From what was received before this; default: now.")
@click.option("--from", "begin", type=Instant(), default="1970-01-01", help="Hours from this one on.")
@click.option("--until", type=Instant(), default="2100-01-01", help="Hours before this one.")
@click.option("--by", type=click.Choice(["total", "month", "day", "hour"]), default="total", show_default=True)
@click.option("--tense", default="ACTUAL", show_default=True, help="ACTUAL, EXERCISE, INJECTION or TEST.")
@click.option(
    "--archive", "chosen", type=click.Path(path_type=Path, file_okay=False), help="Folder; else in FIREBREAK_DATA_DIR."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--hours",
    "hours",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead: all hours of all areas into a CSV file (.gz packs it), as backtest and calibrate read them.",
)
def counts(
    area: str,
    group: str,
    known_at: Millis | None,
    begin: Millis,
    until: Millis,
    by: str,
    tense: str,
    chosen: Path | None,
    as_json: bool,
    hours: Path | None,
) -> None:
    """
    Count incidents as they were known at an instant, from the archive.

    Corrections that came later have no effect: what is told is what the screen showed then. Times without an offset
    are UTC.

    Example: firebreak counts --area E09000007 --as-known-at 2026-03-01 --by month
    """
    try:
        from consumers.archive.questions import Archive, Question  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise UsageError(EXTRA) from missing
    at = known_at if known_at is not None else int(time.time() * 1000)
    asked = Archive(folder_of(from_env(os.environ), chosen))
    if hours is not None:
        _write(hours, asked.hours(at, tense))
        return
    question = Question(known_at=at, area=area, group=group, begin=begin, until=until, by=by, tense=tense)
    found = asked.counts(question)
    if as_json:
        for each in found:
            told = each._asdict() | {"at": None if each.at is None else iso(each.at)}
            sys.stdout.write(json.dumps(told) + "\n")
        return
    _show(found, f"{area or 'all areas'}, as known at {iso(at)}")


def _write(path: Path, hours: Iterable[HourOfArea]) -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["area", "group", "hour", "incidents", "victims"])
        lines.writerows([each.area, each.group, iso(each.at), each.incidents, each.victims] for each in hours)


def _show(found: Sequence[Count], title: str) -> None:
    table = Table("group", "from", "incidents", "victims", title=title)
    for each in found:
        table.add_row(each.group, "" if each.at is None else iso(each.at), str(each.incidents), str(each.victims))
    Console().print(table if found else f"no incidents: {title}")

"""``firebreak review``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import UsageError
from streams.backtest.hours import read_hours
from streams.core.geography import Region
from streams.regions.loader import load
from streams.review import page, written
from streams.review.audience import Audience
from streams.review.clocks import Repeat, panel_of_hours
from streams.review.months import Month, iso, month
from streams.review.outcomes import read_alerts
from streams.review.panel import Panel, Provenance
from streams.review.profile import built_in, read_profile
from streams.review.reading import digest, read_monthly
from streams.review.review import made

FILE = click.Path(path_type=Path, dir_okay=False)


class WholeMonth(click.ParamType):
    """A month: 2010-04, or an ISO date in it."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Parse the text."""
        if isinstance(value, int):
            return value
        try:
            return month(str(value)[:10])
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


Step = Callable[[str, int, int], None]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Step]:
    """Show what is being done, on standard error."""
    columns = (TextColumn("{task.description:32}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks: dict[str, int] = {}

        def step(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=max(whole, 1))
            bars.update(tasks[what], completed=done)  # type: ignore[arg-type]  # an int with a name

        yield step


@click.command()
@click.option("--region", "pack", required=True, metavar="NAME|DIR", help="Region pack.")
@click.option("--from", "begin", required=True, type=WholeMonth(), help="First month, 2010-04.")
@click.option("--until", required=True, type=WholeMonth(), help="Month after the last.")
@click.option("--monthly", type=FILE, multiple=True, help="Table of monthly counts (repeat for those that follow).")
@click.option("--profile", metavar="NAME|FILE.toml", help=f"How it is to be read: {', '.join(built_in())}, or a file.")
@click.option("--hours", type=FILE, help="Instead: counts by area, group and hour, of `firebreak counts --hours`.")
@click.option("--level", help="Areas of this level of the region; default: the finest that the source tells.")
@click.option("--alerts", type=FILE, help="Alerts of the past as JSON lines, with outcomes and actions.")
@click.option(
    "--audience",
    type=click.Choice([each.value for each in Audience]),
    default=Audience.PARTNER.value,
    show_default=True,
    help="Who reads it: what small numbers and small areas they may be told.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
@click.option("--quiet", is_flag=True, help="No progress.")
def review(
    pack: str,
    begin: Month,
    until: Month,
    monthly: Sequence[Path],
    profile: str | None,
    hours: Path | None,
    level: str | None,
    alerts: Path | None,
    audience: str,
    out: Path,
    quiet: bool,
) -> None:
    """
    Tell what is true over years: trends, level shifts, where to focus, when, and how sure each of it is.

    Writes report.html (needs nothing but itself), a page for each area, review.json and its tables as CSV. Months are
    half-open: --until 2024-03 ends with February.

    \b
    Example:
      firebreak review --region london --monthly wards.csv.gz --profile mps-ward-monthly \\
        --from 2010-04 --until 2024-03 --out review
      firebreak review --region london --hours hours.csv.gz --from 2020-01 --until 2026-01 --out review
    """  # noqa: D301 - \b keeps click from filling the example
    if until <= begin:
        raise UsageError(f"--until {iso(until)} is not after --from {iso(begin)}")
    region = load(pack)
    with progress(quiet=quiet) as step:
        panel, repeats = _read(region, begin, until, monthly, profile, hours, level, step)
        outcomes = None if alerts is None else read_alerts(alerts)
        steps = iter(range(1, 1_000))
        result = made(
            panel, region, Audience(audience), _typed(), repeats, lambda what: step(f"{next(steps):2} {what}", 1, 1)
        )
        out.mkdir(parents=True, exist_ok=True)
        told = written.write(result, out)
        step("writing pages", 0, 1)
        page.write(result, told, outcomes, out)
        step("writing pages", 1, 1)
    click.echo(f"{out / 'report.html'}: {panel.period}, {', '.join(panel.groups)}")


def _read(
    region: Region,
    begin: Month,
    until: Month,
    monthly: Sequence[Path],
    profile: str | None,
    hours: Path | None,
    level: str | None,
    step: Step,
) -> tuple[Panel, dict[str, Repeat]]:
    if bool(monthly) is bool(hours):
        raise UsageError("say where counts come from: either --monthly with its --profile, or --hours")
    if hours is not None:
        return _of_hours(region, begin, until, hours, level)
    if profile is None:
        raise UsageError(f"--monthly needs --profile: {', '.join(built_in())}, or a file")
    panel = read_monthly(monthly, read_profile(profile), region, begin, until, step)
    if level is None or level == panel.level:
        return panel, {}
    if level != region.partition_level:
        raise UsageError(f"the table counts by {panel.level or 'the whole region'}: no areas of level {level}")
    parent = {area.code: area.parent for area in region.areas}
    return panel.gathered(level, region.unit_areas(level), parent), {}


def _of_hours(
    region: Region, begin: Month, until: Month, hours: Path, level: str | None
) -> tuple[Panel, dict[str, Repeat]]:
    table = read_hours(hours, region)
    finest = level or max((of for of, _ in table.counts), key=region.levels.index)
    if not any(of == finest for of, _ in table.counts):
        raise UsageError(f"{hours.name} has no counts of level {finest}")
    notes = [f"{table.unplaced:,} incidents are in no area, and in no figure"] if table.unplaced else []
    provenance = Provenance(
        source=f"firebreak, {hours.name}", licence="", files=((hours.name, digest(hours)),), notes=tuple(notes)
    )
    panel, repeats = panel_of_hours(table, region, finest, begin, until, provenance)
    if not panel.months:
        raise UsageError(f"{hours.name} covers no whole month from {iso(begin)} to {iso(until - 1)}")
    return panel, dict(repeats)


def _typed() -> str:
    """The command as it was typed, files by their names."""
    words = [Path(word).name if "/" in word else word for word in sys.argv[1:]]
    return shlex.join(["firebreak", *words])

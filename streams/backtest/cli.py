"""``firebreak backtest`` and ``firebreak detectability``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from schemas.errors import UsageError
from streams.backtest import report
from streams.backtest.detectability import areas_tried, detectability
from streams.backtest.hours import Hours, hour_of, read_hours, with_whole
from streams.backtest.plan import Plan, budget_of, chosen_units, planned
from streams.backtest.run import Step, Told, calibrated, learn_all, run
from streams.backtest.spikes import LENGTHS
from streams.core.geography import Region
from streams.regions.loader import load

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

hours_option = click.option(
    "--hours", "file", required=True, type=FILE, help="CSV (or .gz): area,group,hour,incidents; hours in UTC."
)
region_option = click.option("--region", "pack", required=True, help="Region pack: a folder, or a name such as london.")
levels_option = click.option("--level", "levels", multiple=True, help="Only this level (repeat).")
groups_option = click.option("--group", "groups", multiple=True, help="Only this group (repeat).")
week_option = click.option(
    "--alerts-per-week", type=click.FloatRange(0, min_open=True), help="False alerts a week in all; else the pack's."
)
area_year_option = click.option(
    "--budget-per-area-year", type=click.FloatRange(0, min_open=True), help="False alerts an area and year, each unit."
)
seed_option = click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all simulation.")


@contextmanager
def progress() -> Iterator[Step]:
    """A bar for each step, on standard error; one that moves to and fro for a step of no known parts (0)."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def step(name: str, parts: int) -> Told:
            task = bars.add_task(name, total=parts or None)
            return lambda done: bars.update(task, advance=done, total=parts or done)

        yield step


def read(file: Path, region: Region, step: Step) -> Hours:
    """Read an hours file under a bar of its bytes, and add the region as a whole."""
    told, before = step(f"read {file.name}", file.stat().st_size), 0

    def reached(place: int) -> None:
        nonlocal before
        told(place - before)
        before = place

    hours = read_hours(file, region, reached)
    reached(file.stat().st_size)
    return with_whole(hours, region)


def hour(name: str, text: str) -> int:
    """An hour given as an option."""
    try:
        return hour_of(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{name} {text}: not the start of an hour, ISO 8601, such as 2024-01-01T00:00Z") from error


def tick_hours(text: str) -> int:
    """
    Whole hours of a tick.

    >>> tick_hours("1h"), tick_hours("1d")
    (1, 24)
    """
    size = {"h": 1, "d": 24}.get(text[-1:])
    if size is None or not text[:-1].isdigit() or int(text[:-1]) < 1:
        raise UsageError(f"--tick {text}: whole hours such as 1h or 6h; an hours file knows nothing finer")
    return int(text[:-1]) * size


@click.command()
@hours_option
@region_option
@click.option("--from", "begin", required=True, help="First hour of the test, ISO 8601 UTC; what is before is history.")
@click.option("--until", help="End of the test; without it, the end of the file.")
@click.option("--tick", default="1h", show_default=True, help="How often alerts move.")
@area_year_option
@week_option
@seed_option
@levels_option
@groups_option
@click.option("--spikes/--no-spikes", default=True, show_default=True, help="Try injected spikes, map detectability.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write.")
def backtest(
    *,
    file: Path,
    pack: str,
    begin: str,
    until: str | None,
    tick: str,
    budget_per_area_year: float | None,
    alerts_per_week: float | None,
    seed: int,
    levels: tuple[str, ...],
    groups: tuple[str, ...],
    spikes: bool,
    out: Path,
) -> None:
    """
    Show what the detector would have told in the past, with the thresholds that keep a budget.

    Writes scores.npz, alerts.jsonl, report.json and report.html into the folder --out.

    \b
    Example:
      firebreak backtest --hours hours.csv.gz --region london --from 2024-01-01 --until 2025-01-01 \\
        --alerts-per-week 7 --out backtest
    """  # noqa: D301 - \b keeps click from filling the example
    first, every = hour("--from", begin), tick_hours(tick)
    region = load(pack)
    with progress() as step:
        hours = read(file, region, step)
        units = chosen_units(region, hours, levels, groups)
        plan = planned(
            region,
            hours,
            first=first,
            end=hours.end if until is None else hour("--until", until),
            tick_hours=every,
            units=units,
            budget=budget_of(region, units, per_area_year=budget_per_area_year, per_week=alerts_per_week),
            seed=seed,
        )
        result = run(plan, step, spikes=spikes)
    told = report.write(result, out, {area.code: area.name for area in region.areas})
    nominal, realised = told["nominal_alerts_per_week"], told["realised_alerts_per_week"]
    click.echo(f"{told['alerts']} alerts: {realised} a week; by chance alone {nominal} were to be expected")
    click.echo(f"{out / 'report.html'}")


def history(
    file: Path,
    pack: str,
    until: str | None,
    budget: tuple[float | None, float | None],
    units: tuple[Sequence[str], Sequence[str]],
    seed: int,
    step: Step,
) -> Plan:
    """A plan whose history is the whole file (up to *until*): *budget* an area and year, or a week."""
    region = load(pack)
    hours = read(file, region, step)
    chosen = chosen_units(region, hours, *units)
    per_area_year, per_week = budget
    end = hours.end if until is None else hour("--until", until)
    return planned(
        region,
        hours,
        first=end,
        end=end + 1,
        tick_hours=1,
        units=chosen,
        budget=budget_of(region, chosen, per_area_year=per_area_year, per_week=per_week),
        seed=seed,
    )


@click.command("detectability")
@hours_option
@region_option
@click.option("--until", help="Learn up to here, ISO 8601 UTC; without it, the whole file.")
@area_year_option
@week_option
@seed_option
@levels_option
@groups_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write .csv or .json; else a table here.")
def detectability_command(
    *,
    file: Path,
    pack: str,
    until: str | None,
    budget_per_area_year: float | None,
    alerts_per_week: float | None,
    seed: int,
    levels: tuple[str, ...],
    groups: tuple[str, ...],
    out: Path | None,
) -> None:
    """
    Tell what silence means: for each area, the smallest spike that would be found with 80 %.

    A multiple of the normal rate, for spikes of 3 hours to 7 days, in one area alone, at a typical hour.

    \b
    Example:
      firebreak detectability --hours hours.csv.gz --region london --alerts-per-week 7 --out map.csv
    """  # noqa: D301 - \b keeps click from filling the example
    if out is not None and out.suffix not in {".csv", ".json"}:
        raise UsageError(f"--out {out}: the name must end in .csv or .json")
    rows: list[dict[str, object]] = []
    with progress() as step:
        plan = history(file, pack, until, (budget_per_area_year, alerts_per_week), (levels, groups), seed, step)
        models = learn_all(plan, step)
        calibration, _ = calibrated(models, plan.budget, seed, step)
        for index, model in enumerate(models):
            unit = model.unit
            told = step(f"detectability {unit.group}", areas_tried(len(unit.areas)))
            rng = np.random.default_rng([seed, 2, index])
            areas = detectability(model, calibration.thresholds[unit.key], rng, told)
            rows += [{"level": unit.level, "group": unit.group, **report.detectable_row(each)} for each in areas]
    _tell_map(rows, out)


def _tell_map(rows: Sequence[dict[str, object]], out: Path | None) -> None:
    if out is not None and out.suffix == ".json":
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        return
    names = [f"{length}h" for length in LENGTHS]
    table = [("level", "group", "area", "incidents_a_day", *names)]
    for row in rows:
        rho = row["multiplier"]
        assert isinstance(rho, dict)  # noqa: S101 - detectable_row's own
        cells = ("" if rho[name] is None else f"{rho[name]:g}" for name in names)
        table.append((str(row["level"]), str(row["group"]), str(row["area"]), f"{row['incidents_a_day']:g}", *cells))
    if out is None:
        for line in table:
            click.echo("  ".join(f"{cell:>8}" for cell in line))
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)

"""``firebreak accountability``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.errors import UsageError
from schemas.events import AlertEvent
from streams.accountability.equity import HEADER, Row, local_month, monthly_rows, opened_by_month, read_activity
from streams.accountability.facts import Facts, gathered, monthly, read_events
from streams.accountability.outcomes import cases
from streams.accountability.summary import outcomes
from streams.backtest.hours import read_hours
from streams.core.geography import Region
from streams.regions.loader import load
from streams.review.months import month

FILE = click.Path(path_type=Path, dir_okay=False)
DOCUMENTS = ("method.md", "dpia-annex.md", "transparency-record.md", "equality.md", "outcomes.md")


@click.command()
@click.option("--region", "pack", required=True, metavar="NAME|DIR", help="Region pack.")
@click.option("--organisation", default="", help="Who uses it; left open if not given.")
@click.option("--contact", default="", help="Where people write to; left open if not given.")
@click.option("--alerts", type=FILE, help="Events of alerts as JSON lines, for load, outcomes and equality.")
@click.option("--hours", type=FILE, help="Counts by area, group and hour, for the monthly public figures.")
@click.option("--backtest", type=FILE, help="report.json of a backtest, for how often it alerts by chance.")
@click.option("--scores", type=FILE, help="scores.npz of a backtest, for spikes without an alert; needs --hours.")
@click.option("--activity", type=FILE, help="The police's own activity as month,area,number, to set beside alerts.")
@click.option("--month", "only", metavar="YYYY-MM", help="Month of equity.csv; without it all that are closed.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder.")
def accountability(
    pack: str,
    organisation: str,
    contact: str,
    alerts: Path | None,
    hours: Path | None,
    backtest: Path | None,
    scores: Path | None,
    activity: Path | None,
    only: str | None,
    out: Path,
) -> None:
    """
    Write what a public body publishes and keeps: method, DPIA annex, transparency record, equality, outcomes, months.

    All of it is made from the region pack, the topics and the results that are given; what was not measured is said as
    such, and what only people can say is left open.

    \b
    Example:
      firebreak accountability --region london --alerts alerts.jsonl --hours hours.csv.gz --out accountability
    """  # noqa: D301 - \b keeps click from filling the example
    region = load(pack)
    known = None if alerts is None else read_events(alerts)
    facts = gathered(
        region, organisation, contact, known, backtest, None if activity is None else read_activity(activity, region)
    )
    counted = None if hours is None else read_hours(hours, region)
    rows = [] if counted is None else monthly(counted, region)
    told = None if known is None else outcomes(known, region, counted, scores)
    shares = [] if known is None else _equity(known, region, only)
    out.mkdir(parents=True, exist_ok=True)
    environment = _environment()
    for name in DOCUMENTS:
        text = environment.get_template(name).render(
            facts=facts, region=region, figures=bool(rows), outcomes=told, version=version("firebreak-streams")
        )
        (out / name).write_text(text + "\n", "utf-8")
    if facts.loads is not None:
        _table(out / "alert-load.csv", ["area", "name", "alerts", "residents", "per_10000_residents"], _loads(facts))
    if shares:
        _table(out / "equity.csv", HEADER, shares)
    if rows:
        _table(out / "monthly.csv", ["month", "area", "group", "incidents"], rows)
    click.echo(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def _equity(events: Sequence[AlertEvent], region: Region, only: str | None) -> list[Row]:
    """Rows of the closed months, or of the one that is asked for."""
    zone, opened = ZoneInfo(region.zone), opened_by_month(cases(events), region)
    end = max((local_month(event.clock, zone) for event in events), default=0)
    closed = range(min(opened, default=end), end)
    if only is None:
        return monthly_rows(opened, closed, region)
    try:
        wanted = month(only)
    except ValueError as wrong:
        raise UsageError(f"--month {only}: not a month such as 2026-10") from wrong
    if wanted not in closed:
        raise UsageError(f"--month {only}: not a closed month of the events that --alerts holds")
    return monthly_rows(opened, [wanted], region)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("streams.accountability"),
        autoescape=False,  # noqa: S701 - Markdown, of our own words and a pack's names
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _loads(facts: Facts) -> Iterable[Sequence[object]]:
    for each in facts.loads or ():
        rate = each.per_residents
        yield (each.area, each.name, each.alerts, each.residents or "", "" if rate is None else round(rate, 3))


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

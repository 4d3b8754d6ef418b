"""``firebreak accountability``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import click
from jinja2 import Environment, PackageLoader, StrictUndefined

from streams.accountability.facts import Facts, gathered, monthly
from streams.backtest.hours import read_hours
from streams.regions.loader import load

FILE = click.Path(path_type=Path, dir_okay=False)
DOCUMENTS = ("method.md", "dpia-annex.md", "transparency-record.md", "equality.md")


@click.command()
@click.option("--region", "pack", required=True, metavar="NAME|DIR", help="Region pack.")
@click.option("--organisation", default="", help="Who uses it; left open if not given.")
@click.option("--contact", default="", help="Where people write to; left open if not given.")
@click.option("--alerts", type=FILE, help="Events of alerts as JSON lines, for load, outcomes and equality.")
@click.option("--hours", type=FILE, help="Counts by area, group and hour, for the monthly public figures.")
@click.option("--backtest", type=FILE, help="report.json of a backtest, for how often it alerts by chance.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder.")
def accountability(
    pack: str,
    organisation: str,
    contact: str,
    alerts: Path | None,
    hours: Path | None,
    backtest: Path | None,
    out: Path,
) -> None:
    """
    Write what a public body publishes and keeps: method, DPIA annex, transparency record, equality, monthly figures.

    All of it is made from the region pack, the topics and the results that are given; what was not measured is said as
    such, and what only people can say is left open.

    \b
    Example:
      firebreak accountability --region london --alerts alerts.jsonl --hours hours.csv.gz --out accountability
    """  # noqa: D301 - \b keeps click from filling the example
    region = load(pack)
    facts = gathered(region, organisation, contact, alerts, backtest)
    rows = [] if hours is None else monthly(read_hours(hours, region), region)
    out.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        (out / name).write_text(_written(name, facts, bool(rows)), "utf-8")
    if facts.loads is not None:
        _table(out / "alert-load.csv", ["area", "name", "alerts", "residents", "per_10000_residents"], _loads(facts))
    if rows:
        _table(out / "monthly.csv", ["month", "area", "group", "incidents"], rows)
    click.echo(f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def _written(name: str, facts: Facts, figures: bool) -> str:
    environment = Environment(
        loader=PackageLoader("streams.accountability"),
        autoescape=False,  # noqa: S701 - Markdown, of our own words and a pack's names
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(name)
    return (
        template.render(facts=facts, region=facts.region, figures=figures, version=version("firebreak-streams")) + "\n"
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

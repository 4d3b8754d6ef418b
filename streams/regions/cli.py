"""``firebreak region``: check a region pack, build one."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from schemas.errors import UsageError
from streams.core.taxonomy import GROUPS
from streams.regions.check import Report, check
from streams.regions.holidays import RULES
from streams.regions.importing import Incidents, Plan, Polygons, import_region
from streams.regions.loader import built_in

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def region() -> None:
    """Region packs: geography, categories and calendar of a city as a folder of small tables."""


def _show(report: Report) -> None:
    for line in report.lines():
        click.echo(line)


@region.command("check")
@click.argument("pack")
def check_command(pack: str) -> None:
    """
    Say what is in PACK and what is weak in it; exit code 2 and one line if it can't be used.

    PACK is a folder, or the name of a pack that comes with firebreak.

    \b
    Example:
      firebreak region check london
      firebreak region check packs/leeds
    """  # noqa: D301 - \b keeps click from filling the example
    _show(check(pack))


@region.command("list")
def list_command() -> None:
    """
    Name the packs that come with firebreak.

    \b
    Example:
      firebreak region list
    """  # noqa: D301 - \b keeps click from filling the example
    for name in built_in():
        click.echo(name)


@region.command("import")
@click.option("--name", required=True, help="Name of the region: a word of a-z, 0-9, _ and -.")
@click.option("--zone", required=True, help="IANA time zone, such as Europe/London.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write.")
@click.option("--level", default="area", show_default=True, help="Level of the areas: ward, district, beat ...")
@click.option("--boundaries", type=_FILE, help="GeoJSON (or .gz) with one or more polygons an area.")
@click.option("--code", "code_property", default="code", show_default=True, help="Property that holds the code.")
@click.option("--name-property", help="Property that holds the name; without it the code is the name.")
@click.option(
    "--simplify",
    "simplify_m",
    type=click.FloatRange(0),
    default=0.0,
    help="Metres: drop corners that cover less than their square.",
)
@click.option("--areas", "tables", type=_FILE, multiple=True, help="CSV with code and any of the columns of areas.csv.")
@click.option("--areas-from", type=_FILE, help="CSV of incidents (or .gz) to take codes and positions from.")
@click.option("--code-column", help="Its column with the area's code.")
@click.option("--lon", "longitude", help="Its column with the longitude.")
@click.option("--lat", "latitude", help="Its column with the latitude.")
@click.option("--at-least", type=click.IntRange(1), default=1, show_default=True, help="Rows that make a code an area.")
@click.option("--group", "groups", multiple=True, help=f"Group to count (repeat); without it {', '.join(GROUPS)}.")
@click.option("--day-starts", default="06:00", show_default=True, help="Local hour at which a day turns.")
@click.option("--alerts-per-week", type=click.FloatRange(0, min_open=True), default=7.0, show_default=True)
@click.option("--holidays", type=click.Choice(sorted(RULES)), help="Write a calendar by the rules of a country.")
@click.option("--years", nargs=2, type=int, default=(2010, 2030), show_default=True, help="First and last of them.")
@click.option("--vintage", default="", help="Year of the geography, such as 2025.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that is not empty.")
def import_command(
    *,
    name: str,
    zone: str,
    out: Path,
    level: str,
    boundaries: Path | None,
    code_property: str,
    name_property: str | None,
    simplify_m: float,
    tables: tuple[Path, ...],
    areas_from: Path | None,
    code_column: str | None,
    longitude: str | None,
    latitude: str | None,
    at_least: int,
    groups: tuple[str, ...],
    day_starts: str,
    alerts_per_week: float,
    holidays: str | None,
    years: tuple[int, int],
    vintage: str,
    overwrite: bool,
) -> None:
    """
    Build a pack from polygons, from tables of areas, or from a file of incidents with an area column.

    \b
    Example:
      firebreak region import --name chicago --zone America/Chicago --level community \\
        --boundaries community-areas.geojson.gz --code area_numbe --name-property community \\
        --holidays united-states --out packs/chicago
      firebreak region import --name districts --zone America/Chicago --level district \\
        --areas-from assaults.csv.gz --code-column district --lon longitude --lat latitude \\
        --out packs/districts
    """  # noqa: D301 - \b keeps click from filling the example
    _check_zone(zone)
    polygons = None
    if boundaries is not None:
        polygons = Polygons(file=boundaries, code=code_property, name=name_property, simplify_m=simplify_m)
    plan = Plan(
        name=name,
        zone=zone,
        out=out,
        level=level,
        polygons=polygons,
        tables=tables,
        incidents=_incidents(areas_from, code_column, longitude, latitude, at_least),
        groups=groups or GROUPS,
        day_starts=day_starts,
        alerts_per_week=alerts_per_week,
        holidays=holidays,
        years=years,
        vintage=vintage,
        overwrite=overwrite,
    )
    _show(import_region(plan, lambda warning: click.echo(f"warning: {warning}", err=True)))


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:
        raise UsageError(f"--zone {zone}: not an IANA time zone such as Europe/London") from error


def _incidents(
    file: Path | None, code: str | None, longitude: str | None, latitude: str | None, fewest: int
) -> Incidents | None:
    if file is None:
        return None
    if code is None:
        raise UsageError("--areas-from needs --code-column: the column that holds the area's code")
    if (longitude is None) != (latitude is None):
        raise UsageError("--lon and --lat go together")
    return Incidents(file=file, code=code, longitude=longitude, latitude=latitude, fewest=fewest)

"""``firebreak audience``."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from consumers.audience.periods import Period, closed
from consumers.audience.publishing import Json, Topics, records
from consumers.audience.rules import Rules, load
from consumers.gazetteer import Gazetteer, Words
from schemas.errors import UsageError
from schemas.events import DAY, HOUR, Millis
from schemas.settings import from_env

FILE = click.Path(path_type=Path, dir_okay=False)
Hours = Mapping[str, Mapping[Millis, Counter[str]]]
"""Incidents by group, hour and area."""
NEEDED = {"area", "group", "hour", "incidents"}


@click.group()
def audience() -> None:
    """
    Tell readers who may know less: closed periods of declared length and place, small numbers banded.

    FIREBREAK_AUDIENCES names the file that says who may know what; what is in it is in docs/governance.md.
    """


@audience.command()
def check() -> None:
    """
    Say what each audience is told; exit code 2 where the file has a mistake.

    Example: FIREBREAK_AUDIENCES=audiences.yaml firebreak audience check
    """
    rules, _ = _rules()
    for name, groups in rules.audiences.items():
        for group, level in groups.items():
            click.echo(f"{name}: {group} by {rules.periods[group]}, {level} at the finest")


@audience.command()
@click.option("--hours", "hours", type=FILE, required=True, help="Hour counts: `firebreak counts --hours FILE`.")
@click.option("--since", type=click.DateTime(), required=True, help="Periods that begin on this day or later.")
@click.option("--now", "now", type=click.DateTime(), help="As if it were this day, UTC; default: now.")
@click.option("--print", "only_print", is_flag=True, help="Print it as JSON lines; publish nothing.")
def publish(hours: Path, since: dt.datetime, now: dt.datetime | None, only_print: bool) -> None:
    """
    Publish the periods that are closed and have not been told; run it after each one.

    A period is told to all audiences in one transaction, and never again: a number that is corrected later could be
    subtracted from the one before. So it is told only when it is as good as complete, `after` its end.

    Example: firebreak audience publish --hours hours.csv.gz --since 2026-01-01
    """
    rules, words = _rules()
    at = int(now.replace(tzinfo=dt.UTC).timestamp() * 1000) if now is not None else int(time.time() * 1000)
    begin = int(since.replace(tzinfo=words.zone).timestamp() * 1000)
    topics = None if only_print else Topics(from_env(os.environ), sorted(rules.audiences))
    done = topics.published() if topics is not None else set()
    counted = _read(hours)
    for group, period in _due(rules, words, begin, at):
        if (group, period.name) in done:
            continue
        _refuse_parts(hours, counted, period)
        rows = list(_records(rules, words, group, period, counted))
        if topics is None:
            sys.stdout.writelines(json.dumps({"audience": name, **row}) + "\n" for name, row in rows)
        else:
            topics.publish(rows)
            click.echo(f"{group} {period.name}: {len(rows)} numbers")


def _rules() -> tuple[Rules, Words]:
    settings = from_env(os.environ)
    if settings.audiences is None:
        raise UsageError("which audiences? set FIREBREAK_AUDIENCES to the file that says who may know what")
    regions = Gazetteer.load(settings.regions).regions
    rules = load(settings.audiences, regions)
    return rules, regions[rules.region]


def _due(rules: Rules, words: Words, since: Millis, now: Millis) -> Iterator[tuple[str, Period]]:
    for group, length in rules.periods.items():
        for period in closed(length, words.zone, since, now - rules.after):
            yield group, period


def _refuse_parts(path: Path, counted: Hours, period: Period) -> None:
    """A file that holds a part of the period would make the rest zeros that stay."""
    there = {hour for hours in counted.values() for hour in (min(hours), max(hours))}
    if not there or min(there) > period.begin + DAY or max(there) < period.end - DAY:
        raise UsageError(f"{path.name} does not hold all of {period.name}: count it again, or say a later --since")


def _records(rules: Rules, words: Words, group: str, period: Period, counted: Hours) -> Iterator[tuple[str, Json]]:
    counts: Counter[str] = Counter()
    hours = counted.get(group, {})
    for hour in range(period.begin - period.begin % HOUR, period.end, HOUR):
        counts.update(hours.get(hour, {}))
    try:
        yield from records(rules, words, group, period, counts)
    except ValueError as wrong:
        raise UsageError(f"the hours can't be right: {wrong}") from wrong


def _read(path: Path) -> Hours:
    opened = gzip.open if path.suffix == ".gz" else open
    found: dict[str, dict[Millis, Counter[str]]] = {}
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            if not set(lines.fieldnames or ()) >= NEEDED:
                raise UsageError(f"{path.name}: the columns area, group, hour and incidents are needed")
            for number, line in enumerate(lines, 2):
                _take(found, path, number, line)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    return found


def _take(found: dict[str, dict[Millis, Counter[str]]], path: Path, number: int, line: dict[str, str]) -> None:
    try:
        at = int(dt.datetime.fromisoformat(line["hour"]).timestamp() * 1000)
        incidents = int(line["incidents"])
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path.name}, line {number}: {error}") from error
    if incidents < 0:
        raise UsageError(f"{path.name}, line {number}: {incidents} incidents")
    found.setdefault(line["group"], {}).setdefault(at, Counter())[line["area"]] += incidents

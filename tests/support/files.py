"""Files to be read, made in a test or real, and profiles made of a few rules."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from streams.ingest.arrival import Arrival, BadRow
from streams.ingest.loading import profile_from
from streams.ingest.profile import Profile
from streams.ingest.reader import read

DATA = Path(__file__).parents[3] / "shared" / "data"

PLAIN_FIELDS: dict[str, object] = {
    "source": {"value": "s"},
    "scheme": {"value": "firebreak"},
    "category": {"column": "what"},
    "occurred_at": {"column": "when"},
}
PLAIN: dict[str, object] = {
    "zone": "UTC",
    "known_at": {"first_of": ["occurred_at"]},
    "identity": {"columns": ["when", "what", "where"]},
}
"""A profile for the columns when, what and where."""


def real(name: str) -> Path:
    """A file of real data; without it the test is skipped."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real data: ../shared/data/{name} is absent")
    return path


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a real file by another reader."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def profile(fields: Mapping[str, object] | None = None, **changed: object) -> Profile:
    """The plain profile, with other top-level keys; of the fields only those that are given change."""
    return profile_from({**PLAIN, **changed, "fields": {**PLAIN_FIELDS, **(fields or {})}}, "test.toml", "test")


def told_apart(paths: Sequence[Path], chosen: Profile) -> tuple[list[Arrival], list[BadRow]]:
    """Arrivals and bad rows of files."""
    arrivals: list[Arrival] = []
    bad: list[BadRow] = []
    for row in read(paths, chosen):
        if isinstance(row, Arrival):
            arrivals.append(row)
        else:
            bad.append(row)
    return arrivals, bad


def american(wall: dt.datetime, standard: int) -> int:
    """
    Instant in ms of wall time in the United States since 2007, by the law's own words.

    Daylight saving begins on the second Sunday of March and ends on the first of November, at two o'clock; a time in
    the hour that is skipped is read by standard time, one in the hour that comes twice by daylight saving time.
    """
    begin, end = _daylight_saving(wall.year)
    offset = standard + (1 if begin <= wall < end else 0)
    since = wall - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 - offset * 3_600_000


@cache
def _daylight_saving(year: int) -> tuple[dt.datetime, dt.datetime]:
    march, november = wall(year, 3, 8), wall(year, 11, 1)
    begin = march + dt.timedelta(days=6 - march.weekday(), hours=3)
    return begin, november + dt.timedelta(days=6 - november.weekday(), hours=2)


def wall(*parts: int) -> dt.datetime:
    """Wall time."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - without a zone on purpose


EPOCH = wall(1970, 1, 1)

"""The published rates that the made-up London is drawn from; ``README.md`` beside this says where each comes from."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

FILE = "rates.csv"


class Rate(NamedTuple):
    """Incidents of one category in one area in twelve months, and how many of them with a knife."""

    area: str
    category: str
    incidents: int
    knife: int


def read_rates(lines: Iterable[str]) -> tuple[Rate, ...]:
    """
    Rates of a table with a header.

    >>> read_rates(["area,category,incidents,knife", "E09000033,robbery_person,4000,600"])
    (Rate(area='E09000033', category='robbery_person', incidents=4000, knife=600),)
    """
    rows = csv.DictReader(lines)
    return tuple(Rate(row["area"], row["category"], int(row["incidents"]), int(row["knife"])) for row in rows)


def published_rates() -> tuple[Rate, ...]:
    """The table that comes with firebreak."""
    return read_rates(files(__package__).joinpath(FILE).read_text(encoding="utf-8").splitlines())

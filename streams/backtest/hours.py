"""Hours files: ``area,group,hour,incidents``, one line for each hour that had any; read whole, checked, written."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from schemas.events import HOUR, UNKNOWN_AREA, WHOLE_LEVEL, HourCount
from streams.core.geography import Region
from streams.core.vintages import dealt

Counts = npt.NDArray[np.uint16]

NEEDED = ("area", "group", "hour", "incidents")
COLUMNS = ("area", "group", "hour", "incidents", "level", "victims")
LARGEST = 65_535
"""Incidents of one area in one hour that a count can hold."""
TOLD_EVERY = 100_000

Told = Callable[[int], None]
"""Told how many bytes have been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """
    Counts of every area, by level and group.

    ``first`` is the first hour (whole hours since the epoch, UTC). ``counts[level, group]`` is [areas, hours], areas in
    the order of :meth:`Region.unit_areas`. ``sentinels`` are the sentinel groups met, ``unplaced`` the incidents of no
    area: both are not scored.
    """

    first: int
    hours: int
    counts: Mapping[tuple[str, str], Counts]
    sentinels: tuple[str, ...]
    unplaced: int

    @property
    def end(self) -> int:
        """Hour after the last."""
        return self.first + self.hours

    def between(self, unit: tuple[str, str], first: int, end: int) -> Counts:
        """Counts of a unit in [first, end), hours since the epoch, [areas, hours]; what is missing is 0."""
        table = self.counts[unit]
        inside = table[:, max(first - self.first, 0) : max(end - self.first, 0)]
        before = max(min(self.first, end) - first, 0)
        after = end - first - before - inside.shape[1]
        return np.pad(inside, ((0, 0), (before, after))) if before or after else inside


def hour_of(text: str) -> int:
    """
    Hours since the epoch of the start of an hour, ISO 8601; without a zone it is UTC.

    >>> hour_of("1970-01-02T01:00Z"), hour_of("1970-01-02T03:00:00+02:00"), hour_of("1970-01-02")
    (25, 25, 24)

    Raises
    ------
    ValueError
        No time, or not the start of an hour.

    """
    at = dt.datetime.fromisoformat(text)
    seconds = (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).timestamp()
    hour, rest = divmod(seconds, 3600)
    if rest:
        raise ValueError(f"{text} is not the start of an hour")
    return int(hour)


def iso_hour(hour: int) -> str:
    """
    The start of an hour since the epoch, ISO 8601 UTC.

    >>> iso_hour(25)
    '1970-01-02T01:00:00Z'
    """
    return dt.datetime.fromtimestamp(hour * 3600, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _opened(path: Path, told: Told) -> Iterator[TextIO]:
    """The text of a file, plain or gzip by name, telling how many of its bytes have been read."""
    try:
        with path.open("rb") as raw:
            whole = gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw
            yield _Lines(whole, raw.tell, told)  # type: ignore[misc]  # csv asks for lines, no more
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path.name} can't be read: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: byte 0x{error.object[error.start]:02x} is not UTF-8") from error


class _Lines:
    """Lines of a binary file as text."""

    def __init__(self, lines: Iterable[bytes], place: Callable[[], int], told: Told) -> None:
        self._lines, self._place, self._told = lines, place, told

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines):
            if number % TOLD_EVERY == 0:
                self._told(self._place())
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def read_hours(path: Path, region: Region, told: Told = lambda _: None) -> Hours:
    """
    Read an hours file of *region*.

    Raises
    ------
    UsageError
        One line that names file, row and column of the first mistake.

    """
    reader = _Reader(path.name, region)
    with _opened(path, told) as lines:
        records = csv.reader(lines, strict=True)
        try:
            reader.header(next(records, []))
            reader.read(records)
        except csv.Error as error:
            raise UsageError(f"{path.name}, line {records.line_num}: {error}") from error
    return reader.counted()


class _Reader:
    """Cells of the file as three columns of numbers, until the span of hours is known."""

    def __init__(self, file: str, region: Region) -> None:
        self._file = file
        self._region = region
        self._levels = {area.code: area.level for area in region.areas}
        self._number = {code: k for level in region.levels for k, code in enumerate(region.unit_areas(level))}
        self._old: dict[str, list[str]] = {level: [] for level in region.levels}
        for old, parts in sorted(region.succession.items()):
            level = self._levels[parts[0].new]
            self._levels[old] = level
            self._number[old] = len(region.unit_areas(level)) + len(self._old[level])
            self._old[level].append(old)
        self._units: dict[tuple[str, str], tuple[array[int], array[int], array[int]]] = {}
        self._cells: dict[tuple[str, ...], tuple[tuple[array[int], array[int], array[int]], int]] = {}
        self._hours: dict[str, int] = {}
        self._columns: list[str] = []
        self._level: tuple[str, ...] = ()
        self._sentinels: set[str] = set()
        self._unplaced = 0

    def header(self, names: Sequence[str]) -> None:
        self._columns = [name.strip() for name in names]
        for name in NEEDED:
            if name not in self._columns:
                header = ",".join(self._columns) or "empty"
                raise UsageError(f"{self._file}, row 1: column {name} is missing; the header is {header}")
        self._level = ("level",) if "level" in self._columns else ()

    def read(self, records: Iterable[Sequence[str]]) -> None:
        """Take all rows in: a dictionary look-up each for what has been met before, a check for what is new."""
        *named, hour, incidents = (self._columns.index(name) for name in ("area", "group", *self._level, *NEEDED[2:]))
        cell_of = itemgetter(*named)
        cells, hours = self._cells, self._hours
        for number, row in enumerate(records, start=2):
            try:
                columns, index = cells[cell_of(row)]
                at, count = hours[row[hour]], int(row[incidents])
            except (KeyError, ValueError, IndexError):
                if not row or not self._met(number, row):
                    continue
                columns, index = cells[cell_of(row)]
                at, count = hours[row[hour]], int(row[incidents])
            if not 0 <= count <= LARGEST:
                raise self._mistake(number, "incidents", f"{count} is not between 0 and {LARGEST}")
            if count:
                columns[0].append(index)
                columns[1].append(at)
                columns[2].append(count)

    def _mistake(self, number: int, column: str, what: str) -> UsageError:
        return UsageError(f"{self._file}, row {number}, column {column}: {what}")

    def _met(self, number: int, row: Sequence[str]) -> bool:
        """Check a row whose area, group or hour is new; False if it is of nothing that is scored."""
        if len(row) != len(self._columns):
            width = len(self._columns)
            raise UsageError(f"{self._file}, row {number}: {len(row)} cells, but the header has {width}")
        named = dict(zip(self._columns, row, strict=True))
        hour = self._hour(number, named["hour"])
        if not named["incidents"].strip().isdigit():
            raise self._mistake(number, "incidents", f"{named['incidents']!r} is not a whole number")
        area, group = named["area"].strip(), named["group"].strip()
        if group not in self._region.groups:
            known = ", ".join(self._region.groups)
            raise self._mistake(number, "group", f"{group!r} is no group of region {self._region.name} ({known})")
        if area == UNKNOWN_AREA:
            self._unplaced += int(named["incidents"])
            return False
        if area not in self._levels:
            raise self._mistake(number, "area", f"{area!r} is no area of region {self._region.name}")
        if named.get("level", "").strip() not in ("", self._levels[area]):
            raise self._mistake(number, "level", f"{named['level']!r}: {area} is a {self._levels[area]}")
        if group in self._region.sentinels:
            self._sentinels.add(group)
            return False
        unit = self._units.setdefault((self._levels[area], group), (array("i"), array("i"), array("i")))
        self._cells[tuple(named[name] for name in ("area", "group", *self._level))] = unit, self._number[area]
        self._hours[named["hour"]] = hour
        return True

    def _hour(self, number: int, text: str) -> int:
        try:
            return hour_of(text.strip())
        except (ValueError, OverflowError) as error:
            raise self._mistake(number, "hour", f"{text!r} is not the start of an hour, ISO 8601 UTC") from error

    def counted(self) -> Hours:
        """The rows as tables."""
        if not self._units:
            raise UsageError(f"{self._file} holds no counts of a scored group")
        first, end = min(self._hours.values()), max(self._hours.values()) + 1
        order = {level: k for k, level in enumerate(self._region.levels)}
        keys = sorted(self._units, key=lambda key: (order[key[0]], self._region.groups.index(key[1])))
        return Hours(
            first=first,
            hours=end - first,
            counts={key: self._table(key, first, end - first) for key in keys},
            sentinels=tuple(sorted(self._sentinels)),
            unplaced=self._unplaced,
        )

    def _table(self, key: tuple[str, str], first: int, hours: int) -> Counts:
        level, group = key
        areas, at, counts = (np.frombuffer(column, dtype=np.int32) for column in self._units.pop(key))
        today = len(self._region.unit_areas(level))
        codes = (*self._region.unit_areas(level), *self._old[level])
        cells = areas.astype(np.int64) * hours + (at - first)
        met, often = np.unique(cells, return_counts=True)
        if len(met) < len(cells):
            area, hour = divmod(int(met[often > 1][0]), hours)
            twice = f"area {codes[area]}, group {group}, hour {iso_hour(first + hour)}"
            raise UsageError(f"{self._file}: {twice} is there twice")
        now = cells < today * hours
        table = np.zeros((today, hours), dtype=np.uint16)
        table.ravel()[cells[now]] = counts[now]
        for old in np.unique(areas[~now]):
            mine = areas == old
            self._carry(
                table, codes[old], group, first, np.bincount(at[mine] - first, counts[mine], hours).astype(np.int64)
            )
        return table

    def _carry(self, table: Counts, old: str, group: str, first: int, counts: npt.NDArray[np.int64]) -> None:
        """Give the counts of an area that is no more to those that followed it."""
        parts = self._region.succession[old]
        level = self._levels[old]
        shared = dealt(counts, first, parts, f"{old}|{group}")
        for part, given in zip(parts, shared, strict=True):
            number = self._region.unit_areas(level).index(part.new)
            total = table[number] + given
            if total.max() > LARGEST:
                raise UsageError(f"{self._file}: {part.new} has more than {LARGEST} incidents in one hour")
            table[number] = total


def with_whole(hours: Hours, region: Region) -> Hours:
    """The same with the sums over the partition level, where *region* is watched as a whole too."""
    if not region.whole:
        return hours
    sums = {
        (WHOLE_LEVEL, group): _summed(table, group)
        for (level, group), table in hours.counts.items()
        if level == region.partition_level
    }
    return replace(hours, counts={**hours.counts, **sums})


def _summed(table: Counts, group: str) -> Counts:
    total = table.sum(axis=0, dtype=np.int64, keepdims=True)
    if total.max(initial=0) > LARGEST:
        raise UsageError(f"the whole region has more than {LARGEST} incidents of {group} in one hour")
    counts: Counts = total.astype(np.uint16)
    return counts


def write_hours(path: Path, counts: Iterable[HourCount]) -> None:
    """Write an hours file, gzip by name, lines sorted by area, group and hour; hours without incidents are left out."""
    rows = sorted((c.area, c.group, iso_hour(c.hour // HOUR), c.incidents, c.level, c.victims) for c in counts)
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for row in rows if row[3])

"""Tables of monthly counts into one panel: months told twice, truncated months, areas that the region lacks."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from schemas.errors import UsageError
from streams.core.geography import Region
from streams.core.taxonomy import spelling
from streams.review.months import Month, iso, month
from streams.review.panel import Counts, Panel, Provenance, Recording
from streams.review.profile import MonthlyProfile, fitting

TRUNCATED = 0.2
"""A month with less than this share of the usual count of all rows together is not whole."""
LONGEST_DELAY = 60
"""Months; what was recorded later is counted at this delay."""
NAMED = 5
"""So many of the places that are in no area are named."""
EARLIEST = month("1950-01")
"""Before this a month is a placeholder."""

Told = Callable[[str, int, int], None]
"""Told a file's name, bytes read and bytes in all."""


class Cell(NamedTuple):
    """What one row tells of one month, or of all months of a wide table."""

    label: str
    place: str
    first: Month
    counts: Counts
    recorded: Month | None


class Table(NamedTuple):
    """One file, read: its profile, months [first, end), cells, and rows that name no month."""

    profile: MonthlyProfile
    first: Month
    end: Month
    cells: list[Cell]
    dateless: int


def read_monthly(
    files: Sequence[Path],
    profile: MonthlyProfile,
    region: Region,
    first: Month,
    end: Month,
    told: Told = lambda *_: None,
) -> Panel:
    """
    Read tables of the same source into one panel of the months [first, end) that they tell.

    A month that two files tell is taken from the one that tells more.

    Raises
    ------
    UsageError
        A file can't be read, is not as the profile says, or tells no month of the period; one line.

    """
    tables = [_table(path, profile, told) for path in files]
    begun = _recording_begun(tables)
    chosen, notes = _chosen(tables, max(first, begun), end)
    if begun > first:
        notes.append(f"recording begins with {iso(begun)}: what happened before is not whole, and left out")
    if not chosen:
        has = ", ".join(f"{table.first and iso(table.first)} to {iso(table.end - 1)}" for table in tables)
        raise UsageError(f"no month from {iso(first)} to {iso(end - 1)} in {files[0].name} (it has {has})")
    return _Counting(tables[0].profile, region, chosen, notes, files).panel(tables)


def _chosen(tables: Sequence[Table], first: Month, end: Month) -> tuple[dict[Month, int], list[str]]:
    """Which table tells which month, and what is to be said of those that none tells well."""
    totals = [_totals(table) for table in tables]
    usual = float(np.median([total for each in totals for total in each.values()]))
    chosen: dict[Month, int] = {}
    for number, total in enumerate(totals):
        for at, count in total.items():
            if first <= at < end and (at not in chosen or count > totals[chosen[at]][at]):
                chosen[at] = number
    short = sorted(at for at, number in chosen.items() if totals[number][at] < TRUNCATED * usual)
    notes = [f"{iso(at)} is left out: {totals[chosen[at]][at]:,} records, {usual:,.0f} are usual" for at in short]
    return {at: number for at, number in sorted(chosen.items()) if at not in set(short)}, notes


def _recording_begun(tables: Sequence[Table]) -> Month:
    """The first month in which anything was recorded, where tables tell that; else the first of all."""
    recorded = [cell.recorded for table in tables for cell in table.cells if cell.recorded is not None]
    return min(recorded, default=0)


def _totals(table: Table) -> dict[Month, int]:
    total = np.zeros(table.end - table.first, dtype=np.int64)
    for cell in table.cells:
        total[cell.first - table.first : cell.first - table.first + len(cell.counts)] += cell.counts
    return {table.first + k: int(count) for k, count in enumerate(total)}


class _Counting:
    """Adds cells up, by group and area."""

    def __init__(
        self,
        profile: MonthlyProfile,
        region: Region,
        chosen: Mapping[Month, int],
        notes: Sequence[str],
        files: Sequence[Path],
    ) -> None:
        self._profile, self._region, self._chosen, self._notes, self._files = profile, region, chosen, notes, files
        self._first, self._end = min(chosen), max(chosen) + 1
        self._areas = tuple(a.code for a in region.areas if a.level == profile.level) if profile.level else ()
        if profile.level and not self._areas:
            raise UsageError(f"region {region.name} has no level {profile.level!r}, which the profile counts by")
        self._groups = self._possible()
        self._place = _Places(region, profile, self._areas)
        self._of_label: dict[str, tuple[int, ...]] = {}
        self._named = np.zeros(len(self._areas), dtype=np.bool_)

    def _possible(self) -> tuple[str, ...]:
        return tuple(self._profile.groups) if self._profile.groups else self._region.groups

    def panel(self, tables: Sequence[Table]) -> Panel:
        months = self._end - self._first
        counts = np.zeros((len(self._groups), len(self._areas), months), dtype=np.int64)
        elsewhere = np.zeros((len(self._groups), months), dtype=np.int64)
        labels: dict[str, Counts] = defaultdict(lambda: np.zeros(months, dtype=np.int64))
        delays = {group: np.zeros((months, LONGEST_DELAY + 1), dtype=np.int64) for group in self._groups}
        for number, table in enumerate(tables):
            for cell in table.cells:
                begin, part = self._taken(cell, number)
                area = self._place(cell.place)
                if area is not None:
                    self._named[area] = True
                if not part.any():
                    continue
                at = slice(begin, begin + len(part))
                labels[cell.label][at] += part
                for group in self._groups_of(cell.label):
                    if area is None:
                        elsewhere[group, at] += part
                    else:
                        counts[group, area, at] += part
                    if cell.recorded is not None:
                        late = min(max(cell.recorded - cell.first, 0), LONGEST_DELAY)
                        delays[self._groups[group]][begin, late] += int(part.sum())
        return self._made(counts, elsewhere, dict(labels), delays, tables)

    def _taken(self, cell: Cell, number: int) -> tuple[int, Counts]:
        """The months of a cell that its table tells, from the panel's month on."""
        begin = max(cell.first, self._first)
        end = min(cell.first + len(cell.counts), self._end)
        if begin >= end:
            return 0, np.zeros(0, dtype=np.int64)
        part = cell.counts[begin - cell.first : end - cell.first].copy()
        for k in range(end - begin):
            if self._chosen.get(begin + k) != number:
                part[k] = 0
        return begin - self._first, part

    def _silent(self) -> frozenset[str]:
        """Areas that no row names."""
        return frozenset(code for code, named in zip(self._areas, self._named, strict=True) if not named)

    def _groups_of(self, label: str) -> tuple[int, ...]:
        if label not in self._of_label:
            names = self._profile.groups_of(label, self._region.taxonomy)
            self._of_label[label] = tuple(self._groups.index(name) for name in names if name in self._groups)
        return self._of_label[label]

    def _made(
        self,
        counts: Counts,
        elsewhere: Counts,
        labels: dict[str, Counts],
        delays: Mapping[str, Counts],
        tables: Sequence[Table],
    ) -> Panel:
        met = [k for k in range(len(self._groups)) if counts[k].any() or elsewhere[k].any()]
        if not met:
            raise UsageError(f"{self._files[0].name} holds nothing that the region's groups count")
        groups = tuple(self._groups[k] for k in met)
        recorded = [cell.recorded for table in tables for cell in table.cells if cell.recorded is not None]
        return Panel(
            groups=groups,
            level=self._profile.level,
            areas=tuple(code for code, named in zip(self._areas, self._named, strict=True) if named),
            first=self._first,
            counts=counts[met][:, self._named],
            elsewhere=elsewhere[met],
            labels=labels,
            excluded=tuple(at for at in range(self._first, self._end) if at not in self._chosen),
            provenance=Provenance(
                source=self._profile.source,
                licence=self._profile.licence,
                files=tuple((path.name, digest(path)) for path in self._files),
                notes=(*self._notes, *self._said(tables, elsewhere, labels)),
            ),
            recording=Recording(by_delay={g: delays[g] for g in groups}, until=max(recorded) + 1) if recorded else None,
        )

    def _said(self, tables: Sequence[Table], elsewhere: Counts, labels: Mapping[str, Counts]) -> Iterator[str]:
        dateless = sum(table.dateless for table in tables)
        if dateless:
            yield f"{dateless:,} records name no month in which they happened, or a placeholder, and are in no figure"
        if self._areas and elsewhere.any():
            where = ", ".join(self._place.unknown())
            yield f"{int(elsewhere.sum()):,} incidents are in no area ({where}): they are in the region's totals only"
        codes = self._silent()
        silent = [area.name for area in self._region.areas if area.code in codes]
        if silent:
            yield f"the source names no incident of {', '.join(said_few(silent))}: nothing is known there"
        uncounted = [label for label in labels if label and not self._groups_of(label)]
        if uncounted:
            yield f"not counted as violence: {', '.join(sorted(spelling(label) for label in uncounted))}"


class _Places:
    """The area that a cell's place means, by code, by the crosswalk, or by name inside the area around it."""

    def __init__(self, region: Region, profile: MonthlyProfile, areas: Sequence[str]) -> None:
        at = {code: number for number, code in enumerate(areas)}
        names = {area.code: area.name for area in region.areas}
        self._known: dict[str, int] = {spelling(code): number for code, number in at.items()}
        for code, target in region.crosswalk.items():
            if target in at:
                self._known[spelling(code)] = at[target]
        for area in region.areas:
            if area.code in at:
                around = f"{names.get(area.parent, '')}|" if profile.within else ""
                self._known.setdefault(spelling(f"{around}{area.name}"), at[area.code])
        self._unknown: dict[str, None] = {}

    def __call__(self, place: str) -> int | None:
        found = self._known.get(spelling(place))
        if found is None:
            self._unknown[place.strip("|").replace("|", ", ") or "no area named"] = None
        return found

    def unknown(self) -> Sequence[str]:
        """The first few places that are in no area."""
        return said_few(sorted(self._unknown))


def said_few(names: Sequence[str]) -> Sequence[str]:
    """The first few names, and how many more there are."""
    return names if len(names) <= NAMED else [*names[:NAMED], f"{len(names) - NAMED} more"]


def _table(path: Path, profile: MonthlyProfile, told: Told) -> Table:
    with _opened(path) as (lines, at):
        records = csv.reader(lines, strict=True)
        try:
            header = [name.strip() for name in next(records, [])]
            fits = fitting(profile, header, path.name)
            reader = _Wide if fits.shape == "wide" else _Long
            return reader(path.name, fits, header).read(_told(records, path, at, told))
        except csv.Error as wrong:
            raise UsageError(f"{path.name}, line {records.line_num}: {wrong}") from wrong


def _told(records: Iterable[list[str]], path: Path, at: Callable[[], int], told: Told) -> Iterator[list[str]]:
    whole = path.stat().st_size
    for number, row in enumerate(records):
        if number % 2_000 == 0:
            told(path.name, at(), whole)
        if row:
            yield row
    told(path.name, whole, whole)


class _Rows:
    """What both shapes have in common: columns by name, and mistakes by line."""

    def __init__(self, file: str, profile: MonthlyProfile, header: Sequence[str]) -> None:
        self._file, self._profile, self._header = file, profile, header
        self._at = {name: number for number, name in enumerate(header)}

    def _label(self, row: Sequence[str]) -> str:
        return row[self._at[self._profile.category]].strip() if self._profile.category else ""

    def _place(self, row: Sequence[str]) -> str:
        if not self._profile.area:
            return ""
        area = row[self._at[self._profile.area]].strip()
        return f"{row[self._at[self._profile.within]].strip()}|{area}" if self._profile.within else area

    def _counts(self, row: Sequence[str]) -> bool:
        return all(row[self._at[column]].strip() == said for column, said in self._profile.only.items())

    def _mistake(self, line: int, column: str, what: str) -> UsageError:
        return UsageError(f"{self._file}, row {line}, column {column!r}: {what}")

    def _whole(self, line: int, row: Sequence[str]) -> None:
        if len(row) != len(self._header):
            raise UsageError(f"{self._file}, row {line}: {len(row)} cells, the header has {len(self._header)}")


class _Wide(_Rows):
    """A column a month."""

    def read(self, records: Iterable[Sequence[str]]) -> Table:
        months = {number: at for number, name in enumerate(self._header) if (at := _month_or_none(name)) is not None}
        if not months:
            raise UsageError(f"{self._file}: no column is a month, such as 201004 or 2010-04")
        first, end = min(months.values()), max(months.values()) + 1
        cells = []
        for line, row in enumerate(records, 2):
            self._whole(line, row)
            if self._counts(row):
                counts = np.zeros(end - first, dtype=np.int64)
                for number, at in months.items():
                    counts[at - first] = self._number(line, self._header[number], row[number])
                cells.append(Cell(self._label(row), self._place(row), first, counts, None))
        return Table(self._profile, first, end, cells, 0)

    def _number(self, line: int, column: str, text: str) -> int:
        try:
            value = int(text or 0)
        except ValueError:
            value = -1
        if value < 0:
            raise self._mistake(line, column, f"{text!r} is no count")
        return value


class _Long(_Wide):
    """A row a month."""

    def read(self, records: Iterable[Sequence[str]]) -> Table:
        profile, cells, dateless = self._profile, [], 0
        for line, row in enumerate(records, 2):
            self._whole(line, row)
            if not self._counts(row):
                continue
            count = self._number(line, profile.count, row[self._at[profile.count]])
            at = _month_or_none(row[self._at[profile.month]])
            if at is None or at < EARLIEST:
                dateless += count
                continue
            recorded = _month_or_none(row[self._at[profile.recorded]]) if profile.recorded else None
            cells.append(Cell(self._label(row), self._place(row), at, np.array([count], dtype=np.int64), recorded))
        if not cells:
            raise UsageError(f"{self._file} holds no row that counts")
        return Table(profile, min(c.first for c in cells), max(c.first for c in cells) + 1, cells, dateless)


def _month_or_none(text: str) -> Month | None:
    try:
        return month(text)
    except ValueError:
        return None


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[TextIO, Callable[[], int]]]:
    """The text of a file, plain or gzip by name, and how many of its bytes have been read."""
    try:
        with path.open("rb") as raw:
            if path.name.endswith(".gz"):
                with gzip.open(raw, "rt", encoding="utf-8-sig", newline="") as lines:
                    yield lines, raw.tell
            else:
                yield io.TextIOWrapper(raw, "utf-8-sig", newline=""), raw.tell
    except (OSError, EOFError, zlib.error) as wrong:
        raise UsageError(f"{path.name} can't be read: {getattr(wrong, 'strerror', None) or wrong}") from wrong
    except UnicodeDecodeError as wrong:
        raise UsageError(f"{path.name}: byte 0x{wrong.object[wrong.start]:02x} is not UTF-8") from wrong

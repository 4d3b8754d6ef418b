"""Rows of a CSV file: each with its line, and what is no row told apart without harm to the rest."""

from __future__ import annotations

import csv
import difflib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.errors import UsageError
from schemas.events import Reason


class Row(NamedTuple):
    """The cells of one record, and the line that it begins in (from 1, the header among them)."""

    line: int
    cells: list[str]


class Broken(NamedTuple):
    """A line that is no record of the table: why, and its text."""

    reason: Reason
    detail: str
    line: int
    raw: str


_DELIMITERS = (",", ";", "\t", "|")


class CsvTable:
    """
    A CSV file, its header read.

    Parameters
    ----------
    path
        For messages.
    lines
        Of the file, with their ends.
    delimiter
        None to tell by the header: that one of comma, semicolon, tab and bar that finds most of *columns*.
    columns
        Names that are looked for.

    Raises
    ------
    UsageError
        The header can't be read.

    """

    def __init__(self, path: Path, lines: Iterator[str], delimiter: str | None, columns: Sequence[str]) -> None:
        self._path = path
        self._lines = _Lines(lines)
        first = next(lines)
        self.delimiter = delimiter or max(_DELIMITERS, key=lambda each: len({*columns} & {*_cells(path, first, each)}))
        self.header = _cells(path, first, self.delimiter)

    def positions(self, needed: Sequence[str], known: Sequence[str], *, closed: bool) -> dict[str, int]:
        """
        Where each column stands.

        Parameters
        ----------
        needed
            Columns that must be there.
        known
            Columns that may be there.
        closed
            Whether no other may be there.

        Raises
        ------
        UsageError
            A needed column is missing, one is not known although the table is closed, or a known one is there twice.

        """
        where = f"{self._path} line 1"
        for column in needed:
            if column not in self.header:
                hint = _near(column, self.header) or f"there are {', '.join(self.header)}"
                raise UsageError(f"{where}: no column {column}: {hint}")
        for column in self.header:
            if column in known and self.header.count(column) > 1:
                raise UsageError(f"{where}: column {column} is there twice")
            if closed and column not in known:
                hint = _near(column, known) or "leave it out, or write a profile"
                raise UsageError(f"{where}: column {column!r} is not known: {hint}")
        return {column: index for index, column in enumerate(self.header)}

    def rows(self) -> Iterator[Row | Broken]:
        """Each record, or line that is none; blank lines are passed over."""
        lines, width = self._lines, len(self.header)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._given_up(str(error))
                continue
            if len(cells) == width:
                yield Row(lines.number, cells)
            elif cells:
                yield self._given_up(f"{len(cells)} columns, and the header has {width}")

    def _given_up(self, why: str) -> Broken:
        """The first line of a broken record; its following lines are read again as records of their own."""
        number, line, is_torn = self._lines.give_up()
        if is_torn:
            return Broken(Reason.TRUNCATED, f"the file ends within this line: {why}", number, line)
        if len(line) > csv.field_size_limit():
            return Broken(Reason.OVERSIZED, f"a cell has more than {csv.field_size_limit()} characters", number, line)
        why = why.replace("unexpected end of data", "a quote is not closed")
        return Broken(Reason.CORRUPT, why, number, line)


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _cells(path: Path, line: str, delimiter: str) -> list[str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise UsageError(f"{path} line 1: the header can't be read: {error}") from error
    if not any(cells):
        raise UsageError(f"{path} line 1: expected a header with the names of the columns")
    return cells


class _Lines:
    """Lines for the reader of records, which can be put back from the second line of a record on."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._held: list[str] = []
        self.number = 2
        """Of the first line of the present record; the header is line 1."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._held.append(line)
        return line

    def begin(self) -> None:
        """Whatever has been read is a record that is done with."""
        self.number += len(self._held)
        self._held.clear()

    def give_up(self) -> tuple[int, str, bool]:
        """Number and text of the record's first line, and whether the file ends in it without an end of line."""
        first = self._held.pop(0)
        self._again.extendleft(reversed(self._held))
        self._held = [first]
        is_torn = not self._again and not first.endswith(("\n", "\r"))
        return self.number, first, is_torn

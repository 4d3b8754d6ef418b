"""Tables of a pack: CSV in UTF-8 with a header row, plain or gzip by name, and mistakes that name their cell."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: file, number as a spreadsheet counts (the header is row 1), and cells by column."""

    file: str
    number: int
    cells: Mapping[str, str]

    def mistake(self, column: str, what: str) -> UsageError:
        """A mistake in one cell."""
        return UsageError(f"{self.file}, row {self.number}, column {column}: {what}")

    def text(self, column: str) -> str:
        """The cell without surrounding space; "" if empty."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        """The cell; refused if empty."""
        text = self.text(column)
        if not text:
            raise self.mistake(column, "is empty")
        return text

    def decimal(self, column: str, low: float, high: float) -> float | None:
        """The cell as a number in [low, high]; None if empty."""
        text = self.text(column)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError as error:
            raise self.mistake(column, f"{text!r} is not a number") from error
        if not (math.isfinite(number) and low <= number <= high):
            raise self.mistake(column, f"{text} is not between {low:g} and {high:g}")
        return number

    def whole(self, column: str, low: int) -> int | None:
        """The cell as a whole number of at least *low*; None if empty."""
        text = self.text(column)
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or int(text) < low:
            raise self.mistake(column, f"{text!r} is not a whole number of at least {low}")
        return int(text)

    def words(self, column: str) -> tuple[str, ...]:
        """The cell split at ``|``, each word without surrounding space."""
        return tuple(word.strip() for word in self.text(column).split("|") if word.strip())


def find(folder: Path, name: str) -> Path | None:
    """The file *name* in *folder*, plain or as ``name.gz``; both at once is a mistake."""
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file() and packed.is_file():
        raise UsageError(f"{plain} and {packed.name} are both there; keep one of them")
    return plain if plain.is_file() else packed if packed.is_file() else None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, plain or gzip by name; a byte order mark is dropped."""
    try:
        data = path.read_bytes()
        content = gzip.decompress(data) if path.name.endswith(".gz") else data
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path.name} can't be read: {error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        wrong = content[error.start]
        raise UsageError(f"{path.name}, row {row}: byte 0x{wrong:02x} is not UTF-8; save the file as UTF-8") from error


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """Each row of a CSV file that has at least the columns *needed*; empty lines are passed over."""
    records = _records(path)
    header = [name.strip() for name in next(records, [])]
    _check_header(path.name, header, needed)
    for number, record in enumerate(records, start=2):
        if len(record) > len(header):
            raise UsageError(f"{path.name}, row {number}: {len(record)} cells, but the header has {len(header)}")
        if record:
            yield Row(path.name, number, {name: cell.strip() for name, cell in zip(header, record, strict=False)})


def _records(path: Path) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise UsageError(f"{path.name}, line {reader.line_num}: {error}") from error


def _check_header(file: str, header: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in header]
    if missing:
        raise UsageError(f"{file}, row 1: column {missing[0]} is missing; the header is {','.join(header) or 'empty'}")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{file}, row 1: column {twice} is there twice")


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file as this module reads it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

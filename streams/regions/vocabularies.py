"""``schemes/*.csv``: what the words of each source mean, those shared by all packs and a pack's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from streams.core.taxonomy import CATEGORIES, FLAGS, GROUPS, Entry, Meaning, spelling
from streams.regions.tables import Row, read_rows

FOLDER = "schemes"
COLUMNS = ("scheme", "code", "category")
SHARED = Path(__file__).parent / FOLDER
_SCHEME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def own_schemes(pack: Path, groups: Collection[str]) -> tuple[Entry, ...]:
    """Entries of the schemes that the pack itself ships; *groups* are those that its region counts."""
    return tuple(_entries(pack / FOLDER, groups))


def read_schemes(pack: Path, groups: Collection[str]) -> tuple[Entry, ...]:
    """
    Entries of the shared schemes and of the pack's own.

    A scheme that the pack ships takes the place of the shared scheme of that name as a whole, so that what a code
    means stands in one folder.
    """
    own = own_schemes(pack, groups)
    replaced = {spelling(entry.scheme) for entry in own}
    shared = [entry for entry in _entries(SHARED, groups) if spelling(entry.scheme) not in replaced]
    return (*shared, *own)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.csv*") if path.name.endswith((".csv", ".csv.gz")))


def _entries(folder: Path, groups: Collection[str]) -> Iterator[Entry]:
    seen: dict[tuple[str, str], Row] = {}
    for row in _rows(folder):
        entry = _entry(row, groups)
        key = spelling(entry.scheme), spelling(entry.code)
        if key in seen:
            before = seen[key]
            raise row.mistake("code", f"{entry.code} of {entry.scheme} is also in {before.file}, row {before.number}")
        seen[key] = row
        yield entry


def _rows(folder: Path) -> Iterable[Row]:
    for path in _files(folder):
        for row in read_rows(path, COLUMNS):
            yield Row(f"{FOLDER}/{row.file}", row.number, row.cells)


def _entry(row: Row, groups: Collection[str]) -> Entry:
    scheme, code, category = row.needed("scheme"), row.needed("code"), row.needed("category")
    if not _SCHEME.fullmatch(scheme):
        raise row.mistake("scheme", f"{scheme!r} is not a word of letters, digits, _, . and -")
    if "*" in code[:-1]:
        raise row.mistake("code", f"{code}: * may only be the last character")
    if category not in CATEGORIES:
        raise row.mistake("category", f"{category} is not known; known are {', '.join(CATEGORIES)}")
    counted = _known(row, "groups", {*GROUPS, *groups})
    return Entry(scheme, code, Meaning(category, counted, _known(row, "flags", FLAGS)))


def _known(row: Row, column: str, known: Collection[str]) -> tuple[str, ...]:
    words = row.words(column)
    stranger = next((word for word in words if word not in known), None)
    if stranger is not None:
        raise row.mistake(column, f"{stranger} is not known; known are {', '.join(sorted(known))}")
    return tuple(sorted(set(words)))

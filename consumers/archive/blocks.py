"""Blocks of a partition, as files: the same records make the same files."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from consumers.archive.rows import Row
from consumers.disk import put_in_place
from schemas.events import Millis

BLOCK = 20_000
"""Offsets of a block."""
_NAME = re.compile(r"p(\d+)-(\d+)\.parquet")


def month(at: Millis) -> str:
    """
    Month of an instant, in UTC.

    >>> month(1_700_000_000_000)
    '2023-11'
    """
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).strftime("%Y-%m")


def first_of(offset: int) -> int:
    """
    First offset of the block that an offset belongs to.

    >>> first_of(19_999), first_of(20_000)
    (0, 20000)
    """
    return offset - offset % BLOCK


@dataclass(slots=True)
class Block:
    """The rows of one block so far, by month; ``changed`` are the months that its files do not have yet."""

    partition: int
    first: int
    months: dict[str, list[Row]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def add(self, at: Millis, row: Row) -> None:
        """Take a row in."""
        where = month(at)
        self.months.setdefault(where, []).append(row)
        self.changed.add(where)


class Folder:
    """
    The files of one topic.

    Parameters
    ----------
    root
        The archive.
    topic
        Catalogue id of the topic.
    columns
        Of its rows.

    """

    def __init__(self, root: Path, topic: str, columns: pa.Schema) -> None:
        self.path = root / topic
        self._columns = columns

    def write(self, block: Block) -> None:
        """Write what has changed, each file aside and then in the place of its shorter self."""
        for where in sorted(block.changed):
            target = self.path / f"month={where}" / f"p{block.partition}-{block.first:012d}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = target.with_suffix(".part")
            pq.write_table(pa.Table.from_pylist(block.months[where], self._columns), aside, compression="zstd")
            put_in_place(aside, target)
        block.changed.clear()

    def next_offset(self, partition: int) -> int | None:
        """Where to go on: at the beginning of the last block, which may be half; None where nothing is archived."""
        return max((first for found, first in self._blocks() if found == partition), default=None)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        for path in self.path.glob("month=*/*.parquet"):
            named = _NAME.fullmatch(path.name)
            if named is not None:
                yield int(named[1]), int(named[2])

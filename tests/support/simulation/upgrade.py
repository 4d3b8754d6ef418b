"""Restarts with other code: a version of a stage whose rows have another format, and that reads the rows before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.core.stage import Marker, Output, Record, Renew, Row, Rows, Stage


def wrapped(row: Row) -> Row:
    """A row as the next version writes it."""
    return row if row.value is None else Row(row.key, ("next", row.value))


def unwrapped(row: Row) -> Row:
    """A row as the stage knows it."""
    if row.value is None:
        return row
    mark, value = row.value
    assert mark == "next", f"{row} is of an older format"
    return Row(row.key, value)  # type: ignore[arg-type]  # as it was wrapped


def all_unwrapped(rows: Rows) -> Rows:
    """All rows of the next version as the stage knows them."""
    known = [unwrapped(Row(*each)) for each in rows.items()]
    return {key: value for key, value in known if value is not None}


class Upgraded:
    """The next version of *stage*: the same machine with other rows."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.row_format = stage.row_format + 1
        self.older_rows: Mapping[int, Renew] = {stage.row_format: wrapped}

    def apply(self, record: Record) -> Iterable[Output]:
        return self._stage.apply(record)

    def dirty(self) -> Iterable[Row]:
        return [wrapped(row) for row in self._stage.dirty()]

    def marker(self) -> Marker:
        return self._stage.marker()

    def resume_at(self, next_offset: int) -> int:
        return self._stage.resume_at(next_offset)

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        self._stage.restore(all_unwrapped(rows), marker)

"""
The worker command of a version whose rows have another format, and that reads the rows of this one.

``python -m support.faults.next_version worker --stage count``. Each row is wrapped once more; what is not unwrapped, or
unwrapped twice, is no row of any stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

from support.simulation.upgrade import all_unwrapped, wrapped

from streams import cli
from streams.core.count import Count
from streams.core.detect import Detect
from streams.core.enrich import Enrich
from streams.core.stage import Marker, Row, Rows, Stage


def with_other_rows(stage: type[Stage]) -> None:
    """Let a stage write its rows in another format, and read those of the one before."""
    dirty, restore = stage.dirty, stage.restore

    def _dirty(self: Any) -> Iterable[Row]:
        return [wrapped(row) for row in dirty(self)]

    def _restore(self: Any, rows: Rows, marker: Marker | None) -> None:
        restore(self, all_unwrapped(rows), marker)

    patch.object(stage, "dirty", _dirty).start()
    patch.object(stage, "restore", _restore).start()
    patch.object(stage, "older_rows", {stage.row_format: wrapped}).start()
    patch.object(stage, "row_format", stage.row_format + 1).start()


def main() -> None:
    for stage in (Enrich, Count, Detect):
        with_other_rows(stage)
    cli.main()


if __name__ == "__main__":
    main()

"""
An incident in the archive's files: its rows lose what tells of it and keep what is counted.

Rows are not removed: a report without its later withdrawal, or the reverse, would be a wrong count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from consumers.disk import put_in_place

ERASED = "erased"
"""In the place of the incident's id."""
_EMPTIED = {"incident_id": ERASED, "category": "", "notification": None}


def holding(root: Path, incident: str) -> Iterator[tuple[Path, int]]:
    """Files with rows of the incident, and how many."""
    for path in sorted(root.glob("incidents.enriched/*/*.parquet")):
        ids = pq.read_table(path, columns=["incident_id"], partitioning=None)["incident_id"]
        rows = cast("int", pc.sum(pc.equal(ids, incident)).as_py())
        if rows:
            yield path, rows


def overwrite(root: Path, incident: str) -> int:
    """Empty the incident's rows, each file aside and then in its place; answer how many rows there were."""
    total = 0
    for path, rows in holding(root, incident):
        table = pq.read_table(path, partitioning=None)
        emptied = [row | _EMPTIED if row["incident_id"] == incident else row for row in table.to_pylist()]
        _replace(path, pa.Table.from_pylist(emptied, table.schema))
        total += rows
    return total


def _replace(path: Path, table: pa.Table) -> None:
    aside = path.with_suffix(".erasing")
    pq.write_table(table, aside, compression="zstd")
    put_in_place(aside, path)

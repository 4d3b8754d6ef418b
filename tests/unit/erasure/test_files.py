"""An incident is taken out of real files of the archive, and no count moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry
from support import toytown
from support.enriching import enriched

from consumers.archive.keeper import Keeper
from consumers.archive.questions import Archive, Question
from consumers.erasure.files import ERASED, holding, overwrite
from consumers.loop import Place
from schemas.settings import from_env
from streams.regions.loader import load


@pytest.fixture
def root(tmp_path: Path) -> Path:
    pack = toytown.write_pack(tmp_path / "toytown")
    log, topic = list(enriched(toytown.arrivals(1), load(str(pack)))), from_env({}).catalogue()["incidents.enriched"]
    keeper = Keeper(tmp_path, [topic], {}, every=60, now=lambda: 0.0, registry=CollectorRegistry())
    keeper.take(log)
    keeper.revoked([Place("incidents.enriched", each) for each in {record.partition for record in log}])
    return tmp_path


def rows(root: Path) -> list[dict[str, object]]:
    files = sorted(root.glob("incidents.enriched/*/*.parquet"))
    return [row for path in files for row in pq.read_table(path, partitioning=None).to_pylist()]


def test_every_row_of_the_incident_is_emptied_all_others_stay_and_no_count_moves(root: Path) -> None:
    before, question = rows(root), Question(known_at=4_000_000_000_000, by="hour")
    counted, incident = Archive(root).counts(question), str(before[len(before) // 2]["incident_id"])

    emptied = overwrite(root, incident)

    assert emptied == sum(row["incident_id"] == incident for row in before) > 0
    after = rows(root)
    assert [row for row in after if row["incident_id"] != ERASED] == [
        row for row in before if row["incident_id"] != incident
    ]
    assert {row["notification"] for row in after if row["incident_id"] == ERASED} == {None}
    assert Archive(root).counts(question) == counted
    assert not list(root.glob("**/*.erasing"))


def test_no_byte_of_the_reference_is_left_in_the_files(root: Path) -> None:
    incident = str(rows(root)[0]["incident_id"])
    overwrite(root, incident)

    ref = incident.partition("|")[2]
    told = (each for row in rows(root) for each in _texts(row))
    assert not any(each in {incident, ref} for each in told)
    assert list(holding(root, incident)) == []


def test_what_is_not_there_touches_no_file(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.glob("incidents.enriched/*/*.parquet")}

    assert overwrite(root, "nobody|knows") == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    else:
        yield str(value)

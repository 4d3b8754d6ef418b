"""The archive's files are a function of the log: read again, in whatever pieces, after whatever crash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry
from support import toytown
from support.enriching import enriched

from consumers.archive.blocks import month
from consumers.archive.keeper import TOPICS, Keeper
from consumers.archive.questions import WEEK, Archive, Question
from consumers.archive.rows import WITHHELD
from consumers.loop import Place, Record
from schemas.errors import UsageError
from schemas.events import DAY
from schemas.settings import from_env
from streams.regions.loader import load

INCIDENTS = Place("incidents.enriched", 0)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Two months of the town, as its enriched topic would hold them."""
    pack = toytown.write_pack(tmp_path_factory.mktemp("pack") / "toytown")
    return list(enriched(toytown.arrivals(3), load(str(pack))))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.archive.blocks.BLOCK", 100)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def keeper(root: Path, clock: Clock) -> Keeper:
    catalogue = from_env({}).catalogue()
    topics = [catalogue[each] for each in TOPICS]
    return Keeper(root, topics, {}, every=60, now=clock, registry=CollectorRegistry())


def kept(root: Path, log: Sequence[Record], seed: int | None) -> dict[str, list[dict[str, object]]]:
    """Archive the log, with a seed in random pieces and with crashes; give what the files hold."""
    rnd, clock = random.Random(seed), Clock()
    at, running = 0, keeper(root, clock)
    running.assigned([INCIDENTS])
    while at < len(log):
        end = len(log) if seed is None else at + rnd.randrange(1, 90)
        running.take(log[at:end])
        at = end
        clock.now += rnd.choice((5, 70)) if seed is not None else 0
        running.turn()
        if seed is not None and rnd.random() < 0.2:
            running = keeper(root, clock)
            at = running.assigned([INCIDENTS]).get(INCIDENTS, 0)
    running.revoked([INCIDENTS])
    files = sorted(root.glob("incidents.enriched/*/*.parquet"))
    return {str(path.relative_to(root)): pq.read_table(path, partitioning=None).to_pylist() for path in files}


def test_every_record_is_in_one_file_of_its_month(tmp_path: Path, log: list[Record]) -> None:
    files = kept(tmp_path, log, None)

    offsets = sorted(int(str(row["archived_offset"])) for rows in files.values() for row in rows)
    assert offsets == [record.offset for record in log]
    for name, rows in files.items():
        for row in rows:
            assert f"month={month(int(row['hour'].timestamp() * 1000))}" in name  # type: ignore[attr-defined]  # a time


@pytest.mark.parametrize("seed", range(8))
def test_crashes_and_other_pieces_make_the_same_files(tmp_path: Path, log: list[Record], seed: int) -> None:
    assert kept(tmp_path / "crashed", log, seed) == kept(tmp_path / "calm", log, None)


def test_a_block_that_was_half_on_disk_is_read_again_from_its_beginning(tmp_path: Path, log: list[Record]) -> None:
    clock = Clock()
    first = keeper(tmp_path, clock)
    first.take(log[:150])
    clock.now = 61
    first.turn()

    assert keeper(tmp_path, clock).assigned([INCIDENTS]) == {INCIDENTS: 100}
    assert keeper(tmp_path / "other", clock).assigned([INCIDENTS]) == {}


def test_no_exact_place_is_in_a_file(tmp_path: Path, log: list[Record]) -> None:
    kept(tmp_path, log, None)
    path = next(tmp_path.glob("incidents.enriched/*/*.parquet"))

    assert not WITHHELD & set(pq.read_schema(path).names)
    assert not WITHHELD & {each.name for each in pq.read_schema(path).field("notification").type}


def test_what_can_not_be_read_is_passed_over(tmp_path: Path, log: list[Record]) -> None:
    spoilt = [log[0]._replace(value=value) for value in (None, b"", b"\0\0\0\0\7x", (log[0].value or b"")[:-3])]
    running = keeper(tmp_path, Clock())

    running.take([*spoilt, log[0]])
    running.revoked([INCIDENTS])

    (path,) = tmp_path.glob("incidents.enriched/*/*.parquet")
    assert pq.read_metadata(path).num_rows == 1


def test_counts_equal_a_batch_over_what_was_told(tmp_path: Path, log: list[Record]) -> None:
    kept(tmp_path, log, None)
    told = toytown.arrivals(3)
    at = told[len(told) // 2].known_at_ms
    known = [each for each in told if each.known_at_ms < at]

    found = {(each.area, each.group, each.at): each.incidents for each in Archive(tmp_path).hours(at)}

    assert found == {(area, group, hour): count for (area, _, group, hour), count in toytown.batch_hours(known).items()}


def test_an_area_of_either_level_a_group_and_a_period_can_be_asked_for(tmp_path: Path, log: list[Record]) -> None:
    kept(tmp_path, log, None)
    end, archive = toytown.START + 400 * DAY, Archive(tmp_path)
    hours = toytown.batch_hours(toytown.arrivals(3))
    begin, until = toytown.START + 7 * DAY, toytown.START + 20 * DAY

    for area in ("A", "A1"):
        question = Question(known_at=end, area=area, group="robbery", begin=begin, until=until)
        wanted = sum(
            count
            for (where, _, group, hour), count in hours.items()
            if (where, group) == (area, "robbery") and begin <= hour < until
        )
        assert sum(each.incidents for each in archive.counts(question)) == wanted > 0


def test_an_archive_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="firebreak archive"):
        Archive(tmp_path)


@pytest.mark.parametrize("settle", [0, 2 * DAY])
def test_weeks_of_sources_are_the_counts_as_known_so_long_after_each_week(
    tmp_path: Path, log: list[Record], settle: int
) -> None:
    kept(tmp_path, log, None)
    asked = Archive(tmp_path)
    hours = list(asked.hours(4_000_000_000_000))
    until = max(hour.at for hour in hours) // DAY * DAY - DAY
    areas = {area.code for area in load(str(toytown.write_pack(tmp_path / "town"))).areas if not area.parent}

    rows = list(asked.weeks_of_sources(until, 5, settle))

    assert {row.week for row in rows} == {-5, -4, -3, -2, -1}
    assert {row.area for row in rows} <= areas
    for week in range(-5, 0):
        end = until + (week + 1) * WEEK
        for area in sorted(areas):
            question = Question(known_at=end + settle, area=area, begin=end - WEEK, until=end)
            told = {each.group: each.incidents for each in asked.counts(question) if each.incidents}
            found: dict[str, int] = {}
            for row in rows:
                if (row.week, row.area) == (week, area):
                    found[row.group] = found.get(row.group, 0) + row.incidents
            assert {group: count for group, count in found.items() if count} == told

"""Which rows of the cache a record means."""

from __future__ import annotations

from pathlib import Path

import msgspec
from support import toytown
from support.alerts import area_count, opened
from support.enriching import enriched

from consumers.loop import Record
from consumers.projection.tables import FEED, WEEK, Arrived, Heard, Rows
from schemas.events import HOUR
from schemas.wire import Wire
from streams.regions.loader import load

WIRE = Wire.builtin()


def record(topic: str, value: bytes, key: bytes = b"k", offset: int = 7) -> Record:
    return Record(topic, 0, offset, 0, key, value)


def test_an_area_of_the_coarse_level_has_a_series_of_a_week() -> None:
    rows, week = Rows(WIRE, {"borough"}), WEEK * HOUR
    keys = set()
    for as_of in (0, HOUR, week, week + HOUR - 1, 2 * week):
        value = WIRE.encode(area_count(area="E1", level="borough", group="robbery", as_of=as_of))
        own, series = rows.of(record("areas.counts", value))
        assert (own.table, own.key, own.value) == ("areas.counts", b"k", value)
        keys.add(series.key)
    assert keys == {b"E1|robbery|0", b"E1|robbery|1"}


def test_a_finer_area_has_no_series() -> None:
    value = WIRE.encode(area_count(area="E1", level="ward"))
    assert [row.table for row in Rows(WIRE, {"borough"}).of(record("areas.counts", value))] == ["areas.counts"]


def test_events_are_kept_by_alert_and_place() -> None:
    value = WIRE.encode(opened(alert_id="a1"))
    (row,) = Rows(WIRE, set()).of(record("alerts.events", value))
    assert (row.key, row.version) == (b"a1|0-7", 7)


def test_incidents_tell_who_was_heard_and_the_feed_stays_small(tmp_path: Path) -> None:

    region = load(str(toytown.write_pack(tmp_path / "pack")))
    records = list(enriched(toytown.arrivals(1, 10), region))
    rows, made = Rows(WIRE, {"borough"}), []
    for each in records:
        made += list(rows.of(each))
    feed = {row.key for row in made if row.table == "feed"}
    heard = {row.key: msgspec.json.decode(row.value or b"", type=Heard) for row in made if row.table == "sources"}
    assert len(feed) == FEED
    assert {key.split(b"|")[0] for key in heard} == {b"cad", b"las"}
    assert sum(each.records for each in heard.values()) == len(records)
    last = msgspec.json.decode([row for row in made if row.table == "feed"][-1].value or b"", type=Arrived)
    assert last.area in toytown.AREAS


def test_what_can_not_be_read_means_its_own_row_only() -> None:
    (row,) = Rows(WIRE, {"borough"}).of(record("areas.counts", b"garbage"))
    assert row.table == "areas.counts"
    assert list(Rows(WIRE, {"borough"}).of(record("incidents.enriched", b"garbage"))) == []


def test_the_whole_region_has_a_series() -> None:
    value = WIRE.encode(area_count(area="london", level="region", group="robbery", as_of=0))
    assert [row.table for row in Rows(WIRE, {"region"}).of(record("areas.counts", value))] == ["areas.counts", "series"]

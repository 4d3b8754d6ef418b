"""The cache of the screens, against a real Redis: hanging, full, dead, emptied."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis
from confluent_kafka import Producer
from support.alerts import area_count
from support.redis import NoRedis, RedisServer
from support.waiting import until

from consumers.cache import Lost, Row, Store, connected
from consumers.loop import Later, Record
from consumers.projection.command import Projection
from consumers.projection.projector import HELD, Projector
from consumers.projection.tables import TABLES, Rows
from schemas.environment import Secret
from schemas.settings import Settings
from schemas.wire import Wire

ROWS = Rows(Wire.builtin(), {"borough"})


@pytest.fixture
def server() -> Iterator[RedisServer]:
    try:
        made = RedisServer()
    except NoRedis as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    with made:
        yield made


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with connected(Secret(server.url)) as made:
        yield made


@pytest.fixture
def store(client: redis.Redis) -> Store:
    return Store(client, "test", TABLES)


def record(key: bytes, offset: int, value: bytes | None) -> Record:
    return Record("areas.counts", 0, offset, 0, key, value)


def built(store: Store, *records: Record) -> Projector:
    projector = Projector(store, ROWS, "test", lambda: True)
    projector.take(records)
    projector.turn()
    return projector


def test_nothing_is_shown_before_the_ends_of_the_topics_were_reached(store: Store) -> None:
    projector = Projector(store, ROWS, "test", lambda: False)
    projector.take([record(b"a", 0, b"1")])
    projector.turn()
    assert store.rows("areas.counts") is None


def test_an_older_version_of_a_row_is_refused_and_told_to_nobody(store: Store) -> None:
    projector = built(store, record(b"a", 5, b"new"))
    projector.take([record(b"a", 4, b"old"), record(b"a", 5, b"twin")])
    assert store.rows("areas.counts") == {b"a": b"new"}
    assert len(store.changes()) == 1


def test_a_row_that_was_taken_away_does_not_come_back_by_an_older_record(store: Store) -> None:
    projector = built(store, record(b"a", 1, b"x"), record(b"a", 3, None))
    projector.take([record(b"a", 2, b"y")])
    assert store.rows("areas.counts") == {}


def test_a_restart_tells_what_is_new_and_nothing_twice(store: Store) -> None:
    built(store, record(b"a", 1, b"x"))
    last = store.changes()[-1][0]
    built(store, record(b"a", 1, b"x"), record(b"b", 2, b"y"))
    assert [row for _, _, row in store.changes(last)] == [b"b"]


def test_the_generation_before_is_read_until_the_next_is_whole_and_is_then_gone(
    store: Store, client: redis.Redis
) -> None:
    built(store, record(b"a", 1, b"x"))
    second = Projector(store, ROWS, "test", lambda: False)
    second.take([record(b"a", 2, b"y")])
    assert store.rows("areas.counts") == {b"a": b"x"}
    built(store, record(b"a", 2, b"y"))
    assert store.rows("areas.counts") == {b"a": b"y"}
    assert client.keys("fb:test:[12]:*") == []


def test_an_emptied_redis_is_noticed_without_a_record_and_built_anew(store: Store, client: redis.Redis) -> None:
    projector = built(store, record(b"a", 1, b"x"))
    client.flushall()
    assert store.rows("areas.counts") is None
    with pytest.raises(Lost):
        projector.turn()
    with pytest.raises(Lost):
        projector.take([record(b"a", 2, b"y")])
    built(store, record(b"a", 2, b"y"))
    assert store.rows("areas.counts") == {b"a": b"y"}


def test_a_dead_redis_makes_the_projector_wait_and_a_new_one_is_filled(store: Store, server: RedisServer) -> None:
    projector = built(store, record(b"a", 1, b"x"))
    server.kill()
    with pytest.raises(Later):
        projector.take([record(b"a", 2, b"y")])
    server.start()
    with pytest.raises(Lost):
        projector.take([record(b"a", 2, b"y")])
    built(store, record(b"a", 2, b"y"))
    assert store.rows("areas.counts") == {b"a": b"y"}


def test_a_hanging_redis_makes_the_projector_wait_and_loses_nothing(store: Store, server: RedisServer) -> None:
    projector = built(store, record(b"a", 1, b"x"))
    server.pause()
    with pytest.raises(Later):
        projector.take([record(b"a", 2, b"y")])
    server.resume()
    projector.take([record(b"a", 2, b"y")])
    assert store.rows("areas.counts") == {b"a": b"y"}


def test_a_full_redis_makes_the_projector_wait_and_keeps_what_it_has(store: Store, client: redis.Redis) -> None:
    projector = built(store, record(b"a", 1, b"x"))
    client.config_set("maxmemory", "1")
    with pytest.raises(Later):
        projector.take([record(b"a", 2, b"y")])
    assert store.rows("areas.counts") == {b"a": b"x"}
    client.config_set("maxmemory", "0")
    projector.take([record(b"a", 2, b"y")])
    assert store.rows("areas.counts") == {b"a": b"y"}


def test_a_second_projector_waits_until_the_first_is_gone(store: Store, client: redis.Redis) -> None:
    built(store, record(b"a", 1, b"x"))
    second = Projector(store, ROWS, "other", lambda: True)
    with pytest.raises(Later):
        second.turn()
    # what its last sign of life being long ago means
    assert 0 < client.ttl("fb:test:writer") <= HELD
    client.delete("fb:test:writer")
    second.take([record(b"a", 2, b"y")])
    second.turn()
    assert store.rows("areas.counts") == {b"a": b"y"}


def test_rows_of_two_systems_stay_apart(client: redis.Redis) -> None:
    one, other = Store(client, "one", TABLES), Store(client, "other", TABLES)
    generation = one.begin()
    one.put(generation, [Row("alerts.state", b"a", 1, b"x")])
    one.show(generation)
    assert other.rows("alerts.state") is None


def test_a_redis_that_forgets_everything_is_filled_again_from_the_topics(
    own_topics: Callable[..., Settings], server: RedisServer, client: redis.Redis
) -> None:
    settings = replace(own_topics(), redis_url=Secret(server.url))
    value = Wire.builtin().encode(area_count(area="E09000007"))
    producer = Producer(settings.kafka.librdkafka())
    producer.produce(settings.catalogue()["areas.counts"].name, value, b"E09000007|robbery", 0)
    producer.flush()
    store, projection = Store(client, settings.topic_prefix, TABLES), Projection(settings)
    thread = threading.Thread(target=projection.run)
    thread.start()
    try:
        until(lambda: store.rows("areas.counts") == {b"E09000007|robbery": value})
        client.flushall()
        until(lambda: store.rows("areas.counts") == {b"E09000007|robbery": value})
        until(lambda: projection.ready)
    finally:
        projection.stop()
        thread.join()

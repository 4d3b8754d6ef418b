"""The loop that all consumers share, on a real Kafka."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from confluent_kafka import Producer
from support.waiting import until

from consumers.health import serve
from consumers.loop import Handler, Later, Loop, Place, Record
from schemas.errors import UsageError
from schemas.settings import Settings

MakeTopics = Callable[..., Settings]
TOPIC = "alerts.events"


class Noting(Handler):
    """Notes what it is given, and fails when told to."""

    def __init__(self, kept: Mapping[Place, int] | None = None) -> None:
        self.values: list[bytes | None] = []
        self.failures = 0
        self.turns = 0
        self.gone: list[Place] = []
        self._kept = kept or {}

    def assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return {place: self._kept[place] for place in places if place in self._kept}

    def revoked(self, places: Sequence[Place]) -> None:
        self.gone += places

    def take(self, records: Sequence[Record]) -> None:
        if self.failures:
            self.failures -= 1
            raise Later("not now")
        self.values += [record.value for record in records]

    def turn(self) -> None:
        self.turns += 1


def loop_of(settings: Settings, handler: Handler, *, group: bool = True) -> Loop:
    return Loop(settings, [settings.catalogue()[TOPIC]], handler, name="noting", group=group, wait=0.05)


@contextmanager
def running(loop: Loop) -> Iterator[Loop]:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join()


def send(settings: Settings, values: Sequence[bytes], partition: int = 0, *, commit: bool = True) -> None:
    name = settings.catalogue()[TOPIC].name
    producer = Producer({**settings.kafka.librdkafka(), "transactional.id": f"{name}-test", "log_level": 0})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(name, value, b"k", partition)
    producer.flush()
    producer.commit_transaction() if commit else producer.abort_transaction()


def test_a_second_life_goes_on_where_the_first_one_ended(own_topics: MakeTopics) -> None:
    settings = replace(own_topics(), instance="one")
    send(settings, [b"1", b"2"])
    first = Noting()
    with running(loop_of(settings, first)):
        until(lambda: len(first.values) == 2)
    send(settings, [b"3"])
    second = Noting()

    with running(loop_of(settings, second)):
        until(lambda: bool(second.values))

    assert first.values == [b"1", b"2"]
    assert second.values == [b"3"]
    assert len(first.gone) == 4


def test_what_was_not_committed_by_its_sender_is_never_seen(own_topics: MakeTopics) -> None:
    settings = own_topics()
    send(settings, [b"gone"], commit=False)
    send(settings, [b"here"])
    noting = Noting()

    with running(loop_of(settings, noting)) as loop:
        until(lambda: loop.caught_up)

    assert noting.values == [b"here"]


def test_records_that_can_not_be_taken_now_come_again_in_order(own_topics: MakeTopics) -> None:
    settings = own_topics()
    send(settings, [b"%d" % number for number in range(20)])
    noting = Noting()
    noting.failures = 3

    with running(loop_of(settings, noting)) as loop:
        until(lambda: loop.caught_up and len(noting.values) == 20)

    assert noting.values == [b"%d" % number for number in range(20)]
    assert loop.registry.get_sample_value("firebreak_consumer_retries_total", {"consumer": "noting"}) == 3


def test_a_position_kept_by_the_handler_is_where_it_goes_on(own_topics: MakeTopics) -> None:
    settings = own_topics()
    send(settings, [b"1", b"2", b"3"])
    noting = Noting({Place(TOPIC, 0): 2})

    with running(loop_of(settings, noting)) as loop:
        until(lambda: loop.caught_up)

    assert noting.values == [b"3"]


def test_without_a_group_everything_is_read_at_every_start(own_topics: MakeTopics) -> None:
    settings = own_topics()
    for partition in range(4):
        send(settings, [b"x"], partition)
    lives = [Noting(), Noting()]

    for noting in lives:
        with running(loop_of(settings, noting, group=False)) as loop:
            until(lambda: loop.caught_up)

    assert [noting.values for noting in lives] == [[b"x"] * 4] * 2


def test_two_members_share_the_partitions_and_the_one_left_takes_over(own_topics: MakeTopics) -> None:
    settings = own_topics()
    one, two = Noting(), Noting()

    with running(loop_of(settings, one)) as first:
        with running(loop_of(settings, two)) as second:
            until(lambda: first.caught_up and second.caught_up)
            for partition in range(4):
                send(settings, [b"%d" % partition], partition)
            until(lambda: len(one.values) + len(two.values) == 4)
            assert len(one.values) == len(two.values) == 2
        for partition in range(4):
            send(settings, [b"again"], partition)
        until(lambda: one.values.count(b"again") == 4)


def test_a_missing_topic_is_one_clear_line(own_topics: MakeTopics) -> None:
    settings = replace(own_topics(), topic_prefix="nowhere")

    with pytest.raises(UsageError, match="firebreak topics apply"):
        loop_of(settings, Noting()).run()


def test_health_is_served_while_the_loop_runs(own_topics: MakeTopics) -> None:
    settings = own_topics()
    noting = Noting()
    loop = loop_of(settings, noting)

    def asked(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    with serve("127.0.0.1:0", loop.registry, alive=lambda: loop.alive, ready=lambda: loop.caught_up) as port:
        assert (asked("/healthz"), asked("/readyz"), asked("/nothing")) == (200, 503, 404)
        with running(loop):
            until(lambda: loop.caught_up and noting.turns > 0)
            assert (asked("/healthz"), asked("/readyz"), asked("/metrics")) == (200, 200, 200)

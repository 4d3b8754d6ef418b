"""What sources send while things go wrong: late, repeated, corrected, moved, withdrawn, and now and then poison."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from confluent_kafka import Producer, murmur2
from support.toytown import AREAS

from schemas.events import HOUR, Kind, Notification
from schemas.wire import Wire
from streams.ingest.arrival import Arrival

YEAR_2099 = 4_070_908_800_000
BREATH = 0.05
"""Seconds between two handfuls of records."""
CATEGORIES = ("violence_injury", "violence_injury", "violence_injury", "robbery_person", "homicide")
SHARES = (30, 30, 25, 14, 1)
KINDS = (Kind.UPDATED, Kind.RECLASSIFIED, Kind.CANCELLED, Kind.REINSTATED)


@dataclass(slots=True)
class Town:
    """
    Notifications of a made-up town, one after the other, from a seed.

    Parameters
    ----------
    random
        Source of all chance.
    spread
        Hours back from now that incidents lie in.
    busy
        How many incidents may still be corrected.

    """

    random: Random
    spread: int = 5
    busy: int = 500
    _open: list[Notification] = field(default_factory=list)
    _number: int = 0

    def next(self, now: int) -> Notification:
        """Something that a source says at *now*, ms: mostly a new incident."""
        chance = self.random.random()
        if self._open and chance < 0.25:
            return self._corrected(now)
        if self._open and chance < 0.30:
            return self.random.choice(self._open)
        return self._new(now)

    def alone(self, now: int, source: str) -> Notification:
        """An incident of a source of its own, never corrected."""
        return self._made(now, source)

    def _new(self, now: int) -> Notification:
        made = self._made(now, self.random.choice(("cad", "las")))
        self._remember(made)
        return made

    def _made(self, now: int, source: str) -> Notification:
        random = self.random
        self._number += 1
        return Notification(
            kind=Kind.REPORTED,
            source=source,
            source_ref=f"N{self._number:07d}",
            revision=1,
            occurred_at=now - random.randrange(self.spread) * HOUR - random.randrange(HOUR),
            published_at=now,
            longitude=None,
            latitude=None,
            area_code=self._place(),
            category=random.choices(CATEGORIES, SHARES)[0],
            scheme="firebreak",
            victims=random.choice((1, 1, 2)),
        )

    def _corrected(self, now: int) -> Notification:
        random = self.random
        at = random.randrange(len(self._open))
        kind = random.choice(KINDS)
        later = self._open[at]._replace(kind=kind, revision=self._open[at].revision + 1, published_at=now)
        if kind is Kind.UPDATED:
            later = later._replace(area_code=self._place(), victims=random.randrange(1, 4))
        if kind is Kind.RECLASSIFIED:
            later = later._replace(category=random.choice(CATEGORIES))
        self._open[at] = later
        return later

    def _place(self) -> str:
        area = self.random.choice(AREAS)
        return self.random.choice((area, f"{area}1", f"{area}2"))

    def _remember(self, made: Notification) -> None:
        if len(self._open) < self.busy:
            self._open.append(made)
        else:
            self._open[self.random.randrange(self.busy)] = made


def to_json(each: Notification) -> bytes:
    """A notification as a source writes it that knows no Avro."""
    given = {name: value for name, value in each._asdict().items() if value not in {None, ""}}
    return json.dumps(given).encode()


def poisons(wire: Wire, sound: Notification) -> Iterator[bytes | None]:
    """Values that are no notification, or one that must not be believed; for ever, each in its turn."""
    whole = wire.encode_notification(sound)
    doubtful = sound._replace(source="poison", source_ref="P")
    while True:
        yield b"\x00\x00\x00\x00\x63" + whole[5:]
        yield whole[: len(whole) // 2]
        yield b"\xff\x00garbage"
        yield b"{not json"
        yield b"\x00" * 200_000
        yield wire.encode_notification(doubtful._replace(occurred_at=YEAR_2099))
        yield wire.encode_notification(doubtful._replace(occurred_at=0))
        yield wire.encode_notification(doubtful._replace(longitude=float("nan"), latitude=51.5))


class Load:
    """
    A thread that sends.

    Parameters
    ----------
    config
        librdkafka's settings of the connection.
    topic, partitions
        The raw topic.
    seed
        Of what is sent.
    rate
        Records a second.
    poison
        Share of records that are poison.
    aborted
        Whether sending is done in transactions of which about half are aborted.
    spread
        Hours back from now that incidents lie in.
    disorder
        So many records wait, and any of them may be the next.
    as_json
        Share of records that are JSON.

    """

    def __init__(
        self,
        config: Mapping[str, str | int | float | bool],
        topic: str,
        partitions: int,
        *,
        seed: int,
        rate: float = 200.0,
        poison: float = 0.0,
        aborted: bool = False,
        spread: int = 5,
        disorder: int = 0,
        as_json: float = 0.0,
    ) -> None:
        self.rate = rate
        self.poison = poison
        self.only: int | None = None
        """The one partition that anything goes to."""
        self.sent: list[Arrival] = []
        """In the order of sending; what was aborted is not in it."""
        self.poisoned = 0
        self._extra: list[Notification] = []
        self._repeated = 0
        self._topic, self._partitions = topic, partitions
        self._random = Random(seed)
        self._town = Town(self._random, spread)
        self._disorder, self._as_json = disorder, as_json
        self._waiting: list[Notification] = []
        self._wire = Wire.builtin()
        self._poisons = poisons(self._wire, Town(Random(0)).next(1_700_000_000_000))
        self._aborted = aborted
        names = {"transactional.id": f"{topic}-load"} if aborted else {"enable.idempotence": True}
        # what was taken on must arrive, however long a broker is away: the oracle counts it
        patient = {"message.timeout.ms": 0 if not aborted else 60_000, "linger.ms": 5, "log_level": 0}
        self._producer = Producer({**config, **names, **patient, "queue.buffering.max.messages": 2_000_000})
        self._over = threading.Event()
        self._sending = threading.Lock()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        if self._aborted:
            self._producer.init_transactions(30)
        self._thread.start()

    def stop(self, within: float = 120.0) -> None:
        """End sending; everything is on the broker then."""
        if self._thread.is_alive():
            self._over.set()
            self._thread.join(within)
            for each in self._waiting:
                self._say(each, keep=True)
            self._waiting.clear()
        if self._failed is not None:
            raise self._failed
        self.flush(within)

    @property
    def records(self) -> int:
        """Notifications that were sent and not given up."""
        return len(self.sent) + self._repeated

    def burst(self, count: int) -> None:
        """Send so many at once, from the caller's thread; nothing else may send meanwhile."""
        for _ in range(count):
            self._one(keep=True)

    def repeat(self, most: int | None = None) -> None:
        """Send everything once more, in the same order, or at least so much of it; changes nothing that counts."""
        for each in self.sent[:most]:
            self._put(each.notification)
            self._repeated += 1

    def flush(self, within: float = 300.0) -> None:
        """Wait until all is on the broker."""
        left = self._producer.flush(within)
        assert left == 0, f"{left} records were not taken by the broker"

    def slow_one(self) -> None:
        """Send the one event that takes long; it counts nowhere else."""
        each = self._town.alone(int(time.time() * 1000), "SLOW")
        self._extra.append(each)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing meanwhile; all that was sent is on the broker."""
        with self._sending:
            self.flush()
            yield

    def _run(self) -> None:
        try:
            looked, due = time.monotonic(), 0.0
            while not self._over.wait(BREATH):
                with self._sending:
                    now = time.monotonic()
                    # what could not be sent in time is not made up for
                    due += min(now - looked, 1.0) * self.rate
                    looked = now
                    self._handful(int(due))
                    due -= int(due)
        except BaseException as error:
            self._failed = error

    def _handful(self, count: int) -> None:
        if not self._aborted:
            while self._extra:
                self._say(self._extra.pop(), keep=True)
            for _ in range(count):
                self._one(keep=True)
            self._producer.poll(0)
            return
        keep = self._random.random() < 0.5
        self._producer.begin_transaction()
        for _ in range(count):
            self._one(keep=keep)
        if keep:
            self._producer.commit_transaction(30)
        else:
            self._producer.flush(10)
            self._producer.abort_transaction(30)

    def _one(self, *, keep: bool) -> None:
        if self._random.random() < self.poison:
            self._poison()
            return
        now = int(time.time() * 1000)
        # one that is aborted must leave the town as it was: another one says it
        each = self._town.next(now) if keep else Town(Random(now)).next(now)
        if self._disorder and keep:
            self._waiting.append(each)
            if len(self._waiting) < self._disorder:
                return
            each = self._waiting.pop(self._random.randrange(self._disorder))
        self._say(each, keep=keep)

    def _say(self, each: Notification, *, keep: bool) -> None:
        self._put(each)
        if keep:
            self.sent.append(Arrival(each.published_at or 0, each))

    def _put(self, each: Notification) -> None:
        key = each.incident_id.encode()
        partition = int(murmur2(key, self._partitions)) if self.only is None else self.only
        as_json = self._random.random() < self._as_json
        value = to_json(each) if as_json else self._wire.encode_notification(each)
        self._send(partition, key, value)

    def _poison(self) -> None:
        self.poisoned += 1
        self._send(self._random.randrange(self._partitions), b"poison|P", next(self._poisons))

    def _send(self, partition: int, key: bytes, value: bytes | None) -> None:
        while True:
            try:
                return self._producer.produce(self._topic, value, key, partition)
            except BufferError:
                self._producer.poll(0.05)

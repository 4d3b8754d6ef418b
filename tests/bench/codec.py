"""
Cost of reading and writing one record, ours beside the Avro library's, in the same run.

    python tests/bench/codec.py

Each figure is the best of many short rounds, in µs of processor time a record; compare ratios, not machines.
"""

from __future__ import annotations

import io
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import fastavro

from schemas.definitions import schema, without_logical_types
from schemas.events import HourCount, Incident, Notification, Tick
from schemas.headers import CloudEvents
from schemas.wire import Wire

RECORDS, ROUNDS = 300, 300
NOW = 1_700_000_000_000
HOUR = 3_600_000


class Case(NamedTuple):
    """One thing that is measured."""

    name: str
    does: Callable[[Any], object]
    on: Sequence[Any]


def notifications(rnd: random.Random) -> list[Notification]:
    """Mixed reports with positions and references that never repeat."""
    return [
        Notification(
            "REPORTED",
            rnd.choice(["met.cad", "las", "btp", "ed.homerton"]),
            f"CAD {number}/{rnd.randrange(10**6)}",
            1 + rnd.randrange(3),
            NOW + number * 997,
            NOW + number * 997 + 60_000,
            -0.1 + rnd.random() / 9,
            51.5 + rnd.random() / 9,
            f"E0900{rnd.randrange(33):04d}",
            rnd.choice(["VAP-1", "ROB-2", "ABH", "GBH"]),
            "mps",
            reported_at=NOW + number * 997 + 30_000,
            event_id=f"{rnd.getrandbits(128):032x}",
            victims=rnd.choice([None, 1, 2]),
            injury=rnd.choice(["UNKNOWN", "MINOR"]),
            domestic=rnd.choice([None, True, False]),
            knife=rnd.choice([None, True, False]),
            police_generated=False,
            location_type="STREET",
        )
        for number in range(RECORDS)
    ]


def incidents(given: Sequence[Notification], wire: Wire, rnd: random.Random) -> list[Incident]:
    """What those notifications add to boroughs and wards."""
    return [
        Incident(
            "ADDED",
            3,
            100_000 + number,
            0,
            None,
            each.incident_id,
            "london",
            each.area_code or "",
            f"E0500{rnd.randrange(680):04d}",
            rnd.choice([("street_violence",), ("knife_crime", "street_violence")]),
            NOW - NOW % HOUR,
            1,
            None,
            NOW + number * 1009,
            rnd.choice([(), ("AREA_CODE_ONLY",)]),
            "violence_injury",
            "OCCURRED",
            "2025",
            "ACTUAL",
            wire.encode_notification(each)[5:],
        )
        for number, each in enumerate(given)
    ]


def hours(given: Sequence[Incident], rnd: random.Random) -> list[HourCount]:
    """Counts without contributions."""
    return [
        HourCount(
            2,
            NOW,
            "ACTUAL",
            "london",
            "borough",
            each.area,
            "robbery",
            each.hour,
            rnd.randrange(9),
            rnd.randrange(9),
            (),
        )
        for each in given
    ]


class Library:
    """One record by fastavro."""

    def __init__(self, record: str) -> None:
        bare: Any = without_logical_types(schema(record))
        self._schema = fastavro.parse_schema(bare)

    def read(self, value: bytes) -> object:
        """Bytes with prefix to a dictionary."""
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schema, None)

    def write(self, datum: Any) -> bytes:
        """A dictionary to bytes with prefix."""
        out = io.BytesIO(b"\0\0\0\0\1")
        out.seek(5)
        fastavro.schemaless_writer(out, self._schema, datum)
        return out.getvalue()


def cases() -> Iterator[Case]:
    """Everything that is measured."""
    rnd, wire = random.Random(1), Wire.builtin()
    raw = notifications(rnd)
    enriched = incidents(raw, wire, rnd)
    counted = hours(enriched, rnd)
    for record, values in (("Notification", raw), ("Incident", enriched), ("Inbox", counted)):
        library, encoded = Library(record), [wire.encode(each) for each in values]
        yield Case(f"{record}: fastavro reads", library.read, encoded)
        yield Case(f"{record}: fastavro writes", library.write, [library.read(each) for each in encoded])
    keyed = [(each.incident_id.encode(), wire.encode(each)) for each in raw]
    yield Case("Notification: ours reads, all of it, with key", lambda pair: wire.decode_notification(*pair), keyed)
    yield Case("Notification: ours writes", wire.encode_notification, raw)
    bodies = [wire.encode(each) for each in enriched]
    yield Case("Incident: ours reads, without the notification", wire.decode_incident, bodies)
    yield Case("Incident: ours reads, with it", lambda value: wire.decode_incident(value, whole=True), bodies)
    yield Case("Incident: ours writes", wire.encode_incident, enriched)
    yield Case("HourCount: ours reads", wire.decode_inbox, [wire.encode(each) for each in counted])
    yield Case("HourCount: ours writes", wire.encode_inbox, counted)
    ticks = [Tick(1, NOW + 5000 * number) for number in range(RECORDS)]
    yield Case("Tick: ours reads", wire.decode_inbox, [wire.encode(each) for each in ticks])
    yield Case("Tick: ours writes", wire.encode_inbox, ticks)
    events = CloudEvents("/firebreak/enrich")
    yield Case("headers", lambda i: events.headers("firebreak.incident.added.v1", "3-1-0", i.area, i.hour), enriched)


def microseconds(case: Case) -> float:
    """Best round, a record."""
    does, on = case.does, case.on
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for each in on:
            does(each)
        best = min(best, time.process_time_ns() - start)
    return best / 1000 / len(on)


if __name__ == "__main__":
    for case in cases():
        sys.stdout.write(f"{case.name:50s}{microseconds(case):6.2f} µs\n")

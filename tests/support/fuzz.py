"""
Bytes that nobody meant to send, to everything that reads bytes: refused as what they are, never more than that.

``python -m support.fuzz --minutes 10`` prints a line a reader and ends with 1 if one of them crashed, hung or grew.
Inputs are good ones that are cut, spliced, repeated, flipped and filled, and bytes at random; the seed is printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from support import toytown
from support.examples import example

from consumers.console.access.people import People
from consumers.console.api import _form as command_of_body
from consumers.notify.file import load as load_routes
from consumers.relay.file import load as load_subscribers
from schemas.catalogue import Catalogue
from schemas.errors import FirebreakError
from schemas.events import Command, Rejection
from schemas.jsonform import command_from_json, flat_object, notification_from_json
from schemas.wire import Wire
from streams.gateway.intake import parts, read, unpacked
from streams.gateway.sources import Sender, Senders
from streams.ingest.loading import load_profile
from streams.regions.loader import load as load_region
from streams.review.profile import read_profile

LONGEST = 2.0
"""Seconds that one input may take."""
LARGEST = 256 << 20
"""Bytes that one input may cost."""
Read = Callable[[bytes], object]


class Reader(NamedTuple):
    """Something that reads bytes, good inputs of it, and what it may raise beside our own errors."""

    name: str
    call: Read
    seeds: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = (FirebreakError,)


class Fault(NamedTuple):
    """What one input did."""

    reader: str
    what: str
    data: bytes


def readers(folder: Path) -> list[Reader]:
    """Everything that reads what comes from outside, or from a disk or a topic."""
    wire, sender = Wire.builtin(), Sender("t", b"", frozenset(["*"]), 2**62, 1e9, 1e9)
    call = toytown.arrivals(1, 2)[0].notification
    plain = {"kind": "REPORTED", "source": "s", "source_ref": "r", "revision": 1, "scheme": "x", "category": "y"}
    body, alert = json.dumps(plain).encode(), wire.encode(example("Alert.open"))
    rejection = Rejection(
        reason="bad_json",
        detail="d",
        topic="incidents.raw",
        partition=0,
        offset=1,
        received_at=2,
        source="s",
        key=b"k",
        value=b"v",
    )
    command = Command("c", "NOTE", "london", "a", "ana", 1, text="t")
    take: Read = lambda data: list(read(parts(unpacked(data, ""), "application/json"), sender))  # noqa: E731 - one line
    lines: Read = lambda data: list(read(parts(data, "application/x-ndjson"), sender))  # noqa: E731 - same
    return [
        Reader("raw notification", lambda data: wire.decode_notification(b"s|r", data), (wire.encode(call), body)),
        Reader("notification", wire.notification.decode, (wire.encode(call),)),
        Reader("alert", wire.alert.decode, (alert,)),
        Reader("alert event", wire.alert_event.decode, (wire.encode(example("AlertEvent.opened")),)),
        Reader("area count", wire.area_count.decode, (wire.encode(example("AreaCount.normal")),)),
        Reader("rejection", wire.rejection.decode, (wire.encode(rejection),)),
        Reader("incident", wire.decode_incident, (alert,)),
        Reader("inbox", wire.decode_inbox, (wire.encode_inbox(command),)),
        Reader("JSON notification", lambda data: notification_from_json(flat_object(data)), (body,)),
        Reader("JSON command", lambda data: command_from_json(flat_object(data)), (b'{"kind": "NOTE", "actor": "a"}',)),
        Reader("gateway JSON", take, (body, b"[" + body + b"," + body + b"]")),
        Reader("gateway lines", lines, (body + b"\n" + body,)),
        Reader("gateway gzip", lambda data: unpacked(data, "gzip"), (gzip.compress(body * 9),)),
        Reader("console command", command_of_body, (b'{"kind": "NOTE", "text": "t"}',), (ValueError,)),
        *_files(folder),
    ]


def _files(folder: Path) -> Iterator[Reader]:
    pack = toytown.write_pack(folder / "pack")
    root = Path(__file__).parents[2]

    def from_file(name: str, load: Callable[[Path], object]) -> Read:
        path = folder / name

        def call(data: bytes) -> object:
            path.write_bytes(data)
            return load(path)

        return call

    def region(name: str) -> Read:
        good = (pack / name).read_bytes()

        def call(data: bytes) -> object:
            (pack / name).write_bytes(data)
            try:
                return load_region(str(pack))
            finally:
                (pack / name).write_bytes(good)

        return call

    routes = (root / "deploy" / "notify" / "routes.yaml").read_bytes()
    token = b'{"tokens": {"t": {"sha256": "' + b"ab" * 32 + b'", "sources": ["x"], "expires": "2030-01-01T00:00:00Z"}}}'
    people = b'{"people": {"a": {"role": "viewer"}}, "groups": {}, "tokens": {}}'
    profile = (root / "streams" / "review" / "profiles" / "mps-knife.toml").read_bytes()
    files = (root / "streams" / "ingest" / "profiles" / "csv.toml").read_bytes()
    subscribers = b"subscribers:\n  - name: a\n    groups: [robbery]\n"
    yield Reader("routes", from_file("routes.yaml", load_routes), (routes,))
    yield Reader("sources", from_file("sources.yml", Senders.read), (token,))
    yield Reader("people", from_file("people.yml", People.read), (people,))
    catalogue = Catalogue.load()
    yield Reader("subscribers", from_file("s.yml", lambda path: load_subscribers(path, catalogue)), (subscribers,))
    yield Reader("monthly profile", from_file("m.toml", lambda path: read_profile(str(path))), (profile,))
    yield Reader("file profile", from_file("p.toml", lambda path: load_profile(str(path))), (files,))
    yield Reader("region manifest", region("region.toml"), ((pack / "region.toml").read_bytes(),))
    yield Reader("region areas", region("areas.csv"), ((pack / "areas.csv").read_bytes(),))


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """A good input, made bad; or bytes at random."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + chance.randint(1, 8)]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 4 if data:
                data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x5B, 0x7B))
            case 5:
                data[at:at] = bytes(data[at : at + 40]) * chance.randint(1, 60)
            case 6:
                data[at:at] = chance.choice(ODD)
            case _:
                data = bytearray(chance.randbytes(chance.randint(0, 200))) if chance.random() < 0.1 else data
    return bytes(data)


ODD = (
    *(b"null", b"NaN", b"-1", b"1e999", b"99999999999999999999", b'"\\ud800"', b"\xed\xa0\x80", b"\x00" * 8),
    *(b"[" * 300, b'{"a":' * 300, b"&a [*a]", b"\r\n", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"1970-01-01"),
)


def attack(reader: Reader, chance: random.Random, again: Callable[[int], bool]) -> tuple[int, list[Fault]]:
    """Give a reader bad inputs while *again* says so; answer how many, and what went wrong."""
    tried, found = 0, list[Fault]()
    while again(tried):
        tried += 1
        data = mutated(chance.choice(reader.seeds), chance)
        begun = time.process_time()
        try:
            reader.call(data)
        except reader.refuses:
            pass
        except Exception as crash:
            found.append(Fault(reader.name, f"{type(crash).__name__}: {crash}", data))
        if time.process_time() - begun > LONGEST:
            found.append(Fault(reader.name, f"took {time.process_time() - begun:.1f} s", data))
    return tried, found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run for so long, a line a reader."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    asked = parser.parse_args(arguments)
    chance, faults = random.Random(asked.seed), list[Fault]()
    with tempfile.TemporaryDirectory() as folder:
        every = readers(Path(folder))
        for reader in every:
            until = time.monotonic() + 60.0 * asked.minutes / len(every)
            tracemalloc.start()
            tried, found = attack(reader, chance, lambda _: time.monotonic() < until)  # noqa: B023 - used at once
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            if peak > LARGEST:
                found.append(Fault(reader.name, f"{peak >> 20} MB", b""))
            sys.stdout.write(f"{reader.name:20} {tried:9,} inputs, {len(found)} faults, {peak >> 20} MB\n")
            sys.stdout.flush()
            faults += found
    for fault in faults[:20]:
        sys.stdout.write(f"{fault.reader}: {fault.what[:200]} of {fault.data[:200]!r}\n")
    sys.stdout.write(f"seed {asked.seed}: {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

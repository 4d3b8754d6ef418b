"""Every byte of a record of every kind, altered one at a time in the ways that matter to some part of the format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.judge import good, read
from support.records import AVRO, encoded

from schemas.errors import Malformed
from schemas.jsonform import values
from schemas.layouts import shape

RICH = (
    "Notification.reported",
    "Notification.cancelled",
    "Incident.amended",
    "Incident.heartbeat",
    "Inbox.count",
    "Inbox.heartbeat",
    "Inbox.command",
    "AreaCount.alert",
    "AlertEvent.escalated",
    "Alert.acknowledged",
    "Rejection.null_key",
)


def octets_of(example: str) -> tuple[str, bytes]:
    record = example.partition(".")[0]
    given = json.loads((AVRO / f"{example}.example.json").read_text("utf-8"))
    return record, encoded(record, _listed(values(shape(record), given)))


def _listed(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _listed(each) for name, each in node.items()}
    return [_listed(each) for each in node] if isinstance(node, tuple) else node


def altered(octets: bytes) -> Iterator[bytes]:
    """Bytes replaced, left out, padded, and put in: an item, a block, numbers of 35 and of 70 bits."""
    for at, byte in enumerate(octets):
        head, tail = octets[:at], octets[at + 1 :]
        for new in {0, 1, 2, 3, 4, 63, 64, 127, 128, 129, 255, byte ^ 1, byte ^ 2, byte ^ 128, (byte + 2) & 255}:
            yield head + bytes((new,)) + tail
        yield head + tail
        yield head + bytes((byte | 128, 0)) + tail
        yield head + bytes((byte | 128, 128, 0)) + tail
        yield head + bytes((byte | 128, 128, 128, 0)) + tail
        yield head + b"\2\0" + octets[at:]
        yield head + b"\1" + octets[at:]
        yield head + b"\xff" * 4 + b"\x7f" + tail
        yield head + b"\xff" * 9 + b"\7" + tail


@pytest.mark.parametrize("example", RICH)
def test_a_record_with_one_byte_altered_is_read_only_if_a_writer_could_have_written_it(example: str) -> None:
    record, octets = octets_of(example)

    wrong = [each for each in altered(octets) if _is_read(record, each) != good(record, each)]

    assert wrong == []


@pytest.mark.parametrize("example", RICH)
def test_a_record_torn_at_any_byte_is_refused(example: str) -> None:
    record, octets = octets_of(example)

    assert [cut for cut in range(len(octets)) if _is_read(record, octets[:cut])] == []


def _is_read(record: str, octets: bytes) -> bool:
    try:
        read(record, octets)
    except Malformed:
        return False
    return True

"""What compiled codecs keep: caches that come from outside stay small."""

from __future__ import annotations

import pytest

from schemas.codegen.runtime import (
    LONGEST,
    REMEMBERED,
    Seen,
    Stamps,
    Steady,
    Written,
    count_at,
    extent_at,
    long_at,
    long_bytes,
)
from schemas.errors import Malformed
from schemas.events import Notification
from schemas.wire import Wire


def test_a_cache_of_what_came_in_never_holds_more_than_its_limit() -> None:
    seen = Seen(lambda octets, _: octets)
    written = Written(lambda value: str(value).encode())
    stamps, steady = Stamps(), Steady()

    for number in range(REMEMBERED + 10):
        assert seen[b"%d" % number] == b"%d" % number
        assert written[number] == b"%d" % number
        octets = long_bytes(1_700_000_000_000 + number * 1_100_000)
        assert stamps[octets[3:]] != 0
        assert steady[octets] == 1_700_000_000_000 + number * 1_100_000

    sizes = [len(seen), len(written), len(stamps), len(steady)]
    assert max(sizes) <= REMEMBERED
    assert min(sizes) > 0


def test_long_runs_are_not_kept() -> None:
    seen = Seen(lambda octets, _: len(octets))

    assert seen[b"x" * (LONGEST + 1)] == LONGEST + 1
    assert len(seen) == 0


def test_more_sources_than_a_cache_holds_are_all_read_right() -> None:
    wire = Wire.builtin()
    notifications = [
        Notification("CLOSED", f"s{number}", "1", 0, None, None, None, None, f"A{number}", f"c{number}", "x")
        for number in range(REMEMBERED + 100)
    ]

    for notification in (*notifications, *notifications[:100]):
        value = wire.encode_notification(notification)
        assert wire.decode_notification(notification.incident_id.encode(), value)[0] == notification


@pytest.mark.parametrize("number", [0, -1, 1, 63, -64, 64, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_a_number_is_read_where_it_stands_and_tells_where_it_ends(number: int) -> None:
    octets = long_bytes(number)

    assert long_at(b"..." + octets + b"...", 3) == (number, 3 + len(octets))


@pytest.mark.parametrize("number", [-1, -2, -1000, -(2**63)])
def test_neither_a_length_nor_a_count_is_negative(number: int) -> None:
    octets = long_bytes(number) + b"x" * 2000

    with pytest.raises(Malformed, match="negative"):
        extent_at(octets, 0)
    with pytest.raises(Malformed, match="sized blocks"):
        count_at(octets, 0)

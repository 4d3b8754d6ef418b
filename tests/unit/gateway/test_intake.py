"""Bodies of requests: what is taken, what is refused with which reason, and that nothing grows without bound."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import tokens
from schemas.errors import UsageError
from schemas.events import Notification
from streams.gateway.intake import LARGEST, LARGEST_PLAIN, MOST, Refused, Unreadable, parts, read, unpacked
from streams.gateway.sources import Sender, Senders

GOOD = {
    "kind": "REPORTED",
    "source": "met.cad",
    "source_ref": "CAD 1",
    "revision": 1,
    "occurred_at": "2026-11-25T02:00:00Z",
    "area_code": "E09000008",
    "category": "violence_injury",
    "scheme": "firebreak",
}


def sender(*sources: str, rate: float = 10.0, burst: float = 20.0) -> Sender:
    clock = iter(range(1_000_000))
    return Sender("t", b"", frozenset(sources or ("met.*",)), 2**62, rate, burst, clock=lambda: float(next(clock)))


def taken(*bodies: object) -> list[Notification | Refused]:
    return list(read([each if isinstance(each, bytes) else json.dumps(each).encode() for each in bodies], sender()))


def test_one_or_many_and_lines_are_the_same() -> None:
    one = json.dumps(GOOD).encode()
    assert parts(one, "application/json") == [one]
    assert parts(b"[" + one + b", " + one + b"]", "application/json") == [one, one]
    assert parts(one + b"\n\n" + one + b"\r\n", "application/x-ndjson") == [one, one]


def test_a_good_one_is_a_notification_and_those_beside_it_are_named_with_the_reason() -> None:
    good, *bad = taken(
        GOOD,
        GOOD | {"source": "las"},
        {k: v for k, v in GOOD.items() if k != "revision"},
        GOOD | {"occurred_at": [1]},
        GOOD | {"surprise": 1},
        b"{",
        b"\xff",
        b'{"revision": NaN}',
        GOOD | {"category": "x" * LARGEST},
    )
    assert isinstance(good, Notification)
    assert good.incident_id == "met.cad|CAD 1"
    assert [(each.index, each.reason) for each in bad if isinstance(each, Refused)] == [
        (1, "forbidden_source"),
        (2, "missing_field"),
        (3, "bad_value"),
        (4, "bad_value"),
        (5, "bad_json"),
        (6, "bad_json"),
        (7, "bad_json"),
        (8, "oversized"),
    ]


def test_deep_nesting_is_refused() -> None:
    for deep in (b"[" * 100_000, b"[" + b'{"source":' * 50_000):
        with pytest.raises(Unreadable):
            parts(deep, "application/json")
    (nested,) = parts(b'{"a":' * 10_000, "application/json")
    (told,) = read([nested], sender())
    assert isinstance(told, Refused)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[1", "application/json", 400),
        (b"\n\n", "application/x-ndjson", 400),
        (b"{}", "text/plain", 415),
        (b"{}\n" * (MOST + 1), "application/x-ndjson", 413),
        (b"[" + b"{}," * MOST + b"{}]", "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused_as_a_whole(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(Unreadable) as refused:
        parts(body, kind)
    assert refused.value.status == status


def test_a_packed_body_is_unpacked_within_bounds() -> None:
    assert unpacked(gzip.compress(b"hello"), "gzip") == b"hello"
    bomb = gzip.compress(b"0" * (LARGEST_PLAIN * 40))
    tracemalloc.start()
    with pytest.raises(Unreadable) as refused:
        unpacked(bomb, "gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 3 * LARGEST_PLAIN
    for body, encoding, status in (
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"x" * 99)[:-9], "gzip", 400),
        (b"", "br", 415),
    ):
        with pytest.raises(Unreadable) as wrong:
            unpacked(body, encoding)
        assert wrong.value.status == status


@given(st.binary(max_size=400), st.sampled_from(["application/json", "application/x-ndjson"]))
def test_no_bytes_are_more_than_refused(body: bytes, kind: str) -> None:
    try:
        found = parts(unpacked(body, ""), kind)
    except Unreadable:
        return
    for each in read(found, sender()):
        assert isinstance(each, (Notification, Refused))


def test_an_allowance_is_used_up_and_comes_back() -> None:
    one = sender(rate=1.0, burst=10.0)
    assert one.take(10) == 0.0
    # a second has gone by: one is there again
    assert one.take(3) == pytest.approx(2.0)
    assert one.take(2) == 0.0


def test_a_token_speaks_for_its_sources_only_and_until_it_expires(tmp_path: Path) -> None:
    token, digest = tokens.made()
    file = tmp_path / "sources.yml"
    told = {"sha256": digest, "sources": ["las"], "expires": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps({"tokens": {"t": told}}), "utf-8")
    senders = Senders.read(file)
    found = senders.of(token, 0)
    assert found is not None
    assert (found.may("las"), found.may("las2"), found.may("met.cad")) == (True, False, False)
    assert senders.of(token, 2**50) is None
    assert senders.of(token + "x", 0) is None
    assert token not in repr(senders.known)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"tokens": {"t": {}}}'),
        '{"tokens": {"t": {"sha256": "ab", "sources": ["x"], "expires": "2026-01-01T00:00:00Z"}}}',
    ],
)
def test_a_file_that_makes_no_sense_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"^sources\.yml: [^\n]+$"):
        Senders.read(file)

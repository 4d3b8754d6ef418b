"""The file of routes: what it may say, and one line for each mistake."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from consumers.notify.channels.making import channels
from consumers.notify.file import load
from consumers.notify.times import DAYS, span
from schemas.errors import UsageError


def good() -> dict[str, Any]:
    return {
        "version": 1,
        "link": "https://x/{alert_id}",
        "channels": {
            "mail": {"kind": "email", "server": "mx:25", "sender": "f@x.org", "security": "plain"},
            "hub": {"kind": "webhook", "url": "https://hub", "secret_file": "hub.secret"},
            "am": {"kind": "alertmanager", "url": "http://am:9093"},
            "out": {"kind": "alertmanager-webhook", "url": "http://x"},
            "book": {"kind": "file", "path": "told.jsonl"},
            "cap": {"kind": "file", "path": "cap", "format": "cap"},
            "screen": {"kind": "console"},
        },
        "people": {"ana": {"channel": "mail", "address": "ana@x.org", "quiet": "22:00-07:00"}},
        "routes": [
            {
                "name": "all",
                "to": ["ana", "hub", "am", "out", "book", "cap", "screen"],
                "when": ["mon-fri 07:00-23:00", "sat 10:00-02:00"],
                "digest": "07:40",
                "escalate": [{"after": "15m", "to": ["ana"]}],
            }
        ],
        "limits": {"pages": 3, "within": "10m"},
    }


def written(folder: Path, told: object) -> Path:
    (folder / "hub.secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "utf-8")
    path = folder / "routes.yaml"
    path.write_text(told if isinstance(told, str) else yaml.safe_dump(told), "utf-8")
    return path


def test_a_good_file_gives_routes_and_channels(tmp_path: Path) -> None:
    routes = load(written(tmp_path, good()))

    (route,) = routes.routes
    assert (route.digest, route.escalate[0].after, routes.limits.pages) == (460, 900_000, 3)
    assert routes.recipients["ana"].key == "mail:ana@x.org"
    assert routes.recipients["book"].key == "book"
    assert set(channels(routes)) == set(good()["channels"])
    assert routes.channels["book"].options["path"] == str(tmp_path / "told.jsonl")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "version is 2"),
        ({"link": "https://x"}, "{alert_id}"),
        ({"routes": []}, "nobody would be told"),
        ({"colour": "red"}, "colour"),
        ({"limits": {"pages": 0}}, "at least 1"),
        ({"limits": {"within": "soon"}}, "write a number and its unit"),
        ({"people": {"ana": {"channel": "mial", "address": "a@x"}}}, "did you mean mail"),
        ({"people": {"ana": {"channel": "mail"}}}, "people > ana > address: missing"),
        ({"people": {"hub": {"channel": "mail", "address": "a@x"}}}, "a channel is called so"),
        ({"channels": {"mail": {"kind": "pigeon"}}}, "'pigeon' is none of email"),
        ({"channels": {"mail": {"kind": "email", "server": "mx"}}}, "sender: missing"),
        ({"channels": {"mail": {"kind": "console", "colour": "red"}}}, "console knows format"),
        ({"channels": {"hub": {"kind": "webhook", "url": "x", "secret_file": "none"}}}, "there is no file"),
        ({"channels": {"a:b": {"kind": "console"}}}, "without a colon"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why) as refusal:
        load(written(tmp_path, {**good(), **change}))

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"to": ["anna"]}, "did you mean ana"),
        ({"to": []}, "nobody is named"),
        ({"severity": "BAD"}, "'BAD' is none of WATCH"),
        ({"when": "mon-fun 07:00-08:00"}, "'fun' is no day"),
        ({"when": "noon"}, "is no time"),
        ({"when": "25:00-26:00"}, "no time of day"),
        ({"digest": "early"}, "write 07:40"),
        ({"escalate": [{"after": "15m", "to": ["nobody"]}]}, "'nobody' is not known"),
        ({"escalate": [{"after": "often", "to": ["ana"]}]}, "escalate > after"),
    ],
)
def test_a_mistake_in_a_route_is_one_line_that_names_it(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    told = good()
    told["routes"][0].update(change)

    with pytest.raises(UsageError, match=why):
        load(written(tmp_path, told))


@pytest.mark.parametrize(("text", "why"), [("a: [", "no YAML"), ("- 1", "Expected"), ("version: 1", "channels")])
def test_what_is_no_such_file_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("secret", "change", "why"),
    [
        ("plain", {}, "whsec_ and base64"),
        ("whsec_QUJD", {}, "at least 16 bytes"),
        ("", {"mail": {"kind": "email", "server": "mx", "sender": "nobody"}}, "is no e-mail address"),
        ("", {"mail": {"kind": "email", "server": "mx", "sender": "f@x", "security": "none"}}, "none of plain"),
        (
            "",
            {"mail": {"kind": "email", "server": "m", "sender": "f@x", "security": "plain", "user": "f"}},
            "read by all",
        ),
        (
            "",
            {"mail": {"kind": "govuk", "key_file": "hub.secret", "template": "t", "medium": "fax"}},
            "neither email nor",
        ),
    ],
)
def test_a_channel_that_can_not_work_is_refused_by_name(
    tmp_path: Path, secret: str, change: dict[str, Any], why: str
) -> None:
    told = good()
    told["channels"].update(change)
    path = written(tmp_path, told)
    if secret:
        (tmp_path / "hub.secret").write_text(secret, "utf-8")

    with pytest.raises(UsageError, match=why):
        channels(load(path))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 7 * 1440 - 1))
def test_a_span_of_the_week_holds_the_minutes_that_one_counts_on_a_ring(
    first: int, last: int, begin: int, end: int, minute: int
) -> None:
    text = f"{DAYS[first]}-{DAYS[last]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"

    ring = set()
    for day in range(7):
        if (day - first) % 7 <= (last - first) % 7:
            length = end - begin if end > begin else end - begin + 1440
            ring |= {(day * 1440 + begin + each) % (7 * 1440) for each in range(length)}
    at = dt.datetime(2026, 3, 2, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    assert span(text).holds(at) is (minute in ring)
    left = span(text).left(at)
    assert not left or ((minute + left - 1) % (7 * 1440) in ring)

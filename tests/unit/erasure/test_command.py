"""``firebreak erase`` from end to end, with topics that are lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from consumers.erasure.command import DONE, Eraser, erase
from consumers.erasure.planner import WHERE
from consumers.loop import Record
from schemas.catalogue import TopicSpec
from schemas.errors import UsageError
from schemas.events import Kind
from schemas.rights import COMPONENTS
from schemas.settings import Settings
from schemas.wire import Wire

INCIDENT = "met.cad|24-117"
NAMED = ("--source", "met.cad", "--ref", "24-117")
TOLD = ("--reason", "request 12", "--by", "ana")


class Topics:
    """Topics by id; a cancellation is taken in as the first stage would."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {each: [] for each in WHERE}

    def add(self, topic: str, key: bytes, value: bytes) -> None:
        held = self.records[topic]
        held.append(Record(topic, 0, len(held), 1_700_000_000_000, key, value))

    def read(self, _settings: Settings, spec: TopicSpec) -> Iterator[Record]:
        yield from list(self.records[spec.id])

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        self.add(topic, key, value)
        if topic == "incidents.raw":
            told, _ = Wire.builtin().decode_notification(key, value)
            assert told.kind == Kind.CANCELLED
            self.add("enrich.journal", key, msgspec.msgpack.encode((told.revision, False, None)))


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    made = Topics()
    monkeypatch.setattr("consumers.erasure.command.read", made.read)
    monkeypatch.setattr(Eraser, "send", made.send)
    return made


def told(root: Path, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    result = run(root, *arguments)
    assert result.exit_code == code, result.output + repr(result.exception)
    return {line["place"]: line for line in map(json.loads, result.output.splitlines())}


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(erase, [*NAMED, "--archive", str(root), *arguments])


def known(topics: Topics) -> None:
    topics.add("incidents.raw", INCIDENT.encode(), b"{}")
    topics.add("enrich.journal", INCIDENT.encode(), msgspec.msgpack.encode((4, True, ("london",))))


def test_an_erasure_withdraws_the_incident_and_proves_what_is_left_until_when(topics: Topics, tmp_path: Path) -> None:
    known(topics)

    lines = told(tmp_path, *TOLD)

    assert (lines["incidents.raw"]["found"], lines["incidents.raw"]["left"]) == (1, 2)
    assert lines["incidents.raw"]["until"] == "2023-12-05T22:13:20.000Z"
    assert (lines["enrich.journal"]["left"], lines["enrich.journal"]["superseded"]) == (2, 1)
    assert lines["detect.inbox"]["left"] == 0


def test_the_audit_tells_who_and_why_and_never_which_incident(topics: Topics, tmp_path: Path) -> None:
    known(topics)
    told(tmp_path, *TOLD)

    (entry,) = (record.value or b"" for record in topics.records["audit"])

    assert {"ana", "request 12", "ERASE"} <= _texts(entry)
    assert b"24-117" not in entry


def test_an_erasure_that_is_repeated_sends_no_second_withdrawal(topics: Topics, tmp_path: Path) -> None:
    known(topics)
    told(tmp_path, *TOLD)
    told(tmp_path, *TOLD)

    assert len(topics.records["incidents.raw"]) == 2
    assert len(topics.records["audit"]) == 2


def test_a_check_ends_with_1_while_anything_is_left_changes_nothing_and_then_with_0(
    topics: Topics, tmp_path: Path
) -> None:
    known(topics)
    told(tmp_path, *TOLD)
    before = {topic: len(held) for topic, held in topics.records.items()}

    told(tmp_path, "--check", code=1)
    assert {topic: len(held) for topic, held in topics.records.items()} == before

    topics.records["incidents.raw"].clear()
    del topics.records["enrich.journal"][0]
    told(tmp_path, "--check", code=0)


def test_an_incident_that_nobody_holds_is_a_mistake_and_not_an_erasure(topics: Topics, tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, *TOLD).exception, UsageError)
    assert topics.records["audit"] == []


def test_without_reason_and_name_nothing_is_erased(topics: Topics, tmp_path: Path) -> None:
    known(topics)

    assert isinstance(run(tmp_path, "--reason", "request 12").exception, UsageError)
    assert len(topics.records["incidents.raw"]) == 1


def test_what_is_searched_may_be_read_and_has_a_word_for_what_is_done() -> None:
    assert set(WHERE) == set(COMPONENTS["erase"].reads)
    assert {*WHERE, "archive"} == set(DONE)


def _texts(entry: bytes) -> set[str]:
    return {each for each in json.loads(entry).values() if isinstance(each, str)}

"""``firebreak calibrate``: what is written down, and what the detector makes of what is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest
from click.testing import CliRunner
from support.pasts import Past, past
from support.quick import quick_backtests

from schemas.errors import UsageError
from schemas.events import Command
from schemas.wire import Wire
from streams.broker import EmbeddedBroker
from streams.calibrate import INBOX, calibrate
from streams.core.places import plan_of
from streams.core.thresholds import StandingBudget
from streams.regions.loader import load
from streams.settings import Settings
from streams.worker import partition_of

KEY = "town|borough|street_violence"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_backtests():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return past(tmp_path_factory.mktemp("past"))


def arguments(made: Past, out: Path, *more: str) -> list[str]:
    given = ["--hours", str(made.file), "--region", str(made.pack), "--alerts-per-week", "0.5"]
    return [*given, "--out", str(out), *more]


def read_all(bootstrap: str, topic: str) -> list[confluent_kafka.Message]:
    settings = {"bootstrap.servers": bootstrap, "group.id": "test", "fetch.wait.max.ms": 20}
    consumer = confluent_kafka.Consumer({**settings, "auto.offset.reset": "earliest", "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
    found, ends = [], 0
    while ends < len(partitions):
        message = consumer.poll(10.0)
        assert message is not None
        if message.error() is None:
            found.append(message)
        else:
            ends += 1
    consumer.close()
    return found


def test_what_is_published_reaches_the_regions_partition_and_sets_the_detectors_thresholds(
    made: Past, tmp_path: Path
) -> None:
    topic = Settings().catalogue()[INBOX].name
    out = tmp_path / "calibration.json"
    with EmbeddedBroker({topic: 4}) as broker:
        more = ("--publish", "--broker", broker.bootstrap)
        result = CliRunner().invoke(calibrate, arguments(made, out, *more), catch_exceptions=False)
        messages = read_all(broker.bootstrap, topic)

    written = json.loads(out.read_text())
    (message,) = messages
    assert (message.key(), message.partition()) == (b"town", partition_of("town", 4))
    command = Wire.builtin().decode_inbox(message.value() or b"")
    assert isinstance(command, Command)
    plan = plan_of(load(made.pack))
    budget = StandingBudget(plan.units, 1.0, {})
    budget.calibrate(command.body)
    assert (budget.version, budget.threshold("borough", "street_violence")) == (
        written["version"],
        written["thresholds"][KEY],
    )
    assert budget.chance_days("borough", "street_violence", written["thresholds"][KEY]) == pytest.approx(
        7.0 / 0.5, rel=0.3
    )
    assert f"calibration {written['version']} is in {topic}-{message.partition()}" in result.stdout


def test_nominal_rates_are_told_by_unit_and_keep_the_budget(made: Past, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    result = CliRunner().invoke(calibrate, arguments(made, out), catch_exceptions=False)

    written = json.loads(out.read_text())
    assert written["nominal"][KEY] == pytest.approx(0.5, rel=0.1)
    assert written["alerts_per_week"] == 0.5
    row = next(line for line in result.stdout.splitlines() if line.startswith(KEY)).split()
    assert float(row[2]) == pytest.approx(written["thresholds"][KEY], abs=0.005)


def test_a_past_that_is_too_short_for_a_schedule_is_refused_before_anything_is_written(
    made: Past, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"

    result = CliRunner().invoke(calibrate, arguments(made, out, "--least-days", "4000"))

    assert isinstance(result.exception, UsageError)
    assert "--least-days 4000: the hours hold" in str(result.exception)
    assert not out.exists()


def test_a_broker_that_is_not_there_is_one_line(made: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.calibrate.SEND_WITHIN", 0.5)
    more = ("--publish", "--broker", "127.0.0.1:1")

    result = CliRunner().invoke(calibrate, arguments(made, tmp_path / "c.json", *more))

    assert isinstance(result.exception, UsageError)
    assert "can't be reached" in str(result.exception)
    assert (tmp_path / "c.json").exists(), "what was worked out is kept"


def test_a_broker_without_the_topic_is_told(made: Past, tmp_path: Path) -> None:
    with EmbeddedBroker({"other": 1}) as broker:
        more = ("--publish", "--broker", broker.bootstrap)
        result = CliRunner().invoke(calibrate, arguments(made, tmp_path / "c.json", *more))

    assert isinstance(result.exception, UsageError)
    assert "run `firebreak topics apply` first" in str(result.exception)


def test_a_broker_without_publish_is_a_mistake(made: Past, tmp_path: Path) -> None:
    result = CliRunner().invoke(calibrate, arguments(made, tmp_path / "c.json", "--broker", "x:1"))

    assert isinstance(result.exception, UsageError)

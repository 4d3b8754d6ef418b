"""Commands ``ingest`` and ``rejected`` on a broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from support.builders import notification
from support.files import real, rows_of

from schemas.catalogue import Catalogue
from schemas.errors import UsageError
from schemas.events import Reason, Rejection
from schemas.wire import Wire
from streams.broker import EmbeddedBroker
from streams.ingest.command import ingest
from streams.ingest.keeping import raw
from streams.ingest.rejected import rejected

PRODUCE = 0
HEADER = "when,what,where\n"
PROFILE = """\
[fields]
source = { value = "s" }
scheme = { value = "firebreak" }
category = { column = "what" }
occurred_at = { column = "when" }
[known_at]
first_of = ["occurred_at"]
[identity]
columns = ["when", "what", "where"]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A broker with our topics, a folder with a profile, and the commands in it."""

    broker: EmbeddedBroker
    folder: Path

    def call(self, command: click.Command, *arguments: str) -> Result:
        environ = {
            "FIREBREAK_KAFKA_BROKERS": self.broker.bootstrap,
            "FIREBREAK_DATA_DIR": str(self.folder / "data"),
            "COLUMNS": "200",
        }
        return CliRunner().invoke(command, arguments, env=environ, standalone_mode=False)

    def ingest(self, content: str, *arguments: str) -> Result:
        file, profile = self.folder / "f.csv", self.folder / "p.toml"
        file.write_text(content, "utf-8")
        profile.write_text(PROFILE, "utf-8")
        return self.call(ingest, str(file), "--profile", str(profile), "--json", "-", *arguments)

    def read(self, topic: str) -> list[Message]:
        spec = Catalogue.load()[topic]
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": "test",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
        consumer.assign([TopicPartition(spec.name, number, 0) for number in range(spec.partitions)])
        found: list[Message] = []
        ends = 0
        while ends < spec.partitions:
            for message in consumer.consume(1_000, 0.2):
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF
                    ends += 1
        consumer.close()
        return found

    def reject(self, *rejections: Rejection) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "log_level": 0})
        for each in rejections:
            producer.produce(Catalogue.load()["incidents.rejected"].name, Wire.builtin().encode(each), each.key, 1)
        assert producer.flush(10) == 0


@pytest.fixture
def stage(embedded_broker: EmbeddedBroker, tmp_path: Path) -> Stage:
    for topic in ("incidents.raw", "incidents.rejected"):
        spec = Catalogue.load()[topic]
        embedded_broker.create(spec.name, spec.partitions)
    return Stage(embedded_broker, tmp_path)


def summary(result: Result) -> dict[str, object]:
    assert result.exception is None, result.exception
    numbers: dict[str, object] = json.loads(result.stdout)
    del numbers["seconds"]
    return numbers


def days(*numbers: int) -> str:
    return "".join(f"2020-01-{day:02},a,x\n" for day in numbers)


def java_murmur2(key: bytes) -> int:
    """The hash as Kafka's Java client computes it (org.apache.kafka.common.utils.Utils.murmur2), made positive."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def test_a_file_arrives_row_by_row_where_its_keys_go(stage: Stage) -> None:
    result = stage.ingest(HEADER + days(3, 1, 2) + days(1))

    assert summary(result) == {"read": 4, "sent": 4, "rejected": {}, "skipped": 0}
    messages = stage.read("incidents.raw")
    assert len(messages) == 4
    for message in messages:
        key, value = message.key() or b"", message.value()
        found, _ = Wire.builtin().decode_notification(key, value)
        assert key == f"s|{found.source_ref}".encode()
        assert message.partition() == java_murmur2(key) % Catalogue.load()["incidents.raw"].partitions
        assert found.published_at == found.occurred_at
    assert stage.read("incidents.rejected") == []


def test_rows_of_one_incident_arrive_in_the_order_they_became_known(stage: Stage) -> None:
    rows = "".join(f"s,{ref},firebreak,other,{day},2020-01-{day:02}\n" for day in (2, 5, 1, 4, 3) for ref in "abcde")
    file = stage.folder / "own.csv"
    file.write_text("source,source_ref,scheme,category,revision,published_at\n" + rows, "utf-8")

    assert stage.call(ingest, str(file), "--profile", "csv").exception is None

    lives: dict[bytes, list[int]] = {}
    for message in stage.read("incidents.raw"):
        found, _ = Wire.builtin().decode_notification(message.key(), message.value())
        lives.setdefault(message.key() or b"", []).append(found.revision)
    assert lives == {f"s|{ref}".encode(): [1, 2, 3, 4, 5] for ref in "abcde"}


def test_a_real_file_arrives_whole(stage: Stage) -> None:
    path = real("data-police-uk-city-of-london-street-2022-2023.csv.gz")

    result = stage.call(ingest, str(path), "--profile", "police-uk", "--json", "-", "--quiet")

    assert summary(result) == {"read": 9_019, "sent": 9_019, "rejected": {}, "skipped": 0}
    decode = Wire.builtin().decode_notification
    found = Counter(decode(message.key(), message.value())[0].category for message in stage.read("incidents.raw"))
    assert found == Counter(row["Crime type"] for row in rows_of(path))


def test_what_is_no_notification_is_rejected_with_its_reason_and_the_rest_is_sent(stage: Stage) -> None:
    result = stage.ingest(HEADER + days(1) + "soon,a,x\n" + "2020-01-01,a\n" + days(2) + "2020-01")

    rejected_rows = {"bad_value": 1, "corrupt": 1, "truncated": 1}
    assert summary(result) == {"read": 5, "sent": 2, "rejected": rejected_rows, "skipped": 0}
    assert "5 read, 2 sent, 3 rejected (1 bad_value, 1 corrupt, 1 truncated)" in result.stderr
    found = [Wire.builtin().rejection.decode(message.value() or b"") for message in stage.read("incidents.rejected")]
    assert [(each.reason, each.topic, each.offset, each.source, each.key) for each in found] == [
        ("bad_value", "f.csv", 3, "s", None),
        ("corrupt", "f.csv", 4, "s", None),
        ("truncated", "f.csv", 6, "s", None),
    ]
    assert found[1].value == b"2020-01-01,a\n"


@pytest.mark.parametrize("content", ["", "when,where\n", HEADER + days(1) + "caf\udce9"])
def test_a_file_that_is_wrong_as_a_whole_sends_nothing(stage: Stage, content: str) -> None:
    (stage.folder / "f.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    (stage.folder / "p.toml").write_text(PROFILE, "utf-8")

    result = stage.call(ingest, str(stage.folder / "f.csv"), "--profile", str(stage.folder / "p.toml"))

    assert isinstance(result.exception, UsageError)
    assert "\n" not in str(result.exception)
    assert stage.read("incidents.raw") == stage.read("incidents.rejected") == []


def test_a_dry_run_needs_no_broker_and_shows_what_would_be_rejected(stage: Stage) -> None:
    result = stage.ingest(HEADER + days(1) + "soon,a,x\n", "--dry-run", "--broker", "127.0.0.1:1")

    assert summary(result) == {"read": 2, "sent": 1, "rejected": {"bad_value": 1}, "skipped": 0}
    assert "f.csv line 3: bad_value: occurred_at (column when) is no time of format auto" in result.stderr
    assert stage.read("incidents.raw") == []


def test_a_rate_is_kept(stage: Stage) -> None:
    result = stage.ingest(HEADER + days(*range(1, 21)), "--rate", "100/s")

    # a busy machine makes it later, never sooner
    assert json.loads(result.stdout)["seconds"] >= 0.19


def test_a_missing_topic_is_one_line(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    result = Stage(embedded_broker, tmp_path).ingest(HEADER + days(1))

    assert isinstance(result.exception, UsageError)
    assert "no topic firebreak.incidents.raw.v1 on" in str(result.exception)
    assert "firebreak topics apply" in str(result.exception)


def test_a_broker_that_refuses_a_record_is_one_line_that_says_how_to_go_on(stage: Stage) -> None:
    stage.broker.fail(PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED, 100)

    result = stage.ingest(HEADER + days(*range(1, 29)))

    assert isinstance(result.exception, UsageError)
    assert "the broker does not take records: " in str(result.exception)
    assert str(result.exception).endswith("; go on with --resume")


def refused(number: int, **changed: object) -> Rejection:
    sent = notification(source_ref=str(number), category="new")
    fields: dict[str, object] = {
        "reason": Reason.UNKNOWN_CATEGORY,
        "detail": "scheme firebreak has no category 'new'",
        "topic": "incidents.raw",
        "partition": 3,
        "offset": number,
        "received_at": 1_000 + number,
        "source": sent.source,
        "key": sent.incident_id.encode(),
        "value": Wire.builtin().encode_notification(sent),
    }
    return Rejection(**{**fields, **changed})  # type: ignore[arg-type]  # by name


def listed(stage: Stage, *arguments: str) -> dict[str, object]:
    result = stage.call(rejected, "list", "--json", *arguments)
    assert result.exception is None, result.exception
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_rejections_are_counted_by_source_and_reason_and_the_latest_shown(stage: Stage) -> None:
    stage.reject(*(refused(number) for number in range(30)), refused(99, reason=Reason.BAD_JSON, source=""))

    found = listed(stage, "--latest", "2")

    assert found["total"] == 31
    assert found["counts"] == [
        {"source": "met.cad", "reason": "bad_json", "count": 1},
        {"source": "met.cad", "reason": "unknown_category", "count": 30},
    ]
    latest = found["latest"]
    assert isinstance(latest, list)
    assert [each["number"] for each in latest] == ["1-30", "1-29"]
    assert listed(stage, "--reason", "bad_json")["total"] == 1
    assert listed(stage, "--source", "las")["total"] == 0
    assert listed(stage, "--since", "1h")["total"] == 31
    assert listed(stage, "--until", "2020-01-01T00:00:00Z")["total"] == 0
    assert "unknown_category" in stage.call(rejected, "list").stdout
    assert stage.call(rejected, "list", "--source", "las").stdout == "nothing was rejected\n"


def test_one_rejection_is_shown_with_its_content(stage: Stage) -> None:
    stage.reject(refused(0), refused(1, detail="a\x1b[31m", value=b"\x1b[2J"))

    fields = stage.call(rejected, "show", "1-0").stdout
    text = stage.call(rejected, "show", "1-1").stdout
    absent = stage.call(rejected, "show", "1-2")

    assert "reason     unknown_category" in fields
    assert "came from  incidents.raw 3-0" in fields
    assert "  category = new" in fields
    assert "\x1b" not in text
    assert "detail     a\\x1b[31m" in text
    assert "  \\x1b[2J" in text
    assert str(absent.exception).startswith("no rejection 1-2: ")


def test_redrive_sends_the_original_key_and_bytes_in_the_original_order(stage: Stage) -> None:
    chosen = [refused(number) for number in (4, 2, 3)]
    others = [
        refused(5, reason=Reason.BAD_JSON),
        refused(6, topic="f.csv", key=None),
        refused(7, topic="incidents.enriched"),
        refused(8, value=None),
    ]
    stage.reject(*chosen, *others)

    dry = stage.call(rejected, "redrive", "--reason", "unknown_category", "--dry-run", "--json")
    before = stage.read("incidents.raw")
    done = stage.call(rejected, "redrive", "--reason", "unknown_category", "--json", "--rate", "1000")

    assert json.loads(dry.stdout) == {"matched": 6, "sent": 0, "to_send": 3, "reasons": {"unknown_category": 3}}
    assert before == []
    assert json.loads(done.stdout) == {"matched": 6, "sent": 3, "to_send": 3, "reasons": {"unknown_category": 3}}
    found = {message.key(): message for message in stage.read("incidents.raw")}
    assert {key: message.value() for key, message in found.items()} == {each.key: each.value for each in chosen}
    partitions = Catalogue.load()["incidents.raw"].partitions
    assert all(message.partition() == java_murmur2(key or b"") % partitions for key, message in found.items())


def test_redrive_keeps_the_order_of_one_incident(stage: Stage) -> None:
    one = [refused(number, key=b"met.cad|1", value=str(number).encode()) for number in (4, 2, 3)]
    stage.reject(*one)

    stage.call(rejected, "redrive", "--all", "--rate", "1000")

    assert [message.value() for message in stage.read("incidents.raw")] == [b"2", b"3", b"4"]


def test_a_record_without_key_goes_back_to_its_partition(stage: Stage) -> None:
    stage.reject(refused(1, key=None))

    stage.call(rejected, "redrive", "--number", "1-0")

    assert [(message.key(), message.partition()) for message in stage.read("incidents.raw")] == [(None, 3)]


@pytest.mark.parametrize("arguments", [(), ("--all", "--reason", "bad_json")])
def test_redrive_wants_to_be_told_which(stage: Stage, arguments: Sequence[str]) -> None:
    result = stage.call(rejected, "redrive", *arguments)

    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("say which: ")


@pytest.mark.parametrize(
    "arguments",
    [("list", "--since", "soon"), ("list", "--since", "2020-01-01"), ("show", "7"), ("redrive", "--reason", "x")],
)
def test_a_wrong_argument_is_a_usage_error(stage: Stage, arguments: Sequence[str]) -> None:
    assert isinstance(stage.call(rejected, *arguments).exception, click.UsageError)


@pytest.mark.parametrize("command", [ingest, *rejected.commands.values()], ids=lambda command: str(command.name))
def test_help_shows_an_example(command: click.Command) -> None:
    told = CliRunner().invoke(command, ["--help"]).stdout

    assert "Example:\n    firebreak " in told


def test_profiles_are_named() -> None:
    told = CliRunner().invoke(ingest, ["--profiles"]).stdout

    assert [line.split()[0] for line in told.splitlines()][-1] == "police-uk"


def test_what_is_saved_and_loaded_is_the_same_and_a_cut_file_sends_nothing(stage: Stage) -> None:
    stage.ingest(HEADER + days(3, 1, 2))
    before = stage.read("incidents.raw")
    file = stage.folder / "raw.avro"

    assert stage.call(raw, "save", str(file)).exception is None
    assert stage.call(raw, "load", str(file)).exception is None
    twice = stage.read("incidents.raw")
    file.write_bytes(file.read_bytes()[:-20])
    refused = stage.call(raw, "load", str(file))

    assert sorted(_content(each) for each in twice) == sorted(_content(each) for each in [*before, *before])
    assert isinstance(refused.exception, UsageError)
    assert len(stage.read("incidents.raw")) == len(twice)


def _content(message: Message) -> tuple[int | None, bytes | None, bytes | None]:
    return message.partition(), message.key(), message.value()

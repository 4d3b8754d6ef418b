"""Whatever a source or a user can get wrong has a clear reason, and does no harm to what stands around it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from support.builders import MINUTE, NOON, notification
from support.commands import run
from support.kafka import KafkaCluster
from support.ports import free_ports
from support.toytown import write_pack

from schemas.catalogue import TopicSpec
from schemas.events import DAY, UNKNOWN_AREA, Incident, Kind, Millis, Notification, Rejection
from schemas.wire import Wire
from streams.agents.common import KEY_KEPT, Outbox
from streams.agents.enrich import EnrichEdge
from streams.core.enrich import Enrich
from streams.core.places import PackPlaces
from streams.core.stage import Output
from streams.edge import Target
from streams.regions.loader import load
from streams.settings import Settings, from_env
from streams.workers import Workers

WIRE = Wire.builtin()
RECEIVED = NOON + 5 * MINUTE
MEGABYTE = 1 << 20


class Raw(NamedTuple):
    """One record as it lies on the raw topic."""

    offset: int
    timestamp: Millis
    key: bytes | None
    value: bytes | None


Bytes = tuple[bytes | None, bytes | None]


def told(**given: object) -> Bytes:
    """Key and value of a good notification, but for what is given."""
    made: Notification = notification(**given)
    return made.incident_id.encode(), WIRE.encode_notification(made)


def bad(**given: object) -> Bytes:
    return told(source_ref="bad", **given)


def altered(old: bytes, new: bytes) -> Bytes:
    """A good record with some of its bytes replaced."""
    key, value = bad()
    assert value is not None
    assert value.count(old) == 1
    return key, value.replace(old, new)


def cut(at: int) -> Bytes:
    key, value = bad()
    assert value is not None
    return key, value[:at]


def padded(size: int) -> Bytes:
    key, value = bad()
    assert value is not None
    return key, value + b"\0" * size


@dataclass(slots=True)
class Gate:
    """The first stage of the toy town from bytes to bytes."""

    edge: EnrichEdge
    offset: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def feed(self, records: Sequence[Bytes]) -> list[object]:
        """What lies on the topics behind it, decoded again, in order."""
        outputs: list[Output] = []
        raw = [Raw(self.offset + n, RECEIVED, key, value) for n, (key, value) in enumerate(records)]
        self.offset += len(raw)
        self.refused = dict(self.edge.feed(raw, outputs).rejected)
        return [_read(self.edge, output) for output in outputs]


def _read(edge: EnrichEdge, output: Output) -> object:
    sent = edge.encode(output)
    assert sent.value is not None
    if sent.topic == "rejected":
        return WIRE.rejection.decode(sent.value)
    return WIRE.decode_incident(sent.value, whole=True)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("bad") / "pack")


@pytest.fixture
def gate(pack: Path) -> Gate:
    targets = {"incidents.enriched": Target("enriched", 1), "incidents.rejected": Target("rejected", 1)}
    stage = Enrich(0, PackPlaces([load(pack)]), enriched_partitions=1, tick_period=None)
    return Gate(EnrichEdge(stage, 0, WIRE, Outbox(WIRE, targets, "enrich")))


NAN, INFINITE = float("nan"), float("inf")
SCHEMA_OF_NOTHING = (7_654_321).to_bytes(4, "big")
REFUSED: Mapping[str, tuple[str, Bytes]] = {
    "no bytes at all": ("truncated", cut(0)),
    "ends within the prefix": ("truncated", cut(3)),
    "ends after the prefix": ("truncated", cut(5)),
    "ends within the record": ("truncated", cut(20)),
    "lacks its last byte": ("truncated", cut(-1)),
    "bytes left over": ("corrupt", padded(1)),
    "oversized": ("oversized", padded(MEGABYTE)),
    "10 MB": ("oversized", padded(10 * MEGABYTE)),
    "10 MB of anything": ("oversized", (b"met.cad|bad", b"x" * 10 * MEGABYTE)),
    "unknown schema id": ("unknown_schema", (bad()[0], b"\0" + SCHEMA_OF_NOTHING + (bad()[1] or b"")[5:])),
    "wrong magic byte": ("bad_magic", (bad()[0], b"\x01" + (bad()[1] or b"")[1:])),
    "null key": ("null_key", (None, bad()[1])),
    "null value": ("null_value", (bad()[0], None)),
    "both null": ("null_value", (None, None)),
    "key of another incident": ("key_mismatch", (told()[0], bad()[1])),
    "no UTF-8": ("corrupt", altered(b"violence", b"viol\xff\xfece")),
    "torn JSON": ("bad_json", (b"met.cad|bad", b'{"kind": "REPORTED", "source": "met')),
    "NaN longitude": ("bad_coordinates", bad(longitude=NAN, latitude=51.5)),
    "NaN latitude": ("bad_coordinates", bad(longitude=0.1, latitude=NAN)),
    "infinite longitude": ("bad_coordinates", bad(longitude=INFINITE, latitude=51.5)),
    "longitude off the globe": ("bad_coordinates", bad(longitude=180.5, latitude=51.5)),
    "latitude off the globe": ("bad_coordinates", bad(longitude=0.1, latitude=-90.5)),
    "longitude without latitude": ("bad_coordinates", bad(longitude=0.1)),
    "coordinates 0/0": ("zero_coordinates", bad(longitude=0.0, latitude=-0.0)),
    "occurs tomorrow": ("future_time", bad(occurred_at=RECEIVED + DAY)),
    "published in six minutes": ("future_time", bad(published_at=RECEIVED + 6 * MINUTE)),
    "microseconds for milliseconds": ("future_time", bad(occurred_at=NOON * 1000)),
    "epoch 0": ("placeholder_time", bad(occurred_at=0)),
    "before the epoch": ("placeholder_time", bad(occurred_at=-1)),
    "seconds for milliseconds": ("seconds_for_milliseconds", bad(occurred_at=NOON // 1000)),
    "published in seconds": ("seconds_for_milliseconds", bad(published_at=NOON // 1000)),
    "no time": ("no_time", bad(occurred_at=None, published_at=None)),
    "unknown category": ("unknown_category", bad(category="rudeness")),
    "unknown scheme": ("unknown_scheme", bad(scheme="klingon")),
    "cancel before report": ("cancel_before_report", bad(kind=Kind.CANCELLED, category="", scheme="")),
}
BEFORE = [told(source_ref="1"), told(source_ref="2", area_code="B")]
AFTER = [told(source_ref="3", area_code="C"), told(source_ref="1", revision=2, kind=Kind.UPDATED, area_code="D")]


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_record_is_rejected_with_its_reason_and_its_bytes_and_its_neighbours_are_unharmed(
    pack: Path, gate: Gate, case: str
) -> None:
    reason, (key, value) = REFUSED[case]

    left = gate.feed([*BEFORE, (key, value), *AFTER])

    rejected = [each for each in left if isinstance(each, Rejection)]
    assert [(each.reason, each.offset, each.received_at) for each in rejected] == [(reason, 2, RECEIVED)]
    assert rejected[0].topic == "incidents.raw"
    assert rejected[0].key == (None if key is None else key[:KEY_KEPT])
    assert rejected[0].value == (None if value is None else value[:MEGABYTE])
    assert rejected[0].detail
    assert gate.refused == {reason: 1}
    assert _essence(left) == [
        ("ADDED", "met.cad|1", "A"),
        ("ADDED", "met.cad|2", "B"),
        ("ADDED", "met.cad|3", "C"),
        ("WITHDRAWN", "met.cad|1", "A"),
        ("ADDED", "met.cad|1", "D"),
    ]


def _essence(left: Sequence[object]) -> list[tuple[str, str, str]]:
    return [(each.change, each.incident_id, each.area) for each in left if isinstance(each, Incident)]


@pytest.mark.parametrize(
    ("key", "value"),
    [(10, 10 * MEGABYTE), (10 * MEGABYTE, 10), (10 * MEGABYTE, 10 * MEGABYTE)],
    ids=["value", "key", "both"],
)
def test_the_rejection_of_ten_megabytes_is_small_enough_for_its_topic(gate: Gate, key: int, value: int) -> None:
    outputs: list[Output] = []

    gate.edge.feed([Raw(0, RECEIVED, b"k" * key, b"\0" * value)], outputs)

    sent = gate.edge.encode(outputs[0])
    limit = from_env({}).catalogue()["incidents.rejected"].configs["max.message.bytes"]
    # batch header, record header and lengths take well under a hundred bytes
    assert len(sent.key or b"") + len(sent.value or b"") + 100 < int(limit)


@pytest.mark.parametrize("size", [1_048_000, 10 * MEGABYTE])
def test_a_record_as_large_as_a_real_broker_takes_stops_no_worker(
    kafka: KafkaCluster, own_topics: Callable[..., Settings], pack: Path, size: int
) -> None:
    prefix = f"large{size}"
    settings = own_topics(replay=True, FIREBREAK_TOPIC_PREFIX=prefix)
    config, topics = settings.kafka.librdkafka(), settings.catalogue(replay=True)
    _allow_records_of(12 * MEGABYTE, config, topics["incidents.raw"].name)
    producer = Producer({**config, "message.max.bytes": 12 * MEGABYTE})
    for key, value in [(b"met.cad|bad", b"\0" * size), (b"met.cad|next", b"x")]:
        producer.produce(topics["incidents.raw"].name, value, key, partition=0)
    assert producer.flush(60) == 0
    environ = {"FIREBREAK_KAFKA_BROKERS": kafka.bootstrap, "FIREBREAK_TOPIC_PREFIX": prefix}

    with Workers({**environ, "FIREBREAK_REGIONS": str(pack), "FIREBREAK_TICK_PERIOD": "off"}) as workers:
        rejected = _rejections(2, config, topics["incidents.rejected"], workers)

    assert {(each.key, each.offset, len(each.value or b"")) for each in rejected} == {
        (b"met.cad|bad", 0, min(size, MEGABYTE)),
        (b"met.cad|next", 1, 1),
    }
    assert workers.restarts == 0


def _allow_records_of(size: int, config: Mapping[str, str | int | float | bool], topic: str) -> None:
    most = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[most])
    # kept in a name: an administrator that is thrown away takes its answers with it
    admin = AdminClient(dict(config))
    admin.incremental_alter_configs([resource])[resource].result(30)


def _rejections(
    count: int, config: Mapping[str, str | int | float | bool], topic: TopicSpec, workers: Workers
) -> list[Rejection]:
    found: list[Rejection] = []
    reader = Consumer({**config, "group.id": "large", "isolation.level": "read_committed"})
    reader.assign([TopicPartition(topic.name, partition, 0) for partition in range(topic.partitions)])
    deadline = time.monotonic() + 120
    while len(found) < count and time.monotonic() < deadline:
        workers.supervise()
        messages = reader.consume(10, 0.2)
        found += [WIRE.rejection.decode(each.value() or b"") for each in messages if each.error() is None]
    reader.close()
    return found


def test_a_revision_that_goes_backwards_changes_nothing(gate: Gate) -> None:
    moved = partial(told, source_ref="1", kind=Kind.UPDATED)

    left = gate.feed([told(), moved(revision=5, area_code="B"), moved(revision=4, area_code="C"), moved(revision=6)])

    assert [each.reason for each in left if isinstance(each, Rejection)] == ["revision_backwards"]
    assert [area for change, _, area in _essence(left) if change == "ADDED"] == ["A", "B", "A"]


def test_a_report_that_comes_after_its_cancellation_does_not_raise_the_dead(gate: Gate) -> None:
    cancelled = told(kind=Kind.CANCELLED, revision=2, category="", scheme="")

    left = gate.feed([cancelled, told(revision=1), told(source_ref="2")])

    assert [each.reason for each in left if isinstance(each, Rejection)] == [
        "cancel_before_report",
        "revision_backwards",
    ]
    assert _essence(left) == [("ADDED", "met.cad|2", "A")]


def test_a_place_that_nobody_knows_is_no_mistake_and_is_counted_nowhere(gate: Gate) -> None:
    left = gate.feed([told(area_code="Atlantis"), told(source_ref="2", area_code=None)])

    assert _essence(left) == [("ADDED", "met.cad|1", UNKNOWN_AREA), ("ADDED", "met.cad|2", UNKNOWN_AREA)]


def test_all_bad_records_at_once_leave_the_good_ones_counted(gate: Gate) -> None:
    every = [record for _, record in REFUSED.values()]
    mixed = [each for n, record in enumerate(every) for each in (record, told(source_ref=f"good{n}"))]

    left = gate.feed(mixed)

    assert len(_essence(left)) == len(every)
    # "no time" and all others of one incident that is known as cancelled only once the last of them is read
    assert sum(gate.refused.values()) == len(every)
    assert gate.edge.stage.accepted == len(every)


GOOD_ROW = "met,firebreak,violence_injury,{ref},2024-05-01T12:00:00Z,A\n"
HEADER = "source,scheme,category,source_ref,occurred_at,area_code\n"


def table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    file = folder / "told.csv"
    file.write_bytes(text.encode(encoding))
    return file


def replay(file: Path, pack: Path | str, *more: str, profile: str = "csv") -> CompletedProcess[str]:
    arguments = ("--profile", profile, "--region", str(pack), "--out", str(file.parent / "out"), "--quiet")
    return run("replay", str(file), *arguments, *more)


def refusal(ended: CompletedProcess[str]) -> str:
    """The one line on standard error of a command that ended as a user's mistake ends."""
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr[-2000:]
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_file_without_a_needed_column_is_refused_in_one_line(tmp_path: Path, pack: Path) -> None:
    file = table(tmp_path, "source,scheme,kategory,source_ref,occurred_at\n")

    line = refusal(replay(file, pack))

    assert "told.csv line 1: no column category" in line
    assert "did you mean kategory?" in line


@pytest.mark.parametrize(("encoding", "clue"), [("latin-1", "line 3"), ("utf-16", "UTF-16")])
def test_a_file_in_another_encoding_is_refused_in_one_line(
    tmp_path: Path, pack: Path, encoding: str, clue: str
) -> None:
    file = table(tmp_path, HEADER + GOOD_ROW.format(ref="1") + GOOD_ROW.format(ref="Züri"), encoding=encoding)

    line = refusal(replay(file, pack))

    assert "told.csv" in line
    assert clue in line


def test_a_torn_last_line_is_rejected_and_the_rest_counted(tmp_path: Path, pack: Path) -> None:
    rows = "".join(GOOD_ROW.format(ref=n) for n in range(5))
    file = table(tmp_path, HEADER + rows + "met,firebreak,viol")

    ended = replay(file, pack)

    assert ended.returncode == 0, ended.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert (summary["read"], summary["accepted"], summary["rejected"]) == (6, 5, {"truncated": 1})
    hours = (tmp_path / "out" / "hours.csv").read_text("utf-8").split()[1:]
    assert hours == ["A,borough,street_violence,2024-05-01T12:00:00Z,5,5"]
    rejected = (tmp_path / "out" / "rejected.jsonl").read_text("utf-8")
    assert "line 7: the file ends within this line" in json.loads(rejected)["detail"]


def test_a_profile_that_is_not_there_is_refused_in_one_line(tmp_path: Path, pack: Path) -> None:
    file = table(tmp_path, HEADER)

    assert "no profile chicago-crime: did you mean chicago-crimes?" in refusal(
        replay(file, pack, profile="chicago-crime")
    )


def test_a_region_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "no region atlantis" in refusal(replay(table(tmp_path, HEADER), "atlantis"))


@pytest.mark.parametrize(
    ("manifest", "clue"),
    [
        ('name = "toytown"\nzone = ', "not TOML"),
        ('name = "toytown"\nzone = "Europe/Lundon"\nlevels = ["borough"]\ngroups = ["robbery"]\n', "zone"),
        ('zone = "Europe/London"\nlevels = ["borough"]\ngroups = ["robbery"]\n', "name"),
    ],
)
def test_a_broken_manifest_is_refused_in_one_line(tmp_path: Path, manifest: str, clue: str) -> None:
    pack = write_pack(tmp_path / "pack")
    (pack / "region.toml").write_text(manifest, encoding="utf-8")

    line = refusal(replay(table(tmp_path, HEADER), pack))

    assert "region.toml" in line
    assert clue in line


def test_a_setting_of_a_wrong_name_is_refused_in_one_line() -> None:
    line = refusal(run("worker", "--stage", "enrich", environ={"FIREBREAK_TICK_PERIODE": "5s"}))

    assert "FIREBREAK_TICK_PERIODE is no setting of firebreak; did you mean FIREBREAK_TICK_PERIOD?" in line


@pytest.fixture(scope="module")
def unanswered(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, CompletedProcess[str]]:
    """What commands say, all at once, for each waits a while, when there is no broker."""
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    file = table(tmp_path_factory.mktemp("nobody"), HEADER + GOOD_ROW.format(ref="1"))
    told = {"FIREBREAK_KAFKA_BROKERS": nobody, "FIREBREAK_REGIONS": str(pack), "FIREBREAK_BROKER_WAIT": "3s"}
    # a worker logs for whom it waits, which is not the line looked for
    ask = partial(run, environ={**told, "FIREBREAK_LOG_LEVEL": "error"})
    with ThreadPoolExecutor(4) as pool:
        asked = {
            "replay": pool.submit(replay, file, pack, "--through", "kafka", "--broker", nobody),
            "ingest": pool.submit(ask, "ingest", str(file), "--profile", "csv"),
            "worker": pool.submit(ask, "worker", "--stage", "enrich"),
            "topics": pool.submit(ask, "topics", "apply"),
        }
        return {command: ended.result() for command, ended in asked.items()}


@pytest.mark.parametrize("command", ["replay", "ingest", "worker", "topics"])
def test_a_broker_that_does_not_answer_is_told_in_one_line(
    unanswered: Mapping[str, CompletedProcess[str]], command: str
) -> None:
    line = refusal(unanswered[command])

    assert "no broker answers at 127.0.0.1:" in line

"""The subscriber's page, followed: each sample prints its first incidents from a real Kafka, and a repeat only once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from confluent_kafka import Producer
from support import toytown
from support.enriching import enriched
from support.jars import cache_folder
from support.missing import missing
from support.pages import DOCS, SCHEMAS, schemas_by_id
from support.waiting import until

from consumers.loop import Record
from schemas.catalogue import Catalogue
from schemas.definitions import schema
from schemas.settings import Settings
from schemas.wire import Wire
from streams.regions.loader import load

SAMPLES = DOCS / "subscribe"
PATIENCE = 180.0
FETCH_WITHIN = 300
"""Seconds."""


@pytest.fixture
def published(own_topics: Callable[..., Settings], tmp_path: Path) -> tuple[Settings, list[str]]:
    """Settings of a deployment, and the incidents on its enriched topic in their order; the first comes twice."""
    settings = own_topics(FIREBREAK_PARTITIONS_ENRICHED="1")
    records = list(enriched(toytown.arrivals(1, 3), load(str(toytown.write_pack(tmp_path / "toytown")))))
    producer, topic = Producer(settings.kafka.librdkafka()), settings.catalogue()["incidents.enriched"].name
    for record in (records[0], *records):
        producer.produce(topic, record.value, record.key, headers=[("ce_id", f"0-{record.offset}-0".encode())])
    assert producer.flush(60) == 0
    return settings, [_incident(each) for each in records]


def _incident(record: Record) -> str:
    return Wire.builtin().decode_incident(record.value or b"").incident_id


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            missing(FileNotFoundError(f"this sample needs {program}: run deploy/ci/install.sh as root"))


def fetched(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_WITHIN, check=False)
    if done.returncode != 0:
        missing(
            FileNotFoundError(f"{command[0]} can't fetch what the sample needs: {(done.stdout + done.stderr)[-300:]}")
        )


def in_python(folder: Path) -> Sequence[str]:
    return (sys.executable, str(folder / "subscribe.py"))


def in_node(folder: Path) -> Sequence[str]:
    need("node", "npm")
    fetched("npm", "ci", "--silent", folder=folder)
    return ("node", str(folder / "subscribe.mjs"))


def in_java(folder: Path) -> Sequence[str]:
    need("javac", "mvn")
    jars = cache_folder() / "subscriber"
    fetched("mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={jars}", folder=folder)
    return ("java", "-cp", f"{jars}/*", "Subscribe.java")


@contextmanager
def running(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[list[str]]:
    """Run a sample; gives the lines that it prints, as they come."""
    lines: list[str] = []
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, lines))
    reader.start()
    try:
        yield lines
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(iter(stream.readline, ""))


def test_schemas_for_subscribers_are_fresh() -> None:
    assert SCHEMAS.read_text("utf-8") == schemas_by_id(), "run: make pages"


@pytest.mark.parametrize(("language", "prepared"), [("python", in_python), ("node", in_node), ("java", in_java)])
def test_a_sample_prints_the_incidents_in_order_and_a_repeat_once(
    language: str,
    prepared: Callable[[Path], Sequence[str]],
    published: tuple[Settings, list[str]],
    tmp_path: Path,
) -> None:
    settings, incidents = published
    folder = tmp_path / language
    shutil.copytree(SAMPLES / language, folder, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(SCHEMAS, folder)
    environment = {
        "BROKERS": ",".join(settings.kafka.brokers),
        "GROUP": f"{settings.topic_prefix}-{language}",
        "TOPIC": settings.catalogue()["incidents.enriched"].name,
    }

    with running(prepared(folder), folder, environment) as lines:
        until(lambda: len(lines) >= len(incidents), PATIENCE, what=(folder / "stderr").read_text("utf-8")[-500:])

    printed = [re.findall(r'"incident_id": ?"([^"]+)"', line) for line in lines]
    assert printed == [[incident] for incident in incidents]


def test_the_flink_table_has_columns_of_the_record() -> None:
    sql = (SAMPLES / "flink" / "subscribe.sql").read_text("utf-8")
    table = sql[sql.index("(") + 1 : sql.index("WATERMARK")]
    columns = re.findall(r"^\s+`?(\w+)`? ([A-Z_]+)", table, re.MULTILINE)
    kinds = {field["name"]: field["type"] for field in schema("Incident")["fields"]}  # type: ignore[union-attr,index,call-overload]  # a schema

    assert len(columns) >= 8
    for name, kind in columns:
        told = json.dumps(kinds[name])
        assert {"STRING": "string", "INT": "int", "ARRAY": "array", "TIMESTAMP_LTZ": "timestamp-millis"}[
            kind
        ] in told or ("enum" in told and kind == "STRING")
    assert Catalogue.load()["incidents.enriched"].name in sql


def test_the_connector_writes_a_topic_by_its_key() -> None:
    config = json.loads((SAMPLES / "connect" / "sink.json").read_text("utf-8"))["config"]
    topic = next(each for each in Catalogue.load().values() if each.name == config["topics"])
    names = {field["name"] for field in schema(topic.schema)["fields"]}  # type: ignore[union-attr,index,call-overload]  # a schema

    assert set(config["pk.fields"].split(",")) <= names
    assert config["pk.fields"].split(",") == topic.key.split("|")

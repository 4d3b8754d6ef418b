"""Schemas in a registry: by one suite against one in memory and a real one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
from support import toytown
from support.enriching import enriched
from support.examples import example
from support.jars import NoKafka
from support.missing import missing
from support.ports import free_ports
from support.registry import Apicurio, InMemory

from schemas.definitions import schema
from schemas.errors import UsageError
from schemas.registry import Away, Registry, public, subject, wire
from schemas.settings import Settings, from_env
from schemas.wire import Wire
from streams.regions.loader import load
from streams.topics import topics


@pytest.fixture(scope="module", params=["in memory", "real"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "in memory":
        with InMemory() as registry:
            yield registry.url
        return
    try:
        with Apicurio() as real:
            yield real.url
    except NoKafka as why:
        missing(why)


def settings_with(url: str, prefix: str) -> Settings:
    return from_env({"FIREBREAK_REGISTRY_URL": url, "FIREBREAK_TOPIC_PREFIX": prefix})


def registered(url: str, prefix: str) -> Settings:
    settings = settings_with(url, prefix)
    for topic in public(settings.catalogue()):
        Registry(url).register(topic)
    return settings


def test_what_is_registered_is_no_longer_missing(url: str) -> None:
    settings = settings_with(url, "first")
    catalogue = settings.catalogue()
    assert [each.id for each in Registry(url).missing(catalogue)] == [each.id for each in public(catalogue)]

    registered(url, "first")

    assert Registry(url).missing(catalogue) == []
    assert {each.record for each in Registry(url).ids(catalogue).values()} == {
        "Incident",
        "AreaCount",
        "AlertEvent",
        "Alert",
    }


def test_registering_again_changes_nothing(url: str) -> None:
    settings = registered(url, "again")
    before = Registry(url).ids(settings.catalogue())

    registered(url, "again")

    assert Registry(url).ids(settings.catalogue()) == before


def test_records_carry_the_ids_of_the_registry_and_are_read_under_both(url: str) -> None:
    settings = registered(url, "both")
    count = example("AreaCount.normal")

    told = wire(settings).encode(count)

    assert int.from_bytes(told[1:5], "big") in Registry(url).ids(settings.catalogue())
    assert wire(settings).area_count.decode(told) == count
    assert wire(settings).area_count.decode(Wire.builtin().encode(count)) == count


def test_a_stage_writes_the_ids_of_the_registry(url: str, tmp_path: Path) -> None:
    ids = Registry(url).ids(registered(url, "stage").catalogue())
    town, told = load(str(toytown.write_pack(tmp_path / "toytown"))), toytown.arrivals(1, 2)
    where = {"FIREBREAK_REGISTRY_URL": url, "FIREBREAK_TOPIC_PREFIX": "stage"}

    written = {(record.value or b"")[1:5] for record in enriched(told, town, **where)}

    assert {int.from_bytes(each, "big") for each in written} <= set(ids)


def test_a_subscriber_finds_the_schema_by_the_id_in_the_record(url: str) -> None:
    told = wire(registered(url, "finds")).encode(example("Alert.open"))

    found = SchemaRegistryClient({"url": url}).get_schema(int.from_bytes(told[1:5], "big"))

    assert json.loads(str(found.schema_str)) == schema("Alert")


def test_a_schema_that_is_not_registered_is_one_line(url: str) -> None:
    with pytest.raises(UsageError, match="firebreak topics apply"):
        wire(settings_with(url, "nothing"))


def test_a_registry_that_is_away_is_waited_for_and_then_one_line() -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"

    with pytest.raises(Away, match="FIREBREAK_REGISTRY_URL"):
        wire(settings_with(nowhere, "away"), patience=0)


def test_without_a_registry_the_built_in_ids_are_used() -> None:
    count = example("AreaCount.normal")

    assert wire(from_env({})).encode(count) == Wire.builtin().encode(count)


def test_a_change_that_would_break_a_reader_is_refused_by_a_real_registry() -> None:
    try:
        real = Apicurio().__enter__()
    except NoKafka as why:
        missing(why)
    try:
        settings = registered(real.url, "breaks")
        topic = settings.catalogue()["areas.counts"]
        broken = copy.deepcopy(schema("AreaCount"))
        broken["fields"].append({"name": "extra", "type": "string", "doc": "X."})  # type: ignore[union-attr]  # a list

        with pytest.raises(SchemaRegistryError):
            SchemaRegistryClient({"url": real.url}).register_schema(subject(topic), Schema(json.dumps(broken), "AVRO"))
    finally:
        real.__exit__(None, None, None)


def test_topics_apply_registers_what_plan_says(
    url: str, own_topics: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = own_topics()
    monkeypatch.setenv("FIREBREAK_REGISTRY_URL", url)
    monkeypatch.setenv("FIREBREAK_TOPIC_PREFIX", settings.topic_prefix)
    monkeypatch.setenv("FIREBREAK_KAFKA_BROKERS", settings.kafka.brokers[0])

    for command, told in (("plan", "4 schemas to register"), ("apply", "4 schemas registered"), ("plan", "0 schemas")):
        topics.main([command], standalone_mode=False)
        assert told in capsys.readouterr().out

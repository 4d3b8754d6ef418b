"""Audiences' topics on a real Kafka: each closed period once, whatever is run again or dies on the way."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from support.toytown import write_pack

from consumers.audience.command import audience
from consumers.audience.publishing import Topics
from consumers.reading import read
from schemas.errors import UsageError
from schemas.settings import Settings

RULES = {
    "version": 1,
    "region": "toytown",
    "after": "7d",
    "periods": {"robbery": "week", "street_violence": "month"},
    "audiences": {
        "partner": {"robbery": "borough", "street_violence": "borough"},
        "public": {"robbery": "region", "street_violence": "region"},
    },
}
MONDAY = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def hours_file(folder: Path, days: int) -> Path:
    """Three robberies a day in A, one in B."""
    path = folder / "hours.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["area", "group", "hour", "incidents"])
        for day in range(days):
            at = (MONDAY + dt.timedelta(days=day, hours=22)).isoformat()
            lines.writerows([["A", "robbery", at, 3], ["B", "robbery", at, int(day % 7 < 2)]])
    return path


@pytest.fixture
def environment(own_topics: Callable[..., Settings], tmp_path: Path) -> tuple[Settings, dict[str, str]]:
    settings = own_topics()
    file = tmp_path / "audiences.yaml"
    file.write_text(yaml.safe_dump(RULES), "utf-8")
    return settings, {
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_REGIONS": str(write_pack(tmp_path / "pack")),
        "FIREBREAK_AUDIENCES": str(file),
    }


def published(environment: dict[str, str], hours: Path, now: str) -> Result:
    asked = ["publish", "--hours", str(hours), "--since", "2026-01-05", "--now", now]
    return CliRunner().invoke(audience, asked, env=environment)


def on(settings: Settings, name: str) -> list[dict[str, object]]:
    topic = f"{settings.topic_prefix}.audience.{name}.counts.v1"
    spec = settings.catalogue()["audit"]
    renamed = type(spec)(**{each: getattr(spec, each) for each in spec.__slots__} | {"id": topic, "name": topic})
    return [json.loads(record.value or b"{}") for record in read(settings, renamed)]


def test_a_period_is_told_once_to_all_audiences_when_it_is_as_good_as_complete(
    environment: tuple[Settings, dict[str, str]], tmp_path: Path
) -> None:
    settings, given = environment
    hours = hours_file(tmp_path, 28)

    for now in ("2026-01-18", "2026-01-19", "2026-01-19", "2026-01-26"):
        assert published(given, hours, now).exit_code == 0

    partner, public = on(settings, "partner"), on(settings, "public")
    assert Counter((each["period"], each["level"]) for each in public) == {
        ("2026-W02", "region"): 1,
        ("2026-W03", "region"): 1,
    }
    of_a_week = {each["area"]: each["text"] for each in partner if each["period"] == "2026-W02"}
    assert {of_a_week["A"], of_a_week["B"]} == {"21", "1-4"} or of_a_week["A"] == "c"
    assert {each["handling"] for each in partner} == {"OFFICIAL"}
    assert not [each for each in public if each["area"] in {"A", "B"}]


def test_what_died_on_the_way_is_told_once_by_the_next(
    environment: tuple[Settings, dict[str, str]], tmp_path: Path
) -> None:
    settings, given = environment
    hours = hours_file(tmp_path, 28)
    died = Topics(settings, ["partner", "public"])
    died._producer.begin_transaction()
    died._producer.produce(f"{settings.topic_prefix}.audience.public.counts.v1", b'{"group": "robbery"}')
    died._producer.flush(20)

    assert published(given, hours, "2026-01-19").exit_code == 0

    assert [each["period"] for each in on(settings, "public")] == ["2026-W02"]


def test_a_file_that_ends_before_the_period_is_refused(
    environment: tuple[Settings, dict[str, str]], tmp_path: Path
) -> None:
    settings, given = environment

    result = published(given, hours_file(tmp_path, 3), "2026-01-19")

    assert isinstance(result.exception, UsageError)
    assert "does not hold all of 2026-W02" in str(result.exception)
    assert on(settings, "public") == []

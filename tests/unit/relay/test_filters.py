"""What a subscriber gets, by examples of every record; and what a file of subscribers may not say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.examples import example

from consumers.relay.file import load, topics_of
from consumers.relay.filters import Filter
from schemas.errors import UsageError
from schemas.events import Alert, AlertEvent, AlertKind, AreaCount, Counted, Incident
from schemas.settings import from_env

COUNT: AreaCount = example("AreaCount.normal")
OPENED: AlertEvent = example("AlertEvent.opened")
OPEN: Alert = example("Alert.open")
CATALOGUE = from_env({}).catalogue()


def wanting(**given: Any) -> Filter:
    return Filter(name="x", topics=("alerts.events",), **given)


def incident(**given: Any) -> Incident:
    fields: dict[str, Any] = {
        "change": "ADDED", "origin_partition": 0, "origin_offset": 0, "origin_index": 0, "clock": None,
        "incident_id": "cad|1", "region": "r", "area": "A", "ward": "A1", "groups": ("robbery",), "hour": 0,
        "victims": 1, "was": None, "received_at": 0, "quality": (), "category": "c", "time_rule": "OCCURRED",
        "vintage": "", "tense": "ACTUAL", "notification": b"",
    }  # fmt: skip
    return Incident(**{**fields, **given})


def test_who_asks_for_everything_gets_everything_that_is_actual() -> None:
    assert all(wanting().passes(each) for each in (COUNT, replace(OPENED, tense="ACTUAL"), OPEN, incident()))
    assert not wanting().passes(replace(OPENED, tense="INJECTION"))
    assert not wanting().passes(incident(tense="EXERCISE"))
    assert wanting(tenses=frozenset({"EXERCISE"})).passes(incident(tense="EXERCISE"))


@pytest.mark.parametrize(("area", "passes"), [("A", True), ("A1", True), ("B", False)])
def test_an_incident_is_told_by_area_or_ward(area: str, passes: bool) -> None:
    assert wanting(areas=frozenset({area})).passes(incident()) is passes


def test_an_incident_that_left_is_told_to_who_had_it() -> None:
    moved = incident(change="AMENDED", ward="A2", groups=("other",), was=Counted("A", "A1", ("robbery",), 0, 1))

    assert wanting(areas=frozenset({"A1"}), groups=frozenset({"robbery"})).passes(moved)


def test_heartbeats_pass_every_filter() -> None:
    narrow = wanting(areas=frozenset({"Z"}), groups=frozenset({"none"}), handling=frozenset({"OFFICIAL_SENSITIVE"}))

    assert narrow.passes(example("AreaCount.heartbeat"))
    assert narrow.passes(incident(change="HEARTBEAT", area="", groups=()))


def test_a_severity_keeps_back_lesser_openings_and_no_end() -> None:
    grave, watch = wanting(severity="CRITICAL"), replace(OPENED, severity="WATCH", tense="ACTUAL")

    assert not grave.passes(watch)
    assert grave.passes(replace(watch, severity="CRITICAL"))
    for kind in (AlertKind.ENDED, AlertKind.RETRACTED, AlertKind.DEESCALATED, AlertKind.CLOSED):
        assert grave.passes(replace(watch, kind=kind))
    assert not grave.passes(replace(OPEN, severity="ALERT"))


def test_groups_and_markings_divide_counts() -> None:
    assert not wanting(groups=frozenset({"other"})).passes(COUNT)
    assert not wanting(handling=frozenset({"OFFICIAL_SENSITIVE"})).passes(replace(COUNT, handling="OFFICIAL"))


def loaded(folder: Path, **subscriber: object) -> list[Filter]:
    path = folder / "subscribers.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "subscribers": {"council": subscriber}}), "utf-8")
    return load(path, CATALOGUE)


def test_a_file_names_the_topics_of_each_subscriber(tmp_path: Path) -> None:
    filters = loaded(tmp_path, topics=["alerts.events", "areas.counts"], areas=["E09000008"])

    assert sorted(topics_of(filters, CATALOGUE).values()) == [
        "firebreak.subscriber.council.alerts.events.v1",
        "firebreak.subscriber.council.areas.counts.v1",
    ]


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"topics": []}, "no topics"),
        ({"topics": ["incidents.raw"]}, "incidents.raw"),
        ({"topics": ["alerts.events"], "severity": "HIGH"}, "HIGH"),
        ({"topics": ["alerts.events"], "colour": "red"}, "colour"),
        ({"topics": ["incidents.enriched"], "handling": ["OFFICIAL"]}, "handling"),
        ({"topics": "alerts.events"}, "topics"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, mistake: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        loaded(tmp_path, **mistake)
    assert "\n" not in str(raised.value)

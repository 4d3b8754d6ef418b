from __future__ import annotations

from pathlib import Path

import pytest

from schemas.catalogue import FILE, FOREVER, Audience, Catalogue, Cleanup, Timestamps
from schemas.errors import UsageError

WRITTEN_DOWN = {
    "incidents.raw": ("delete", 14, 8),
    "incidents.enriched": ("delete", 14, 8),
    "incidents.rejected": ("delete", 30, 4),
    "detect.inbox": ("delete", 14, 4),
    "areas.counts": ("compact", None, 4),
    "alerts.events": ("delete", 90, 4),
    "alerts.state": ("compact", None, 4),
    "notifications.deliveries": ("compact,delete", 30, 4),
    "audit": ("delete", 400, 1),
    "notifier.journal": ("compact", None, 1),
    "enrich.journal": ("compact", None, 8),
    "count.journal": ("compact", None, 8),
    "detect.journal": ("compact", None, 4),
}
"""Cleanup, days and partitions, as they were decided."""

TOPIC = """
version: 1
timestamps: LogAppendTime
topics:
  a.b:
    about: Something.
    key: some key
    partitions: 2
    cleanup: delete
    retention: 36h
    schema: Notification
    owner: us
    audience: public
"""


def load(folder: Path, text: str) -> Catalogue:
    file = folder / "topics.yaml"
    file.write_text(text, "utf-8")
    return Catalogue.load(file)


def test_the_catalogue_holds_what_was_decided() -> None:
    catalogue = Catalogue.load()

    found = {
        topic: (
            spec.cleanup.value,
            None if spec.retention == FOREVER else spec.retention // 86_400_000,
            spec.partitions,
        )
        for topic, spec in catalogue.items()
    }
    assert found == WRITTEN_DOWN


def test_records_are_stamped_when_they_are_appended() -> None:
    assert {spec.configs["message.timestamp.type"] for spec in Catalogue.load().values()} == {"LogAppendTime"}


def test_journals_are_compacted_internal_and_divided_as_their_stage_s_input() -> None:
    catalogue = Catalogue.load()

    for journal, source in (
        ("enrich.journal", "incidents.raw"),
        ("count.journal", "incidents.enriched"),
        ("detect.journal", "detect.inbox"),
    ):
        assert catalogue[journal].cleanup is Cleanup.COMPACT
        assert catalogue[journal].audience is Audience.INTERNAL
        assert catalogue[journal].partitions == catalogue[source].partitions
        changed = catalogue.variant(partitions={source: 3})
        assert changed[journal].partitions == changed[source].partitions == 3


def test_public_topics_have_a_schema() -> None:
    assert all(spec.schema for spec in Catalogue.load().values() if spec.audience is Audience.PUBLIC)


def test_a_prefix_changes_the_names_and_nothing_else() -> None:
    catalogue = Catalogue.load()

    changed = catalogue.topics("test-7")

    assert changed[0].name == "test-7.incidents.raw.v1"
    assert [spec.configs for spec in changed] == [spec.configs for spec in catalogue.values()]
    assert catalogue["incidents.raw"].name == "firebreak.incidents.raw.v1"


def test_topics_of_a_replay_keep_the_past() -> None:
    for spec in Catalogue.load().topics("replay", replay=True):
        assert spec.timestamps is Timestamps.CREATED
        assert spec.configs["message.timestamp.type"] == "CreateTime"
        assert spec.configs["retention.ms"] == "-1"
        assert "delete" not in spec.configs["cleanup.policy"] or spec.retention == FOREVER
        assert int(spec.configs["message.timestamp.after.max.ms"]) > 10**18


@pytest.mark.parametrize("topic", ["enrich.journal", "incidents.row"])
def test_only_counts_of_their_own_can_be_changed(topic: str) -> None:
    with pytest.raises(UsageError, match=topic):
        Catalogue.load().variant(partitions={topic: 3})


def test_a_topic_can_not_be_changed() -> None:
    catalogue = Catalogue.load()

    with pytest.raises(AttributeError):
        catalogue["incidents.raw"].partitions = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        catalogue["enrich.journal"].extra["x"] = "y"  # type: ignore[index]


def test_a_small_catalogue_is_read(tmp_path: Path) -> None:
    spec = load(tmp_path, TOPIC)["a.b"]

    assert spec.name == "firebreak.a.b.v1"
    assert spec.configs == {
        "cleanup.policy": "delete",
        "retention.ms": str(36 * 3_600_000),
        "message.timestamp.type": "LogAppendTime",
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "topics.yaml: version: this firebreak reads version 1"),
        ("timestamps: LogAppendTime", "timestamps: Now", "timestamps: 'Now' is none of LogAppendTime, CreateTime"),
        ("    owner: us\n", "", "topics > a.b > owner: missing"),
        ("owner: us", "owner: us\n    colour: red", "topics > a.b > colour: not a key of this file"),
        ("partitions: 2", "partitions: 0", "topics > a.b > partitions: expected a whole number from 1, found 0"),
        ("partitions: 2", "partitions: true", "partitions: expected a whole number"),
        ("partitions: 2", "partitions: a.c", "topics > a.b > partitions: 'a.c' is neither"),
        ("partitions: 2", "partitions: a.b", "topics > a.b > partitions: 'a.b' is neither"),
        ("retention: 36h", "retention: 36", "topics > a.b > retention: 36 is neither"),
        ("    retention: 36h\n", "", "topics > a.b > retention: say for what is deleted"),
        ("cleanup: delete", "cleanup: compact", "topics > a.b > retention: say for what is deleted"),
        ("cleanup: delete", "cleanup: burn", "cleanup: 'burn' is none of delete, compact"),
        ("schema: Notification", "schema: Notice", "topics > a.b > schema: there is no avro/Notice.avsc"),
        ("schema: Notification", "schema: Notification\n    value: x", "schema: say either"),
        ("audience: public", "audience: all", "audience: 'all' is none of public, internal"),
        (
            "audience: public",
            "audience: public\n    configs:\n      retention.ms: 5",
            "configs > retention.ms: the topic",
        ),
        ("audience: public", "audience: public\n    configs:\n      a: [1]", "configs > a: expected a number or words"),
        ("  a.b:", "  A_B:", "topics > A_B: an id is words"),
        ("  a.b:", "  a.b: 5\n  c:", "topics > a.b: expected keys and values here"),
        ("about: Something.", "about: 7", "topics > a.b > about: expected words, found 7"),
        ("version: 1", "version: [", "topics.yaml: no YAML"),
    ],
)
def test_a_mistake_is_refused_with_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in TOPIC

    with pytest.raises(UsageError) as mistake:
        load(tmp_path, TOPIC.replace(old, new))

    assert says in str(mistake.value)
    assert str(mistake.value).startswith("topics.yaml: ")
    assert "\n" not in str(mistake.value)


def test_the_file_is_part_of_the_package() -> None:
    assert FILE.parent.name == "schemas"

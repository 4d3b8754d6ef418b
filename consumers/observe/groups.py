"""How far every group is behind, seen from outside, so that it is known when workers are dead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, without saying so
    AdminClient,
    OffsetSpec,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.settings import Settings

CALL_WITHIN = 5.0
"""Seconds of one request: less than a scrape may take."""

KeyT = TypeVar("KeyT")
AnswerT = TypeVar("AnswerT")


class Behind(NamedTuple):
    """One group at one partition: records between its position and the end."""

    group: str
    topic: str
    partition: int
    records: int


class Groups:
    """
    The groups of one deployment, asked of the brokers.

    Parameters
    ----------
    settings
        Where; groups whose names begin with its topic prefix are looked at.

    """

    def __init__(self, settings: Settings) -> None:
        self._prefix = f"{settings.topic_prefix}-"
        config: dict[str, object] = {**settings.kafka.librdkafka(), "log_level": 0}
        self._client = AdminClient(config)  # type: ignore[arg-type]  # its types forget what is not text

    def members(self) -> dict[str, int]:
        """
        Number of members by group.

        Raises
        ------
        KafkaException
            No broker answers.

        """
        listed = self._client.list_consumer_groups(request_timeout=CALL_WITHIN).result()
        if listed.errors and not listed.valid:
            raise KafkaException(listed.errors[0])
        names = [each.group_id for each in listed.valid if each.group_id.startswith(self._prefix)]
        if not names:
            return {}
        told = self._client.describe_consumer_groups(names, request_timeout=CALL_WITHIN)
        return {name: len(answer.result().members) for name, answer in told.items()}

    def behind(self, groups: Sequence[str]) -> list[Behind]:
        """
        Lag of every partition that a group has a position in; a partition without a position is not told.

        Raises
        ------
        KafkaException
            No broker answers.

        """
        positions = {(group, each.topic, each.partition): each.offset for group in groups for each in self._of(group)}
        ends = self._ends({(topic, partition) for _, topic, partition in positions})
        return [
            Behind(group, topic, partition, max(0, ends[topic, partition] - offset))
            for (group, topic, partition), offset in sorted(positions.items())
            if offset >= 0 and (topic, partition) in ends
        ]

    def _of(self, group: str) -> Sequence[TopicPartition]:
        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=CALL_WITHIN
        )
        return asked[group].result().topic_partitions or ()

    def _ends(self, places: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        if not places:
            return {}
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library does not type it
        wanted = {TopicPartition(topic, partition): latest for topic, partition in places}
        asked = self._client.list_offsets(wanted, request_timeout=CALL_WITHIN)
        return {(each.topic, each.partition): found.offset for each, found in _given(asked)}


def _given(asked: Mapping[KeyT, Future[AnswerT]]) -> Iterator[tuple[KeyT, AnswerT]]:
    """Answers without those that failed: a topic that is gone hides no other."""
    for key, answer in asked.items():
        try:
            yield key, answer.result()
        except KafkaException:
            continue


class GroupCollector(Collector):
    """
    What is exported, asked anew at each scrape.

    Parameters
    ----------
    groups
        Whom to ask.

    """

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Lag and members of every group, and whether a broker answered."""
        lag = GaugeMetricFamily(
            "firebreak_group_lag_records",
            "Records between a group's position and the end of a partition.",
            labels=["group", "topic", "partition"],
        )
        members = GaugeMetricFamily("firebreak_group_members", "Members of a group.", labels=["group"])
        reached = GaugeMetricFamily("firebreak_kafka_up", "1 if a broker answered, else 0.")
        reached.add_metric([], self._fill(lag, members))
        yield from (lag, members, reached)

    def _fill(self, lag: GaugeMetricFamily, members: GaugeMetricFamily) -> float:
        try:
            found = self._groups.members()
            behind = self._groups.behind(sorted(found))
        except KafkaException:
            return 0.0
        for group, count in found.items():
            members.add_metric([group], count)
        for each in behind:
            lag.add_metric([each.group, each.topic, str(each.partition)], each.records)
        return 1.0

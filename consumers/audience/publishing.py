"""Closed periods into the audiences' topics: each once, all audiences in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.audience.periods import Period
from consumers.audience.rules import Rules
from consumers.audience.tables import told, tree_of
from consumers.gazetteer import Words
from consumers.reading import read
from schemas.catalogue import TopicSpec
from schemas.errors import Fatal, UsageError
from schemas.events import Handling
from schemas.jsonform import iso
from schemas.settings import Settings

ANSWER_WITHIN = 30.0
"""Seconds that the broker has for an answer."""
CONFIG: Mapping[str, str] = MappingProxyType({"cleanup.policy": "delete", "retention.ms": "-1"})
"""What was published stays: a reader can see that nothing was told twice."""
Json: TypeAlias = "dict[str, str | int | None]"
Counts: TypeAlias = "Mapping[str, int]"


def records(rules: Rules, words: Words, group: str, period: Period, counts: Counts) -> Iterator[tuple[str, Json]]:
    """What each audience is told of *group* in *period*: audience and record."""
    tree = tree_of(rules, words, f"{group}|{period.name}", counts)
    for audience, groups in rules.audiences.items():
        if group not in groups:
            continue
        for row in told(rules, words, audience, group, tree):
            yield (
                audience,
                {
                    "region": rules.region,
                    "group": group,
                    "period": period.name,
                    "from": iso(period.begin),
                    "until": iso(period.end),
                    "level": row.level,
                    "area": row.area,
                    "incidents": row.cell.number,
                    "shown": row.cell.shown,
                    "text": row.cell.text,
                    "handling": Handling.OFFICIAL,
                },
            )


class Topics:
    """
    The audiences' topics on a broker.

    Whoever opens them shuts out who opened them before, so no period can be told by two.

    Raises
    ------
    UsageError
        No broker answers, or it refuses us.

    """

    def __init__(self, settings: Settings, audiences: Sequence[str]) -> None:
        self._settings = settings
        prefix = settings.topic_prefix
        self._names = {each: f"{prefix}.audience.{each}.counts.v1" for each in audiences}
        config: dict[str, object] = {**settings.kafka.librdkafka(), "log_level": 0}
        self._make(AdminClient(config))  # type: ignore[arg-type]  # its types forget what is not text
        self._producer = Producer({**config, "transactional.id": f"{prefix}-audience"})
        try:
            self._producer.init_transactions(ANSWER_WITHIN)
        except KafkaException as failure:
            raise UsageError(f"the broker does not let us publish: {failure.args[0].str()}") from failure

    def _make(self, admin: AdminClient) -> None:
        copies = -1 if self._settings.replication is None else self._settings.replication
        new = [NewTopic(name, 1, copies, config=dict(CONFIG)) for name in self._names.values()]
        for name, made in admin.create_topics(new, request_timeout=ANSWER_WITHIN).items():
            try:
                made.result()
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UsageError(f"topic {name} is not made: {failure.args[0].str()}") from failure

    def published(self) -> set[tuple[str, str]]:
        """Group and period of what was told already to any audience."""
        like = self._settings.catalogue()["audit"]
        return {each for name in self._names.values() for each in self._told(replace(like, id=name, name=name))}

    def _told(self, spec: TopicSpec) -> Iterator[tuple[str, str]]:
        for record in read(self._settings, spec):
            told = json.loads(record.value or b"{}")
            yield told["group"], told["period"]

    def publish(self, rows: Sequence[tuple[str, Json]]) -> None:
        """Tell all of *rows*, or nothing."""
        try:
            self._producer.begin_transaction()
            for audience, row in rows:
                key = f"{row['group']}|{row['period']}|{row['area']}"
                self._producer.produce(self._names[audience], json.dumps(row).encode(), key.encode())
                self._producer.poll(0)
            self._producer.commit_transaction(ANSWER_WITHIN)
        except KafkaException as failure:
            raise Fatal(f"not published: {failure.args[0].str()}; run it again") from failure

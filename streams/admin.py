"""The administrator's connection to the brokers; a broker that lets nobody in is told from one that is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, without saying so
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ListOffsetsResultInfo,
    NewTopic,
    OffsetSpec,
    TopicMetadata,
)

from schemas.connection import KafkaSettings
from schemas.errors import UsageError

CALL_WITHIN = 20.0
"""Seconds."""
SLICE = 2.0
"""Seconds of one try: only after it the library tells why it fails."""
SAID_AFTER = 5.0
"""Seconds without an answer, after which it is said that one waits."""

_HINTS = MappingProxyType(
    {
        KafkaError._AUTHENTICATION: "check the user and its password or token",  # noqa: SLF001 - the library's local codes
        KafkaError._SSL: "check FIREBREAK_KAFKA_CA_FILE, the certificate and FIREBREAK_KAFKA_SECURITY",  # noqa: SLF001 - same
        KafkaError.SASL_AUTHENTICATION_FAILED: "check the user and its password or token",
        KafkaError.CLUSTER_AUTHORIZATION_FAILED: "the user has no right to this",
    }
)


_NOT_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
    }
)
_EMBEDDED = "mockCluster"
"""What librdkafka calls its mock cluster, before a number."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The answer of a broker that does not know a request; the embedded one tells no configuration."""


class Admin:
    """
    The connection.

    Parameters
    ----------
    kafka
        Where, and who one is.
    waiting
        Is told once, by :meth:`metadata`, for whom one waits and how long.

    """

    def __init__(self, kafka: KafkaSettings, waiting: Callable[[str], None] | None = None) -> None:
        self._where = ",".join(kafka.brokers)
        self._waiting = waiting
        self._refused: KafkaError | None = None
        self._failed: KafkaError | None = None
        config: dict[str, object] = {**kafka.librdkafka(), "error_cb": self._notice, "log_level": 0}
        self._client = AdminClient(config)  # type: ignore[arg-type]  # its types forget the callbacks

    def metadata(self, patience: float = CALL_WITHIN) -> ClusterMetadata:
        """
        Brokers and topics.

        Parameters
        ----------
        patience
            Seconds to wait for a broker that is away; one that refuses us is not waited for.

        Raises
        ------
        UsageError
            No broker answers, or it refuses us; says why.

        """
        begun = time.monotonic()
        give_up = begun + patience
        while True:
            try:
                return self._client.list_topics(timeout=max(0.1, min(SLICE, give_up - time.monotonic())))
            except KafkaException as failure:
                self._client.poll(0.0)
                self._raise_if_refused(failure)
                if time.monotonic() >= give_up:
                    raise UsageError(self._unreachable(patience)) from failure
                if self._waiting is not None and time.monotonic() - begun >= min(SAID_AFTER, patience / 2):
                    self._waiting(f"waiting up to {patience:g} s for a broker at {self._where}{self._why()}")
                    self._waiting = None

    def topics(self, patience: float = CALL_WITHIN) -> dict[str, int]:
        """Partition counts by name of the topics that are complete: every partition has a leader."""
        return {name: len(topic.partitions) for name, topic in self.metadata(patience).topics.items() if _whole(topic)}

    def create(self, topics: Sequence[NewTopic]) -> None:
        """
        Make topics; one that is there already is left as it is.

        Raises
        ------
        UsageError
            The broker refuses; says which topic and why.

        """
        if self._is_embedded():
            raise UsageError("the embedded broker makes no topics on request: it gets them when it starts")
        for name, answer in self._client.create_topics(list(topics), request_timeout=CALL_WITHIN).items():
            try:
                answer.result()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UsageError(f"topic {name} is not made: {_words(error)}") from failure

    def members(self, group: str) -> list[tuple[str, str]]:
        """Instance, or the broker's own name, and client id of each member of a group; none where it can't be told."""
        if self._is_embedded():
            return []
        (answer,) = self._client.describe_consumer_groups([group], request_timeout=CALL_WITHIN).values()
        try:
            found = answer.result()
        except KafkaException:
            # a group that never was, or that may not be looked at: who may not join it learns that on joining
            return []
        return [(each.group_instance_id or each.member_id, each.client_id) for each in found.members]

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all that they hold; one that is not there is no matter."""
        for name, answer in self._client.delete_topics(list(topics), request_timeout=CALL_WITHIN).items():
            try:
                answer.result()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise UsageError(f"topic {name} is not deleted: {_words(error)}") from failure

    def configs(self, topics: Sequence[str]) -> dict[str, dict[str, str]] | Unsupported:
        """Configuration of topics by name; ``Unsupported`` from the embedded broker."""
        if self._is_embedded():
            return Unsupported()
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        found: dict[str, dict[str, str]] = {}
        for resource, answer in self._client.describe_configs(wanted, request_timeout=CALL_WITHIN).items():
            try:
                found[resource.name] = {name: str(entry.value) for name, entry in answer.result().items()}
            except KafkaException as failure:
                why = _words(failure.args[0])
                raise UsageError(f"the broker does not tell the configuration of {resource.name}: {why}") from failure
        return found

    def configure(self, topic: str, name: str, value: str) -> None:
        """
        Set one configuration of a topic.

        Raises
        ------
        UsageError
            The broker refuses.

        """
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        for answer in self._client.incremental_alter_configs([resource], request_timeout=CALL_WITHIN).values():
            try:
                answer.result()
            except KafkaException as failure:
                raise UsageError(f"{name} of topic {topic} can't be set: {_words(failure.args[0])}") from failure

    def unserved(self, topics: Mapping[str, int]) -> set[str]:
        """Topics, given with their partition counts, of which a leader is named but does not serve yet."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library does not type it
        wanted = {TopicPartition(name, each): latest for name, count in topics.items() for each in range(count)}
        found: set[str] = set()
        for place, answer in self._client.list_offsets(wanted, request_timeout=CALL_WITHIN).items():
            try:
                answer.result()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() and error.code() not in _NOT_YET:
                    raise UsageError(f"topic {place.topic} can't be read: {_words(error)}") from failure
                found.add(place.topic)
        return found

    def newest_append(self, topic: str, partitions: int) -> int | None:
        """Greatest timestamp in a topic, in ms; None where it is empty or the broker can't tell."""
        greatest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]  # the library does not type it
        wanted = {TopicPartition(topic, each): greatest for each in range(partitions)}
        stamps = []
        for answer in self._client.list_offsets(wanted, request_timeout=CALL_WITHIN).values():
            try:
                found: ListOffsetsResultInfo = answer.result()
            except KafkaException:
                return None
            stamps.append(found.timestamp)
        newest = max(stamps, default=-1)
        return newest if newest > 0 else None

    def _is_embedded(self) -> bool:
        return str(self.metadata().cluster_id).startswith(_EMBEDDED)

    def _notice(self, error: KafkaError) -> None:
        if error.code() in _HINTS or "SSL routines" in error.str():
            self._refused = error
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the library names its local codes so
            self._failed = error

    def _raise_if_refused(self, failure: KafkaException) -> None:
        error = self._refused or failure.args[0]
        if error is self._refused or error.code() in _HINTS:
            # a broker that does not want our certificate only cuts the line
            hint = _HINTS.get(error.code(), _HINTS[KafkaError._SSL])  # noqa: SLF001 - the library's local code
            raise UsageError(f"the broker at {self._where} does not let us in: {_words(error)}; {hint}") from failure

    def _unreachable(self, patience: float) -> str:
        return f"no broker answers at {self._where} within {patience:g} s{self._why()}; check FIREBREAK_KAFKA_BROKERS"

    def _why(self) -> str:
        return f": {_words(self._failed)}" if self._failed is not None else ""


def _whole(topic: TopicMetadata) -> bool:
    return topic.error is None and all(each.leader >= 0 for each in topic.partitions.values())


def _words(error: KafkaError) -> str:
    """What the error says, without addresses, states and advice about settings that are not ours."""
    text = error.str() or error.name()
    text = re.sub(r"^\[[^\]]*\]: ", "", text)
    text = re.sub(r"^(\w+://)?[^ ]+:\d+/\w+: ", "", text)
    return re.sub(r",? (verify that ssl\.ca\.location .*|\(after \d+ms in state \w+\)).*$", "", text)

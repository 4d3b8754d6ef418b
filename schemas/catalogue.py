"""
The catalogue of topics: ``topics.yaml`` as frozen values.

What the broker is told, what the documentation says and what a worker expects at start all come from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import yaml

from schemas.errors import UsageError

HERE = Path(__file__).parent
FILE = HERE / "topics.yaml"
PREFIX = "firebreak"
VERSION = 1
FOREVER = -1
LATEST = 2**63 - 1
"""Kafka's greatest number: a limit that nothing reaches."""

EnumT = TypeVar("EnumT", bound=Enum)


class Audience(Enum):
    """Who may rely on a topic."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Timestamps(Enum):
    """What the timestamp of a record is: when it was appended, or when its sender says."""

    APPENDED = "LogAppendTime"
    CREATED = "CreateTime"


class Cleanup(Enum):
    """What becomes of old records."""

    DELETE = "delete"
    COMPACT = "compact"
    BOTH = "compact,delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """
    One topic as it should be.

    ``id`` is the same under every prefix, ``name`` is what the broker calls it. ``retention`` in ms, ``FOREVER`` for
    no end. ``schema`` is a record of ``avro/``, "" where ``value`` says what else the values are.
    ``like`` is the id of the topic that it has as many partitions as, "" for a count of its own.
    """

    id: str
    name: str
    about: str
    key: str
    partitions: int
    like: str
    retention: int
    cleanup: Cleanup
    schema: str
    value: str
    owner: str
    audience: Audience
    timestamps: Timestamps
    extra: Mapping[str, str]

    @property
    def configs(self) -> dict[str, str]:
        """Configuration of the topic, in Kafka's words."""
        return {
            "cleanup.policy": self.cleanup.value,
            "retention.ms": str(self.retention),
            "message.timestamp.type": self.timestamps.value,
            **self.extra,
        }


class Catalogue(Mapping[str, TopicSpec]):
    """Topics by id, in the order of the file; ``catalogue["incidents.raw"].name``."""

    def __init__(self, topics: Mapping[str, TopicSpec]) -> None:
        self._topics = MappingProxyType(dict(topics))

    @classmethod
    def load(cls, path: Path = FILE) -> Catalogue:
        """
        Read the file.

        Raises
        ------
        UsageError
            The first mistake, with file and key.

        """
        try:
            content: object = yaml.safe_load(path.read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise UsageError(f"{path.name}: no YAML: {' '.join(str(error).split())}") from error
        root = _Node(path.name, "", content)
        root.only({"version", "timestamps", "topics"})
        if root.number("version") != VERSION:
            raise root.wrong("version", f"this firebreak reads version {VERSION}")
        timestamps = root.one_of("timestamps", Timestamps)
        entries = root.inner("topics")
        topics = {each: _topic(entries.inner(each), each, timestamps) for each in entries.keys_in_order()}
        return cls(_with_shared_counts(entries, topics))

    def variant(
        self, prefix: str = PREFIX, partitions: Mapping[str, int] | None = None, *, replay: bool = False
    ) -> Catalogue:
        """
        Give the same topics under another prefix.

        Parameters
        ----------
        prefix
            First part of every name.
        partitions
            Counts by topic id, instead of the file's; topics that share a count follow.
        replay
            For records of the past with their own timestamps: nothing is deleted by time, none is refused for it.

        """
        counts = partitions or {}
        for each in counts:
            if each not in self or self[each].like:
                raise UsageError(f"{each} is no topic of the catalogue with a partition count of its own")
        own = {each: replace(spec, partitions=counts.get(each, spec.partitions)) for each, spec in self.items()}
        return Catalogue(
            {
                each: replace(
                    _for_replay(spec) if replay else spec,
                    name=topic_name(prefix, each),
                    partitions=own[spec.like or each].partitions,
                )
                for each, spec in own.items()
            }
        )

    def topics(
        self, prefix: str = PREFIX, partitions: Mapping[str, int] | None = None, *, replay: bool = False
    ) -> tuple[TopicSpec, ...]:
        """Give the topics of a variant, in the order of the file."""
        return tuple(self.variant(prefix, partitions, replay=replay).values())

    def __getitem__(self, topic: str) -> TopicSpec:
        return self._topics[topic]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)


def topic_name(prefix: str, topic: str) -> str:
    """
    Name of a topic on the broker.

    >>> topic_name("firebreak", "incidents.raw")
    'firebreak.incidents.raw.v1'
    """
    return f"{prefix}.{topic}.v{VERSION}"


def _for_replay(spec: TopicSpec) -> TopicSpec:
    cleanup = Cleanup.COMPACT if spec.cleanup is Cleanup.BOTH else spec.cleanup
    extra = {**spec.extra, "message.timestamp.after.max.ms": str(LATEST)}
    return replace(spec, retention=FOREVER, cleanup=cleanup, timestamps=Timestamps.CREATED, extra=extra)


def _topic(node: _Node, topic: str, timestamps: Timestamps) -> TopicSpec:
    if not re.fullmatch(r"[a-z]+(\.[a-z]+)*", topic):
        raise node.wrong("", "an id is words of a-z with dots between them")
    required = {"about", "key", "partitions", "cleanup", "owner", "audience"}
    node.only(required | {"retention", "schema", "value", "configs"})
    cleanup = node.one_of("cleanup", Cleanup)
    if ("retention" in node) is (cleanup is Cleanup.COMPACT):
        raise node.wrong("retention", "say for what is deleted how long it stays, and only for that")
    if ("schema" in node) is ("value" in node):
        raise node.wrong("schema", "say either schema or value")
    schema = node.text("schema") if "schema" in node else ""
    if schema and not (HERE / "avro" / f"{schema}.avsc").is_file():
        raise node.wrong("schema", f"there is no avro/{schema}.avsc")
    shared = node.is_text("partitions")
    return TopicSpec(
        id=topic,
        name=topic_name(PREFIX, topic),
        about=node.text("about"),
        key=node.text("key"),
        partitions=0 if shared else node.number("partitions"),
        like=node.text("partitions") if shared else "",
        retention=FOREVER if cleanup is Cleanup.COMPACT else node.span("retention"),
        cleanup=cleanup,
        schema=schema,
        value="" if schema else node.text("value"),
        owner=node.text("owner"),
        audience=node.one_of("audience", Audience),
        timestamps=timestamps,
        extra=_configs(node.inner("configs")) if "configs" in node else MappingProxyType({}),
    )


def _configs(node: _Node) -> Mapping[str, str]:
    reserved = {"cleanup.policy", "retention.ms", "message.timestamp.type"}
    found = {each: node.scalar(each) for each in node.keys_in_order()}
    for each in reserved & set(found):
        raise node.wrong(each, "the topic's own keys say this")
    return MappingProxyType(found)


def _with_shared_counts(entries: _Node, topics: Mapping[str, TopicSpec]) -> dict[str, TopicSpec]:
    for each, spec in topics.items():
        if spec.like and (spec.like not in topics or topics[spec.like].like):
            why = f"{spec.like!r} is neither a number nor a topic with a number"
            raise entries.inner(each).wrong("partitions", why)
    return {each: replace(spec, partitions=topics[spec.like or each].partitions) for each, spec in topics.items()}


class _Node:
    """A mapping of the file that knows where it stands."""

    def __init__(self, file: str, path: str, content: object) -> None:
        self._file = file
        self._path = path
        if not isinstance(content, dict) or not all(isinstance(each, str) for each in content):
            raise self.wrong("", "expected keys and values here")
        self._content: dict[str, object] = content

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def wrong(self, key: str, why: str) -> UsageError:
        place = " > ".join(part for part in (self._path, key) if part)
        return UsageError(f"{self._file}: {place or 'the file'}: {why}")

    def keys_in_order(self) -> tuple[str, ...]:
        return tuple(self._content)

    def only(self, allowed: set[str]) -> None:
        for key in self._content:
            if key not in allowed:
                raise self.wrong(key, f"not a key of this file; known are {', '.join(sorted(allowed))}")

    def inner(self, key: str) -> _Node:
        path = " > ".join(part for part in (self._path, key) if part)
        return _Node(self._file, path, self._get(key))

    def is_text(self, key: str) -> bool:
        return isinstance(self._get(key), str)

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"expected words, found {value!r}")
        return value

    def scalar(self, key: str) -> str:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.wrong(key, f"expected a number or words, found {value!r}")
        return str(value)

    def number(self, key: str) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(key, f"expected a whole number from 1, found {value!r}")
        return value

    def one_of(self, key: str, kinds: type[EnumT]) -> EnumT:
        value = self._get(key)
        for kind in kinds:
            if kind.value == value:
                return kind
        choice = ", ".join(str(kind.value) for kind in kinds)
        raise self.wrong(key, f"{value!r} is none of {choice}")

    def span(self, key: str) -> int:
        value = self._get(key)
        if value == "forever":
            return FOREVER
        match = re.fullmatch(r"([1-9]\d*)([hd])", str(value))
        if match is None:
            raise self.wrong(key, f"{value!r} is neither a number of hours or days (36h, 14d) nor forever")
        unit = timedelta(hours=1) if match[2] == "h" else timedelta(days=1)
        return int(match[1]) * unit // timedelta(milliseconds=1)

    def _get(self, key: str) -> object:
        if key not in self._content:
            raise self.wrong(key, "missing")
        return self._content[key]

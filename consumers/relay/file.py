"""The file of subscribers: YAML to filters, or one line that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

from consumers.relay.filters import GRAVITY, MARKINGS, Filter
from schemas.catalogue import Catalogue, TopicSpec
from schemas.errors import UsageError
from schemas.events import Severity, Tense
from schemas.registry import public

VERSION = 1


class _Subscriber(msgspec.Struct, forbid_unknown_fields=True):
    topics: list[str]
    areas: list[str] = []
    groups: list[str] = []
    severity: str = Severity.WATCH
    handling: list[str] = []
    tenses: list[str] = msgspec.field(default_factory=lambda: [Tense.ACTUAL.value])


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    subscribers: dict[str, _Subscriber]


def load(path: Path, catalogue: Catalogue) -> list[Filter]:
    """
    Read the file.

    Raises
    ------
    UsageError
        The first mistake, with its place.

    """
    try:
        told = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), _File)
        return _filters(told, catalogue)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path.name}: no YAML: {' '.join(str(error).split())}") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"{path.name}: {str(error).replace('`$.', '`').replace('`$`', 'the top')}") from error


def _filters(told: _File, catalogue: Catalogue) -> list[Filter]:
    if told.version != VERSION:
        raise ValueError(f"version is {told.version}, this firebreak reads {VERSION}")
    return [_filter(name, each, catalogue) for name, each in told.subscribers.items()]


def topics_of(filters: list[Filter], catalogue: Catalogue) -> Mapping[tuple[str, str], str]:
    """Names of the subscribers' topics, by subscriber and the topic that it is a part of."""
    prefix = catalogue["incidents.raw"].name.partition(".incidents.raw")[0]
    return {
        (each.name, topic): f"{prefix}.subscriber.{each.name}.{topic}.v1" for each in filters for topic in each.topics
    }


def _filter(name: str, told: _Subscriber, catalogue: Catalogue) -> Filter:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", name):
        raise ValueError(f"{name!r} is no name: write words of a-z and 0-9 with - between them")
    known: dict[str, TopicSpec] = {topic.id: topic for topic in public(catalogue)}
    _among(name, "topics", told.topics, known)
    _among(name, "severity", [told.severity], GRAVITY)
    _among(name, "handling", told.handling, dict.fromkeys(sorted(MARKINGS)))
    _among(name, "tenses", told.tenses, dict.fromkeys(each.value for each in Tense))
    if told.handling and "incidents.enriched" in told.topics:
        raise ValueError(f"{name}: handling: incidents.enriched can't be divided by it; give it to who may see all")
    if not told.topics:
        raise ValueError(f"{name}: no topics: choose of {', '.join(known)}")
    return Filter(
        name=name,
        topics=tuple(dict.fromkeys(told.topics)),
        areas=frozenset(told.areas),
        groups=frozenset(told.groups),
        severity=told.severity,
        handling=frozenset(told.handling),
        tenses=frozenset(told.tenses),
    )


def _among(name: str, key: str, given: list[str], known: Mapping[str, object]) -> None:
    for each in given:
        if each not in known:
            raise ValueError(f"{name}: {key}: {each!r} is none of {', '.join(known)}")

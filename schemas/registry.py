"""
Schema registries that speak Confluent's protocol: told of our schemas by hand, asked for their ids at a start.

Nothing registers itself: ``firebreak topics apply`` does. A process asks once, when it starts, and never again, so a
registry that dies stops nobody. Without one, the built-in ids are used, which readers know in any case.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from schemas.catalogue import Audience, Catalogue, TopicSpec
from schemas.definitions import Known, released, releases, schema
from schemas.errors import UsageError
from schemas.settings import Settings
from schemas.wire import Wire

PATIENCE = 60.0
"""Seconds that a start waits for a registry that is away."""
PAUSE = 1.0
"""Seconds between two tries."""
EXTRA = "a registry needs more packages: pip install 'firebreak-streams[registry]'"


class Away(UsageError):
    """The registry does not answer."""


class Registry:
    """
    One registry.

    Parameters
    ----------
    url
        Its address, with user and password where it wants them.

    Raises
    ------
    UsageError
        The client for it is not installed.

    """

    def __init__(self, url: str) -> None:
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as missing:
            raise UsageError(EXTRA) from missing
        self._client = SchemaRegistryClient({"url": url, "timeout": 10, "max.retries": 1})

    def ids(self, catalogue: Catalogue) -> dict[int, Known]:
        """
        Every version of the public topics' schemas, by the id that it has there.

        Raises
        ------
        Away
            The registry does not answer.
        UsageError
            It refuses us, or the current schema of a topic is not registered.

        """
        found: dict[int, Known] = {}
        for topic in public(catalogue):
            mine = self._versions(topic)
            if not _has_current(topic, mine):
                raise UsageError(f"the registry has no current schema of {topic.name}: run `firebreak topics apply`")
            found |= {number: Known(topic.schema, text) for number, text in mine.items()}
        return found

    def missing(self, catalogue: Catalogue) -> list[TopicSpec]:
        """Topics whose current schema is not registered; raises as :meth:`ids` does."""
        return [topic for topic in public(catalogue) if not _has_current(topic, self._versions(topic))]

    def register(self, topic: TopicSpec) -> None:
        """
        Register every release of a topic's schema, oldest first, and have later changes checked in both directions.

        Raises
        ------
        UsageError
            The registry does not answer, or refuses a schema.

        """
        from confluent_kafka.schema_registry import Schema, ServerConfig  # noqa: PLC0415 - an extra
        from confluent_kafka.schema_registry.common.schema_registry_client import (  # noqa: PLC0415 - an extra
            ConfigCompatibilityLevel,
        )

        level = ServerConfig(compatibility=ConfigCompatibilityLevel.FULL_TRANSITIVE)
        with _in_our_words(topic):
            self._client.set_config(subject(topic), level)
            for path in releases(topic.schema):
                text = json.dumps(json.loads(path.read_text("utf-8")))
                self._client.register_schema(subject(topic), Schema(text, "AVRO"))

    def _versions(self, topic: TopicSpec) -> dict[int, str]:
        """Texts of the schemas of a topic by id; none where its subject is not known."""
        with _in_our_words(topic):
            numbers = self._client.get_versions(subject(topic)) if subject(topic) in self._client.get_subjects() else []
            found = [self._client.get_version(subject(topic), number) for number in numbers]
            return {each.schema_id or 0: each.schema.schema_str or "" for each in found}


def public(catalogue: Catalogue) -> Iterator[TopicSpec]:
    """Topics that subscribers read, and whose schemas they look for."""
    yield from (topic for topic in catalogue.values() if topic.audience is Audience.PUBLIC and topic.schema)


def subject(topic: TopicSpec) -> str:
    """Name of a topic's schemas in a registry."""
    return f"{topic.name}-value"


def registered(settings: Settings, patience: float = PATIENCE) -> dict[int, Known]:
    """
    Give what the registry that the settings name has of ours, by id; nothing without a registry.

    Parameters
    ----------
    settings
        Where the registry is, and how topics are named.
    patience
        Seconds to wait for a registry that is away.

    Raises
    ------
    UsageError
        It does not answer in that time, refuses us, or lacks a schema.

    """
    url = settings.registry_url.reveal()
    if not url:
        return {}
    registry, give_up = Registry(url), time.monotonic() + patience
    while True:
        try:
            return registry.ids(settings.catalogue())
        except Away:
            if time.monotonic() >= give_up:
                raise
            time.sleep(PAUSE)


def wire(settings: Settings, patience: float = PATIENCE) -> Wire:
    """Codecs with the ids of the registry, or the built-in ones without; raises as :func:`registered` does."""
    # topics that are ours alone keep the built-in ids
    return Wire({**dict(released()), **registered(settings, patience)})


def _has_current(topic: TopicSpec, texts: Mapping[int, str]) -> bool:
    return any(json.loads(text) == schema(topic.schema) for text in texts.values())


@contextmanager
def _in_our_words(topic: TopicSpec) -> Iterator[None]:
    from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415 - an extra
    from httpx2 import HTTPError  # noqa: PLC0415 - an extra

    try:
        yield
    except SchemaRegistryError as refused:
        raise UsageError(f"the registry refuses {subject(topic)}: {refused.error_message}") from refused
    except HTTPError as away:
        raise Away(f"the registry at FIREBREAK_REGISTRY_URL does not answer: {away}") from away

"""The settings of a firebreak process: one frozen object, read once from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from schemas.catalogue import Catalogue
from schemas.connection import KafkaSettings
from schemas.environment import (
    COUNT,
    DURATION,
    DURATION_OR_OFF,
    FLAG,
    NAMES,
    OPTIONAL_ADDRESS,
    OPTIONAL_COUNT,
    OPTIONAL_PATH,
    PATH,
    SECRET,
    TEXT,
    Kind,
    Secret,
    declared,
    nested,
    one_of,
    read,
    setting,
)
from schemas.errors import UsageError
from schemas.events import Tense

OTHERS = ("FIREBREAK_TEST_",)
"""Beginnings of variables that steer the tests, not the product."""


class LogLevel(Enum):
    """From which weight on a line is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _stage(text: str) -> str:
    if text not in {"", "enrich", "count", "detect"}:
        raise ValueError("there are enrich, count and detect")
    return text


def _tense(text: str) -> str:
    if text not in {Tense.ACTUAL, Tense.EXERCISE}:
        raise ValueError("there are ACTUAL and EXERCISE")
    return text


def _access(text: str) -> str:
    if text not in {"local", "open", "proxy", "oidc"}:
        raise ValueError("there are local, open, proxy and oidc")
    return text


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*", text) or len(text) > 100:
        raise ValueError("write words of a-z, 0-9 and -, dots between them")
    return text


STAGE = Kind("enrich | count | detect", _stage)
TENSE = Kind("ACTUAL | EXERCISE", _tense)
ACCESS = Kind("local | open | proxy | oidc", _access)
TOPIC_PREFIX = Kind("name", _prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSettings:
    """Partition counts instead of the catalogue's; None where the catalogue's holds."""

    raw: int | None = setting(OPTIONAL_COUNT, "", "Partitions of incidents.raw; empty: as in the catalogue.")
    enriched: int | None = setting(OPTIONAL_COUNT, "", "Partitions of incidents.enriched; empty: as in the catalogue.")
    inbox: int | None = setting(OPTIONAL_COUNT, "", "Partitions of detect.inbox; empty: as in the catalogue.")

    def by_topic(self) -> dict[str, int]:
        """Give the counts that are set, by topic id."""
        counts = {"incidents.raw": self.raw, "incidents.enriched": self.enriched, "detect.inbox": self.inbox}
        return {topic: count for topic, count in counts.items() if count is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a process can be told; ``tick_period`` is None where others write the ticks."""

    kafka: KafkaSettings = nested(KafkaSettings)
    topic_prefix: str = setting(TOPIC_PREFIX, "firebreak", "First part of the names of topics, groups and producers.")
    partitions: PartitionSettings = nested(PartitionSettings)
    replication: int | None = setting(OPTIONAL_COUNT, "", "Copies of each new topic; empty: the brokers' default.")
    regions: tuple[str, ...] = setting(NAMES, "london", "Region packs: built-in names, or folders.")
    tense: str = setting(TENSE, "ACTUAL", "Tense that is counted and alerted on; EXERCISE in a demonstration.")
    guarded_sources: tuple[str, ...] = setting(
        NAMES, "", "Sources whose mass losses are held for a person; empty: none."
    )
    stage: str = setting(STAGE, "", "Stage of a worker, where its command does not say.")
    instance: str = setting(TEXT, "", "Unique name of a worker; with one, its restart disturbs no other.")
    flush_interval: timedelta = setting(DURATION, "100ms", "How often a partition commits while something changes.")
    tick_period: timedelta | None = setting(DURATION_OR_OFF, "5s", "How often the clock ticks; off: simulated ticks.")
    session_timeout: timedelta = setting(DURATION, "10s", "Silence after which another worker takes over.")
    broker_wait: timedelta = setting(DURATION, "60s", "How long a worker waits at its start for a broker that is away.")
    heartbeat: timedelta = setting(DURATION, "1s", "How often a worker says that it lives.")
    fetch_wait: timedelta = setting(DURATION, "500ms", "How long a broker may hold an empty fetch; embedded one: 20ms.")
    fetch_bytes: int = setting(COUNT, "262144", "Bytes of the largest fetch of one partition.")
    check_crcs: bool = setting(FLAG, "true", "Check what is fetched against its checksum; embedded broker: false.")
    data_dir: Path = setting(PATH, ".firebreak", "Folder for what a process keeps; workers keep nothing.")
    metrics_bind: str = setting(OPTIONAL_ADDRESS, "", "Where metrics and health are served; empty: nowhere.")
    log_level: LogLevel = setting(one_of(LogLevel), "info", "From which weight on a line is logged.")
    registry_url: Secret = setting(SECRET, "", "Schema registry (Confluent's protocol); empty: built-in schema ids.")
    redis_url: Secret = setting(SECRET, "", "Redis of the console, redis://host:6379/0; empty: none.")
    audiences: Path | None = setting(OPTIONAL_PATH, "", "File that says which audience may know what (YAML).")
    subscribers: Path | None = setting(OPTIONAL_PATH, "", "File of the relay's subscribers (YAML); empty: none.")
    routes: Path | None = setting(OPTIONAL_PATH, "", "File of the notifier's routes (YAML); empty: nobody is told.")
    console_bind: str = setting(OPTIONAL_ADDRESS, "127.0.0.1:8088", "Where the console is served.")
    console_access: str = setting(ACCESS, "local", "Who comes in; local: this machine, open: all who reach it.")
    console_key: Secret = setting(SECRET, "", "Secret of 32 characters or more that signs sessions and identities.")
    console_people: Path | None = setting(OPTIONAL_PATH, "", "File of people, roles and tokens (YAML); empty: none.")
    console_url: str = setting(TEXT, "", "Address of the console as browsers know it; empty: that it is served at.")
    oidc_issuer: str = setting(TEXT, "", "Identity provider of the console (OpenID Connect).")
    oidc_client: str = setting(TEXT, "", "Client id of the console at its identity provider.")
    oidc_secret: Secret = setting(SECRET, "", "Client secret of the console there; empty: a public client.")
    gateway_bind: str = setting(OPTIONAL_ADDRESS, "127.0.0.1:8089", "Where the gateway takes notifications.")
    gateway_sources: Path | None = setting(OPTIONAL_PATH, "", "File of the gateway's sources and tokens (YAML).")
    gateway_certificate: Path | None = setting(OPTIONAL_PATH, "", "The gateway's certificate (PEM); empty: no TLS.")
    gateway_private_key: Path | None = setting(OPTIONAL_PATH, "", "Key of the gateway's certificate (PEM).")
    review: Path | None = setting(OPTIONAL_PATH, "", "Folder of the latest review, shown by the console; empty: none.")

    def __post_init__(self) -> None:
        if self.heartbeat * 2 > self.session_timeout:
            raise UsageError("FIREBREAK_HEARTBEAT must be at most half of FIREBREAK_SESSION_TIMEOUT")

    def catalogue(self, *, replay: bool = False) -> Catalogue:
        """Give the topics as these settings name and divide them."""
        return Catalogue.load().variant(self.topic_prefix, self.partitions.by_topic(), replay=replay)


def from_env(environ: Mapping[str, str]) -> Settings:
    """
    Read the settings.

    Raises
    ------
    UsageError
        One line that names the variable.

    """
    return read(Settings, environ, others=OTHERS)


def settings_table() -> str:
    """Give all settings as a table in Markdown, which is a part of ``docs/settings.md``."""
    lines = ["| variable | kind | default | what it is |", "|---|---|---|---|"]
    for each in declared(Settings):
        kind, default = each.kind.replace("|", "\\|"), f"`{each.default}`" if each.default else ""
        lines.append(f"| `{each.variable}` | {kind} | {default} | {each.about} |")
    return "\n".join(lines) + "\n"

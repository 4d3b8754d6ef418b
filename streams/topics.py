"""
``firebreak topics``: the topics of the catalogue on the broker.

What is missing is made. What differs is told and left to people: more partitions would send a key elsewhere than its
state is, fewer can't be had, and a retention may have been changed for a reason.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import click
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # exported, without saying so

from schemas.catalogue import TopicSpec
from schemas.errors import UsageError
from schemas.registry import Registry, subject
from schemas.rights import COMPONENTS, Right, rights
from streams.admin import CALL_WITHIN, Admin, Unsupported
from streams.settings import Settings, from_env

SERVED_WITHIN = 30.0
"""Seconds until every partition of a new topic is served."""
BROKERS_DEFAULT = -1

STAGE_TOPICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "enrich": ("incidents.raw", "incidents.enriched", "incidents.rejected", "enrich.journal"),
        "count": ("incidents.raw", "incidents.enriched", "incidents.rejected", "detect.inbox", "count.journal"),
        "detect": (
            *("incidents.enriched", "detect.inbox", "incidents.rejected", "detect.journal"),
            *("areas.counts", "alerts.events", "alerts.state", "audit"),
        ),
    }
)
"""What each stage reads and writes, and what it waits for the ticks of."""


class Difference(NamedTuple):
    """What a topic has, and what the catalogue says."""

    topic: str
    what: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, the catalogue says {self.wanted}"


class Plan(NamedTuple):
    """What has to be made, what differs, what is as it should be; and whether the broker tells configurations."""

    missing: tuple[TopicSpec, ...]
    differing: tuple[Difference, ...]
    right: tuple[TopicSpec, ...]
    configs_known: bool = True


def plan(admin: Admin, specs: Iterable[TopicSpec]) -> Plan:
    """
    Compare the catalogue with the broker.

    Raises
    ------
    UsageError
        The broker can't be asked.

    """
    wanted, found = tuple(specs), admin.topics()
    there = tuple(spec for spec in wanted if spec.name in found)
    configs = admin.configs([spec.name for spec in there]) if there else {}
    known = {} if isinstance(configs, Unsupported) else configs
    differing = [
        difference
        for spec in there
        for difference in (*_partitions_of(spec, found[spec.name]), *_configs_of(spec, known.get(spec.name, {})))
    ]
    wrong = {difference.topic for difference in differing}
    return Plan(
        missing=tuple(spec for spec in wanted if spec.name not in found),
        differing=tuple(differing),
        right=tuple(spec for spec in there if spec.name not in wrong),
        configs_known=not isinstance(configs, Unsupported),
    )


def apply(admin: Admin, specs: Iterable[TopicSpec], replication: int | None = None) -> Plan:
    """
    Make what is missing, wait until it is served, and give the plan that was carried out.

    Parameters
    ----------
    admin
        The connection.
    specs
        Topics as they should be.
    replication
        Copies of each; None for the brokers' default.

    Raises
    ------
    UsageError
        The broker can't be asked or refuses, or a topic is not served.

    """
    carried_out = plan(admin, specs)
    copies = BROKERS_DEFAULT if replication is None else replication
    if carried_out.missing:
        admin.create(
            [
                NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=copies, config=spec.configs)
                for spec in carried_out.missing
            ]
        )
        _wait_for(admin, {spec.name: spec.partitions for spec in carried_out.missing})
    return carried_out


def verify(
    settings: Settings,
    stage: str = "",
    *,
    replay: bool = False,
    patience: float = CALL_WITHIN,
    waiting: Callable[[str], None] | None = None,
) -> None:
    """
    Check before a worker starts that its topics are there and divided as its rows were.

    Parameters
    ----------
    settings
        The worker's.
    stage
        Its stage, "" for all topics of the catalogue.
    replay
        Whether the topics are those of a replay.
    patience
        Seconds to wait for a broker that is away.
    waiting
        Is told, once, that one waits and for whom.

    Raises
    ------
    UsageError
        A topic is missing or has another partition count, or no broker lets us in; says the way out.

    """
    catalogue = settings.catalogue(replay=replay)
    wanted = [catalogue[each] for each in STAGE_TOPICS[stage]] if stage else list(catalogue.values())
    found = Admin(settings.kafka, waiting).topics(patience)
    missing = [spec.name for spec in wanted if spec.name not in found]
    if missing:
        raise UsageError(f"topics are missing: {', '.join(missing)}; run `firebreak topics apply`")
    for spec in wanted:
        for difference in _partitions_of(spec, found[spec.name]):
            raise UsageError(f"{difference}; {_way_out(spec)}")


def _way_out(spec: TopicSpec) -> str:
    counts = {
        "incidents.raw": "FIREBREAK_PARTITIONS_RAW",
        "incidents.enriched": "FIREBREAK_PARTITIONS_ENRICHED",
        "detect.inbox": "FIREBREAK_PARTITIONS_INBOX",
    }
    variable = counts.get(spec.like or spec.id)
    if variable is None:
        return "delete the topic and run `firebreak topics apply`, or go on under another FIREBREAK_TOPIC_PREFIX"
    return f"set {variable} to what it is, or begin anew under another FIREBREAK_TOPIC_PREFIX"


def _partitions_of(spec: TopicSpec, found: int) -> tuple[Difference, ...]:
    same = found == spec.partitions
    return () if same else (Difference(spec.name, "number of partitions", str(found), str(spec.partitions)),)


def _configs_of(spec: TopicSpec, found: Mapping[str, str]) -> Iterable[Difference]:
    for name, wanted in spec.configs.items():
        if name in found and sorted(found[name].split(",")) != sorted(wanted.split(",")):
            yield Difference(spec.name, name, found[name], wanted)


def _wait_for(admin: Admin, made: Mapping[str, int]) -> None:
    give_up = time.monotonic() + SERVED_WITHIN
    # a new partition has a leader up to a second before that leader knows of it
    while waiting := (made.keys() - admin.topics().keys()) or admin.unserved(made):
        if time.monotonic() > give_up:
            raise UsageError(f"made, but not served yet: {', '.join(sorted(waiting))}; look at the brokers")
        time.sleep(0.05)


def chosen_settings(settings: Settings, broker: str | None, prefix: str | None) -> Settings:
    """Give the settings with what the command line says instead."""
    changed = settings
    if broker:
        changed = replace(changed, kafka=replace(changed.kafka, brokers=tuple(broker.split(","))))
    return replace(changed, topic_prefix=prefix) if prefix else changed


_BROKER = click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS.")
_PREFIX = click.option("--prefix", metavar="NAME", help="First part of the names, instead of FIREBREAK_TOPIC_PREFIX.")
_REPLAY = click.option(
    "--replay", is_flag=True, help="For records of the past: kept for ever, with their own timestamps."
)


@click.group()
def topics() -> None:
    """Topics of the catalogue on the broker: what is missing, what differs, and making them."""


@topics.command("plan")
@_BROKER
@_PREFIX
@_REPLAY
def plan_command(broker: str | None, prefix: str | None, replay: bool) -> int:
    """
    Say what `apply` would do; exit code 2 where the broker differs from the catalogue.

    \b
    Example:
      firebreak topics plan
      firebreak topics plan --broker kafka:9092
    """  # noqa: D301 - \b keeps click from filling the example
    settings = chosen_settings(from_env(os.environ), broker, prefix)
    catalogue = settings.catalogue(replay=replay)
    code = _told(plan(Admin(settings.kafka), catalogue.values()), "to make")
    if settings.registry_url:
        _told_of_schemas(Registry(settings.registry_url.reveal()).missing(catalogue), "to register")
    return code


@topics.command("apply")
@_BROKER
@_PREFIX
@_REPLAY
def apply_command(broker: str | None, prefix: str | None, replay: bool) -> int:
    """
    Make the topics that are missing; exit code 2 where one that is there differs.

    With FIREBREAK_REGISTRY_URL, schemas that are missing in the registry are registered too.

    \b
    Example:
      firebreak topics apply
      firebreak topics apply --broker kafka:9092 --prefix replay-2019 --replay
    """  # noqa: D301 - same
    settings = chosen_settings(from_env(os.environ), broker, prefix)
    catalogue = settings.catalogue(replay=replay)
    code = _told(apply(Admin(settings.kafka), catalogue.values(), settings.replication), "made")
    if settings.registry_url:
        registry = Registry(settings.registry_url.reveal())
        missing = registry.missing(catalogue)
        for topic in missing:
            registry.register(topic)
        _told_of_schemas(missing, "registered")
    return code


@topics.command("acls")
@click.option("--principal", default="User:CN=firebreak-{component}", show_default=True, help="How each is called.")
@_BROKER
@_PREFIX
def acls_command(principal: str, broker: str | None, prefix: str | None) -> None:
    """
    Print what each process may do on the brokers, as commands of Kafka's own tool; nothing is changed.

    \b
    Example:
      firebreak topics acls > acls.sh
    """  # noqa: D301 - same
    settings = chosen_settings(from_env(os.environ), broker, prefix)
    where = ",".join(settings.kafka.brokers)
    for component in COMPONENTS:
        for right in rights(component, settings.catalogue()):
            click.echo(_acl(where, principal.replace("{component}", component), right))


def _acl(where: str, principal: str, right: Right) -> str:
    """One command: adding it twice changes nothing."""
    pattern = "prefixed" if right.pattern == "prefix" else "literal"
    kind = "transactional-id" if right.kind == "transactionalId" else right.kind
    does = " ".join(f"--operation {each}" for each in right.operations)
    words = ("kafka-acls.sh", "--bootstrap-server", where, "--add", "--allow-principal", principal)
    return f"{shlex.join(words)} {does} --resource-pattern-type {pattern} --{kind} {shlex.quote(right.name)}"


def _told_of_schemas(missing: Sequence[TopicSpec], verb: str) -> None:
    for topic in missing:
        click.echo(f"+ {verb}: schema {topic.schema} as {subject(topic)}")
    click.echo(f"{len(missing)} schemas {verb}")


def _told(found: Plan, verb: str) -> int:
    for spec in found.missing:
        click.echo(f"+ {verb}: {spec.name}, {spec.partitions} partitions, {spec.cleanup.value}")
    for difference in found.differing:
        click.echo(f"! {difference}")
    if not found.configs_known:
        click.echo("  this broker does not tell the configuration of topics: only names and partitions were compared")
    click.echo(f"{len(found.right)} as they should be, {len(found.missing)} {verb}, {len(found.differing)} differences")
    return 2 if found.differing else 0

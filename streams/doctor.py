"""``firebreak doctor``: is everything there that firebreak needs; one line a check."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import NamedTuple

import click
import redis
from aiokafka import codec

from schemas.errors import FirebreakError, UsageError
from streams.admin import Admin
from streams.regions.loader import load
from streams.settings import Settings, from_env
from streams.topics import Plan, chosen_settings, plan

DISTRIBUTION = "firebreak-streams"
SKEW_MS = 1_000
"""A clock further behind the broker's than this is wrong."""
REDIS_WITHIN = 2.0
"""Seconds."""
PATIENCE = 5.0
"""Seconds that a broker may be away."""


class Check(NamedTuple):
    """One answer: what was looked at, whether it is well, and what was found."""

    name: str
    well: bool
    found: str

    def __str__(self) -> str:
        return f"{'✓' if self.well else '✗'} {self.name}: {self.found}"


def examine(settings: Settings, now: Callable[[], float] = time.time) -> Iterator[Check]:
    """
    Look at everything, one check after the other; what rests on a failed one is left out.

    Parameters
    ----------
    settings
        What is to be looked at.
    now
        Seconds since the epoch.

    """
    yield pinned()
    yield codecs()
    for region in settings.regions:
        yield pack(region)
    admin = Admin(settings.kafka)
    reached = broker(admin, settings)
    yield reached
    if reached.well:
        yield from topics_of(admin, settings)
        yield clock(admin, settings, now)
    if settings.redis_url:
        yield redis_at(settings.redis_url.reveal())


def pinned() -> Check:
    """Whether the libraries whose insides are known have the versions that are known."""
    wanted = [re.fullmatch(r"([\w-]+)==([\w.]+)", each) for each in metadata.requires(DISTRIBUTION) or ()]
    exact = {match[1]: match[2] for match in wanted if match}
    wrong = [
        f"{name} {metadata.version(name)}, not {version}" for name, version in exact.items() if not _is(name, version)
    ]
    return Check("versions", not wrong, "; ".join(wrong or (f"{name} {version}" for name, version in exact.items())))


def _is(name: str, version: str) -> bool:
    return metadata.version(name) == version


def codecs() -> Check:
    """Whether every compression that a producer may choose can be read."""
    found = {"lz4": codec.has_lz4(), "snappy": codec.has_snappy(), "zstd": codec.has_zstd(), "gzip": codec.has_gzip()}
    lacking = [name for name, there in found.items() if not there]
    return Check(
        "codecs", not lacking, f"{', '.join(lacking)} missing: install cramjam" if lacking else ", ".join(found)
    )


def pack(region: str) -> Check:
    """Whether a region pack can be used."""
    try:
        loaded = load(region)
    except UsageError as mistake:
        return Check(f"region {region}", well=False, found=str(mistake))
    return Check(f"region {region}", well=True, found=f"{len(loaded.areas)} areas")


def broker(admin: Admin, settings: Settings) -> Check:
    """Whether the broker lets us in."""
    name = f"broker {','.join(settings.kafka.brokers)} ({settings.kafka.security.value})"
    try:
        found = admin.metadata(PATIENCE)
    except UsageError as mistake:
        return Check(name, well=False, found=str(mistake))
    return Check(name, well=True, found=f"{len(found.brokers)} broker(s), cluster {found.cluster_id}")


def topics_of(admin: Admin, settings: Settings) -> Iterator[Check]:
    """Whether the topics are there, and are what the catalogue says."""
    try:
        found = plan(admin, settings.catalogue().values())
    except FirebreakError as mistake:
        yield Check("topics", well=False, found=str(mistake))
        return
    missing = ", ".join(spec.name for spec in found.missing)
    yield Check(
        "topics", not missing, f"missing: {missing}; run `firebreak topics apply`" if missing else f"{len(found.right)}"
    )
    yield _without(found, "partitions", lambda what: what == "number of partitions")
    if found.configs_known:
        yield _without(found, "timestamps", lambda what: what == "message.timestamp.type")
        yield _without(found, "retention", lambda what: what not in {"message.timestamp.type", "number of partitions"})


def _without(found: Plan, name: str, concerns: Callable[[str], bool]) -> Check:
    differing = [str(each) for each in found.differing if concerns(each.what)]
    return Check(name, not differing, "; ".join(differing) or "as in the catalogue")


def clock(admin: Admin, settings: Settings, now: Callable[[], float] = time.time) -> Check:
    """Whether our clock is behind the broker's, as far as its newest timestamp tells."""
    raw = settings.catalogue()["incidents.raw"]
    newest = admin.newest_append(raw.name, raw.partitions)
    if newest is None:
        return Check("clock", well=True, found="nothing has been appended yet to compare with")
    ahead = newest - int(now() * 1000)
    if ahead > SKEW_MS:
        return Check("clock", well=False, found=f"ours is at least {ahead / 1000:.1f} s behind the broker's")
    return Check(
        "clock", well=True, found=f"newest record appended {max(0, -ahead) / 1000:.1f} s ago, not ahead of ours"
    )


def redis_at(url: str) -> Check:
    """Whether Redis answers; its URL may hold a password and is not shown."""
    try:
        with redis.Redis.from_url(url, socket_timeout=REDIS_WITHIN, socket_connect_timeout=REDIS_WITHIN) as client:
            client.ping()
            where = client.connection_pool.connection_kwargs
            return Check("redis", well=True, found=f"{where.get('host', where.get('path'))} answers")
    except ValueError:
        return Check("redis", well=False, found="FIREBREAK_REDIS_URL is no URL of Redis: redis://host:6379/0")
    except redis.RedisError as error:
        return Check("redis", well=False, found=f"{error}; check FIREBREAK_REDIS_URL")


@click.command()
@click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS.")
def doctor(broker: str | None) -> int:
    """
    Look at everything that firebreak needs, one line a check; exit code 2 where something is wrong.

    \b
    Example:
      firebreak doctor
      firebreak doctor --broker kafka:9092
    """  # noqa: D301 - \b keeps click from filling the example
    well = True
    for check in examine(chosen_settings(from_env(os.environ), broker, None)):
        click.echo(str(check))
        well &= check.well
    return 0 if well else 2

"""What the commands of the desk have in common: where the log is, who asks, and how ends are written."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import click

from consumers.desk.board import alerts, chosen
from consumers.gazetteer import Gazetteer
from schemas import registry
from schemas.environment import DURATION
from schemas.events import Alert, Millis
from schemas.jsonform import instant
from schemas.settings import Settings, from_env
from schemas.wire import Wire

Wrapped = TypeVar("Wrapped", bound=Callable[..., object])


class Until(click.ParamType):
    """An end: so long from now, ``2h``, or an ISO 8601 time with a zone."""

    name = "duration or time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        """Parse the text."""
        text = str(value)
        try:
            return now() + int(DURATION.parse(text).total_seconds() * 1000)
        except ValueError:
            pass
        try:
            return instant(text)
        except ValueError:
            self.fail(f"{text!r} is no end: write 2h, 3d or 2026-01-31T06:00:00Z", param, ctx)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the log is, who asks, and how to answer."""

    settings: Settings
    actor: str
    as_json: bool
    patience: float

    @property
    def wire(self) -> Wire:
        """The codecs."""
        return registry.wire(self.settings)

    @property
    def gazetteer(self) -> Gazetteer:
        """Names and local times."""
        return Gazetteer.load(self.settings.regions)

    def alert(self, begun: str) -> Alert:
        """The alert whose id begins so."""
        return chosen(alerts(self.settings, self.wire), begun)


def now() -> Millis:
    """Wall clock."""
    return time.time_ns() // 1_000_000


def here(command: Wrapped) -> Wrapped:
    """Options of every command."""
    for option in (
        click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS."),
        click.option("--prefix", metavar="NAME", help="First part of topic names, instead of FIREBREAK_TOPIC_PREFIX."),
        click.option("--json", "as_json", is_flag=True, help="JSON instead of words."),
    ):
        command = option(command)
    return command


def asking(command: Wrapped) -> Wrapped:
    """Options of a command that asks for something."""
    for option in (
        click.option("--as", "actor", metavar="NAME", help="Who asks; who is logged in if not given."),
        click.option("--wait", "patience", type=click.FloatRange(1), default=30.0, show_default=True, help="Seconds."),
    ):
        command = option(command)
    return here(command)


def place_of(
    broker: str | None, prefix: str | None, *, as_json: bool, actor: str | None = None, patience: float = 30.0
) -> Place:
    """Settings of the environment, with what the command line says instead."""
    settings = from_env(os.environ)
    if broker:
        settings = replace(settings, kafka=replace(settings.kafka, brokers=tuple(broker.split(","))))
    if prefix:
        settings = replace(settings, topic_prefix=prefix)
    return Place(settings, actor or getpass.getuser(), as_json, patience)

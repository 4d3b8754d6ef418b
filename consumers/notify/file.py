"""The file of routes: YAML to :class:`consumers.notify.routes.Routes`, or one line that says what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec
import yaml

from consumers.notify.routes import SEVERITIES, ChannelSpec, Escalation, Limits, Recipient, Route, Routes
from consumers.notify.times import Span, clock, span
from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import Millis

VERSION = 1
KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "email": frozenset({"server", "security", "sender", "user", "password_file", "ca_file"}),
        "webhook": frozenset({"url", "secret_file", "format"}),
        "alertmanager": frozenset({"url"}),
        "alertmanager-webhook": frozenset({"url"}),
        "govuk": frozenset({"key_file", "template", "medium", "url"}),
        "apprise": frozenset({"url_file"}),
        "file": frozenset({"path", "format"}),
        "console": frozenset({"format"}),
    }
)
"""Kinds of channels, and what the file may say of each."""
NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "email": ("server", "sender"),
        "webhook": ("url", "secret_file"),
        "alertmanager": ("url",),
        "alertmanager-webhook": ("url",),
        "govuk": ("key_file", "template"),
        "apprise": ("url_file",),
        "file": ("path",),
        "console": (),
    }
)
ADDRESSED = frozenset({"email", "govuk"})
"""Channels that lead to nobody without an address."""

ParsedT = TypeVar("ParsedT")
Plain = str | int | float | bool


class _Escalate(msgspec.Struct, forbid_unknown_fields=True):
    after: str
    to: list[str]


class _Route(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    to: list[str]
    severity: str = "ALERT"
    regions: list[str] = []
    levels: list[str] = []
    groups: list[str] = []
    areas: list[str] = []
    when: list[str] | str = []
    digest: str = ""
    wake: str = "CRITICAL"
    escalate: list[_Escalate] = []


class _Person(msgspec.Struct, forbid_unknown_fields=True):
    channel: str
    address: str = ""
    quiet: list[str] | str = []


class _Limits(msgspec.Struct, forbid_unknown_fields=True):
    pages: int = 6
    within: str = "10m"
    digest_after: str = "5m"
    expires: str = "1h"
    repeat: str = "2m"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    channels: dict[str, dict[str, Plain]]
    routes: list[_Route]
    people: dict[str, _Person] = {}
    limits: _Limits = msgspec.field(default_factory=_Limits)
    link: str = ""


def load(path: Path) -> Routes:
    """
    Read the file.

    Raises
    ------
    UsageError
        The first mistake, with its place in the file.

    """
    try:
        content: object = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path.name}: no YAML: {' '.join(str(error).split())}") from error
    try:
        told = msgspec.convert(content, _File)
        return _routes(told, path.parent)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path.name}: {str(error).replace(' - at `$.', ' at `').replace('`$`', 'the top')}"
        ) from error
    except ValueError as error:
        raise UsageError(f"{path.name}: {error}") from error


def _routes(told: _File, folder: Path) -> Routes:
    if told.version != VERSION:
        raise ValueError(f"version is {told.version}, this firebreak reads {VERSION}")
    if told.link and "{alert_id}" not in told.link:
        raise ValueError("link: it needs {alert_id} where the alert's id goes")
    channels = {name: _channel(name, options, folder) for name, options in told.channels.items()}
    recipients = _recipients(told, channels)
    routes = tuple(_route(each, recipients) for each in told.routes)
    names = [route.name for route in routes]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two routes are called {', '.join(sorted(doubled))}")
    if not routes:
        raise ValueError("no route: nobody would be told anything")
    return Routes(
        routes=routes,
        recipients=MappingProxyType(recipients),
        channels=MappingProxyType(channels),
        limits=_limits(told.limits),
        link=told.link,
    )


def _channel(name: str, options: dict[str, Plain], folder: Path) -> ChannelSpec:
    rest = dict(options)
    kind = str(rest.pop("kind", ""))
    if ":" in name:
        raise ValueError(f"channels > {name}: a name without a colon, please")
    if kind not in KINDS:
        raise ValueError(f"channels > {name} > kind: {kind!r} is none of {', '.join(KINDS)}")
    for option in rest:
        if option not in KINDS[kind]:
            raise ValueError(f"channels > {name} > {option}: {kind} knows {', '.join(sorted(KINDS[kind]))}")
    for option in NEEDED[kind]:
        if not rest.get(option):
            raise ValueError(f"channels > {name} > {option}: missing")
    for option, value in tuple(rest.items()):
        if option == "path" or option.endswith("_file"):
            rest[option] = _found(f"channels > {name} > {option}", folder / str(value), must=option != "path")
    return ChannelSpec(name=name, kind=kind, options=MappingProxyType(rest))


def _found(at: str, path: Path, *, must: bool) -> str:
    if must and not path.is_file():
        raise ValueError(f"{at}: there is no file {path}")
    return str(path)


def _recipients(told: _File, channels: Mapping[str, ChannelSpec]) -> dict[str, Recipient]:
    systems = [spec for spec in channels.values() if spec.kind not in ADDRESSED]
    found = {spec.name: Recipient(name=spec.name, channel=spec.name) for spec in systems}
    for name, person in told.people.items():
        at = f"people > {name}"
        if name in found:
            raise ValueError(f"{at}: a channel is called so, too")
        if person.channel not in channels:
            raise ValueError(f"{at} > channel: {_unknown(person.channel, channels)}")
        if channels[person.channel].kind in ADDRESSED and not person.address:
            raise ValueError(f"{at} > address: missing")
        found[name] = Recipient(
            name=name,
            channel=person.channel,
            address=person.address,
            quiet=_spans(f"{at} > quiet", person.quiet),
        )
    return found


def _route(told: _Route, recipients: Mapping[str, Recipient]) -> Route:
    at = f"routes > {told.name}"
    for severity in (told.severity, told.wake):
        if severity not in SEVERITIES:
            raise ValueError(f"{at}: {severity!r} is none of {', '.join(SEVERITIES)}")
    for name in (*told.to, *(name for step in told.escalate for name in step.to)):
        if name not in recipients:
            raise ValueError(f"{at} > to: {_unknown(name, recipients)}")
    if not told.to:
        raise ValueError(f"{at} > to: nobody is named")
    return Route(
        name=told.name,
        to=tuple(told.to),
        severity=told.severity,
        regions=frozenset(told.regions),
        levels=frozenset(told.levels),
        groups=frozenset(told.groups),
        areas=frozenset(told.areas),
        when=_spans(f"{at} > when", told.when),
        digest=_parsed(f"{at} > digest", clock, told.digest) if told.digest else None,
        wake=told.wake,
        escalate=tuple(
            Escalation(after=_duration(f"{at} > escalate > after", step.after), to=tuple(step.to))
            for step in told.escalate
        ),
    )


def _limits(told: _Limits) -> Limits:
    if told.pages < 1:
        raise ValueError("limits > pages: at least 1")
    return Limits(
        pages=told.pages,
        within=_duration("limits > within", told.within),
        digest_after=_duration("limits > digest_after", told.digest_after),
        expires=_duration("limits > expires", told.expires),
        repeat=_duration("limits > repeat", told.repeat),
    )


def _spans(at: str, told: list[str] | str) -> tuple[Span, ...]:
    return tuple(_parsed(at, span, each) for each in ([told] if isinstance(told, str) else told))


def _duration(at: str, text: str) -> Millis:
    return int(_parsed(at, DURATION.parse, text).total_seconds() * 1000)


def _parsed(at: str, parse: Callable[[str], ParsedT], text: str) -> ParsedT:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error


def _unknown(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name!r} is not known" + (f"; did you mean {near[0]}?" if near else "")

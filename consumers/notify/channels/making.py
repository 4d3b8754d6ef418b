"""Channels from what the file of routes says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from consumers.notify.channels.alertmanager import Alertmanager, AlertmanagerWebhook
from consumers.notify.channels.base import Channel
from consumers.notify.channels.email import PORTS, Mailer
from consumers.notify.channels.extras import apprise, govuk_notify
from consumers.notify.channels.files import Console, File
from consumers.notify.channels.webhook import Webhook
from consumers.notify.routes import ChannelSpec, Limits, Routes
from schemas.environment import Secret
from schemas.errors import UsageError

_KEPT = 4
"""An Alertmanager may miss so many tellings before it takes an alert for over."""


def channels(routes: Routes) -> dict[str, Channel]:
    """
    Every channel of the file, by name.

    Raises
    ------
    UsageError
        One can't be made.

    """
    return {name: channel(spec, routes.limits) for name, spec in routes.channels.items()}


def channel(spec: ChannelSpec, limits: Limits) -> Channel:
    """
    One channel.

    Raises
    ------
    UsageError
        It can't be made; says which.

    """
    try:
        return _MAKERS[spec.kind](spec, limits)
    except UsageError as error:
        raise UsageError(f"channel {spec.name}: {error}") from error


def _text(spec: ChannelSpec, option: str, otherwise: str = "") -> str:
    return str(spec.options.get(option, otherwise))


def _secret(spec: ChannelSpec, option: str) -> Secret:
    path = _text(spec, option)
    try:
        return Secret(Path(path).read_text("utf-8").strip()) if path else Secret("")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option} can't be read") from error


def _mailer(spec: ChannelSpec, _limits: Limits) -> Channel:
    security = _text(spec, "security", "starttls")
    host, _, port = _text(spec, "server").partition(":")
    authority = _text(spec, "ca_file")
    return Mailer(
        host=host,
        port=int(port) if port.isdecimal() else PORTS.get(security, 0),
        security=security,
        sender=_text(spec, "sender"),
        user=_text(spec, "user"),
        password=_secret(spec, "password_file"),
        ca_file=Path(authority) if authority else None,
    )


def _webhook(spec: ChannelSpec, _limits: Limits) -> Channel:
    return Webhook(url=_text(spec, "url"), secret=_secret(spec, "secret_file"), format=_text(spec, "format", "json"))


def _alertmanager(spec: ChannelSpec, limits: Limits) -> Channel:
    return Alertmanager(url=_text(spec, "url"), keep=_KEPT * limits.repeat)


def _alertmanager_webhook(spec: ChannelSpec, _limits: Limits) -> Channel:
    return AlertmanagerWebhook(url=_text(spec, "url"))


def _govuk(spec: ChannelSpec, _limits: Limits) -> Channel:
    key = _secret(spec, "key_file")
    return govuk_notify(key, _text(spec, "template"), _text(spec, "medium", "email"), _text(spec, "url"))


def _apprise(spec: ChannelSpec, _limits: Limits) -> Channel:
    return apprise(_secret(spec, "url_file"))


def _file(spec: ChannelSpec, _limits: Limits) -> Channel:
    return File(path=Path(_text(spec, "path")), format=_text(spec, "format", "json"))


def _console(_spec: ChannelSpec, _limits: Limits) -> Channel:
    return Console()


_MAKERS: Mapping[str, Callable[[ChannelSpec, Limits], Channel]] = {
    "email": _mailer,
    "webhook": _webhook,
    "alertmanager": _alertmanager,
    "alertmanager-webhook": _alertmanager_webhook,
    "govuk": _govuk,
    "apprise": _apprise,
    "file": _file,
    "console": _console,
}

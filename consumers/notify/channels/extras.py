"""Ways that need a library of their own: GOV.UK Notify (extra ``govuk``) and Apprise (extra ``apprise``)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from consumers.notify.channels.base import Delivered, Later, Parcel, Refused, Result
from consumers.notify.message import FIRST_LINE
from schemas.environment import Secret
from schemas.errors import UsageError

CALL_WITHIN = 10
"""Seconds that GOV.UK Notify has for an answer."""


class _NotifyClient(Protocol):
    """The two calls of GOV.UK Notify's client that are made here."""

    def send_email_notification(
        self, email_address: str, template_id: str, personalisation: dict[str, str], reference: str
    ) -> object:
        """Send one e-mail."""
        ...

    def send_sms_notification(
        self, phone_number: str, template_id: str, personalisation: dict[str, str], reference: str
    ) -> object:
        """Send one text message."""
        ...


class _Apprise(Protocol):
    """What is used of Apprise."""

    def add(self, servers: str) -> bool:
        """Take an address in."""
        ...

    def notify(self, body: str, title: str) -> object:
        """Tell all addresses; true only if all were told."""
        ...


def _library(module: str, extra: str) -> object:
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"{module} is missing: pip install 'firebreak-streams[{extra}]'") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class GovukNotify:
    """
    GOV.UK Notify: ``medium`` is ``email`` or ``sms``; the template has ``((first_line))``, and ``((text))`` for e-mail.

    Its service keeps the delivery as ``reference``, which is the same in every attempt.
    """

    client: _NotifyClient
    template: str
    medium: str

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt."""
        text, reference = parcel.text, hashlib.sha256(parcel.delivery_id.encode()).hexdigest()[:32]
        words = {"first_line": text.first_line}
        try:
            if self.medium == "sms":
                self.client.send_sms_notification(parcel.address, self.template, words, reference)
            else:
                words["text"] = text.body
                self.client.send_email_notification(parcel.address, self.template, words, reference)
        except Exception as error:
            return _judged(error)
        return Delivered()


def _judged(error: Exception) -> Result:
    """What a failure of the client means; its HTTPError has a status code."""
    status = getattr(error, "status_code", None)
    why = f"GOV.UK Notify: {' '.join(str(error).split())[:200]}"
    if isinstance(status, int) and 400 <= status < 500 and status != 429:
        return Refused(why)
    return Later(why, unsure=not isinstance(status, int))


def govuk_notify(secret: Secret, template: str, medium: str, url: str) -> GovukNotify:
    """
    Make the channel.

    Raises
    ------
    UsageError
        The extra is not installed, or the medium is none.

    """
    if medium not in {"email", "sms"}:
        raise UsageError(f"medium of GOV.UK Notify is {medium!r}, neither email nor sms")
    module = _library("notifications_python_client.notifications", "govuk")
    options: dict[str, str | int] = {"timeout": CALL_WITHIN, **({"base_url": url} if url else {})}
    client = cast("_NotifyClient", module.NotificationsAPIClient(secret.reveal().strip(), **options))  # type: ignore[attr-defined]  # an extra
    return GovukNotify(client=client, template=template, medium=medium)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise:
    """Whatever Apprise reaches; the addresses, which hold secrets, are lines of a file."""

    client: _Apprise

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt; where one of several addresses fails, the next attempt tells all of them again."""
        text = parcel.text
        told = self.client.notify(body=text.body, title=text.first_line[:FIRST_LINE])
        return Delivered() if told else Later("Apprise did not reach all of its addresses", unsure=True)


def apprise(urls: Secret) -> Apprise:
    """
    Make the channel.

    Raises
    ------
    UsageError
        The extra is not installed, or an address is none that it knows.

    """
    client = cast("_Apprise", _library("apprise", "apprise").Apprise())  # type: ignore[attr-defined]  # an extra
    for number, address in enumerate(urls.reveal().split(), start=1):
        if not client.add(address):
            raise UsageError(f"Apprise does not know the address in line {number} of its file")
    return Apprise(client=client)

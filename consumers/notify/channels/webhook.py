"""
A signed webhook.

Signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): HMAC-SHA256 over ``id.timestamp.body`` with a
shared secret. The id is the same in every attempt, so a receiver that remembers ids takes nothing twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

import msgspec

from consumers.notify.cap import cap
from consumers.notify.channels.base import Parcel, Result
from consumers.notify.channels.http import post
from schemas.environment import Secret
from schemas.errors import UsageError
from schemas.jsonform import alert_event_json, iso

PREFIX = "whsec_"
CAP = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address, the secret that it shares with us, and whether it wants CAP instead of JSON."""

    url: str
    secret: Secret
    format: str = "json"

    def __post_init__(self) -> None:
        key(self.secret)

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt."""
        body, content = (
            (cap(parcel), "application/cap+xml") if self.format == CAP else (payload(parcel), "application/json")
        )
        message_id, seconds = f"msg_{_digest(parcel.delivery_id)}", parcel.sent_at // 1000
        headers = {
            "content-type": content,
            "user-agent": "firebreak",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(self.secret, message_id, seconds, body),
        }
        return post(self.url, body, headers)


def payload(parcel: Parcel) -> bytes:
    """What happened, as JSON: ``type``, ``timestamp`` and ``data`` of the standard."""
    subject, text = parcel.subject, parcel.text
    alerts = [json.loads(alert_event_json(event)) for event in parcel.events]
    first = parcel.events[0].alert_id if subject.event is not None else ""
    return msgspec.json.encode(
        {
            "type": f"alert.{subject.what.lower()}",
            "timestamp": iso(parcel.made_at),
            "data": {
                "delivery_id": parcel.delivery_id,
                "number": subject.number,
                "why": subject.why,
                "repeat": subject.repeat,
                "first_line": text.first_line,
                "text": text.body,
                "link": parcel.composer.link(first) if first else "",
                "alerts": alerts,
            },
        }
    )


def key(secret: Secret) -> bytes:
    """
    The key that a secret stands for: ``whsec_`` and base64.

    Raises
    ------
    UsageError
        It is none.

    """
    text = secret.reveal().strip()
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"a webhook's secret is {PREFIX} and base64") from error
    if not text.startswith(PREFIX) or len(found) < 16:
        raise UsageError(f"a webhook's secret is {PREFIX} and base64 of at least 16 bytes")
    return found


def signature(secret: Secret, message_id: str, seconds: int, body: bytes) -> str:
    """The header that proves who sent it."""
    signed = f"{message_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()


def _digest(delivery_id: str) -> str:
    return hashlib.sha256(delivery_id.encode()).hexdigest()[:32]

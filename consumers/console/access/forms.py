"""Whether a change was asked for on a page of ours: where the request came from, and the token in its form."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from consumers.console.access.people import Person
from schemas.environment import Secret

FIELD = "form"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Forms:
    """
    Tokens of forms, one for each person; without a key they hold as long as the process.

    Parameters
    ----------
    key
        The console's.

    """

    def __init__(self, key: Secret) -> None:
        self._key = key.reveal().encode() or secrets.token_bytes(32)

    def token(self, person: Person) -> str:
        """What every form of a person carries."""
        return hmac.new(self._key, f"form|{person.name}".encode(), hashlib.sha256).hexdigest()

    def own(self, request: web.Request, person: Person, token: str) -> bool:
        """Whether an unsafe request is of a page of ours."""
        return same_origin(request) and hmac.compare_digest(self.token(person), token)


def same_origin(request: web.Request) -> bool:
    """
    Whether the browser says that the request comes from a page of this console.

    ``Sec-Fetch-Site`` is sent by all current browsers (Fetch Metadata, W3C); ``Origin`` by older ones. A program sends
    neither, and has no cookie that it could be made to use.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host

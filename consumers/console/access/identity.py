"""
Who asks: whoever is on this machine, whom a trusted proxy names, or whom an identity provider let in.

* ``local``: the console is served on the loopback address only; who reaches it is the administrator.
* ``open``: whoever reaches it is, for where a network or a container lets nobody else.
* ``proxy``: the header ``X-Firebreak-Identity`` is a signed token (JWT, HS256, the console's key) with ``sub``, ``exp``
  and, if wanted, ``groups``; without it nobody gets in.
* ``oidc``: a session cookie, which the login gives (:mod:`consumers.console.access.oidc`).

Programs send ``Authorization: Bearer fbk_...`` with any of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from consumers.console.access.people import People, Person, Role
from schemas.environment import Secret
from schemas.errors import UsageError
from schemas.events import Millis

HEADER = "X-Firebreak-Identity"
SESSION = "firebreak_session"
ALGORITHM = "HS256"
SESSION_HOURS = 12
SHORTEST_KEY = 32
WITHOUT_NAMES = frozenset({"local", "open"})


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs short statements with the console's key, and reads them again while they hold."""

    key: Secret

    def __post_init__(self) -> None:
        if len(self.key.reveal()) < SHORTEST_KEY:
            raise UsageError(f"FIREBREAK_CONSOLE_KEY needs {SHORTEST_KEY} characters or more")

    def sign(self, purpose: str, claims: Mapping[str, object], seconds: float) -> str:
        """A statement for one purpose that holds for so long."""
        told = {**claims, "aud": purpose, "exp": int(time.time() + seconds)}
        return jwt.encode({"alg": ALGORITHM}, told, self._jwk, algorithms=[ALGORITHM])

    def read(self, purpose: str, text: str) -> Mapping[str, object] | None:
        """What a statement says; None if it is none of ours, of another purpose, or holds no more."""
        try:
            token = jwt.decode(text, self._jwk, algorithms=[ALGORITHM])
            needed = jwt.JWTClaimsRegistry(
                aud={"essential": True, "value": purpose}, exp={"essential": True}, sub={"essential": True}
            )
            needed.validate(token.claims)
        except (JoseError, ValueError):
            return None
        claims: Mapping[str, object] = token.claims
        return claims

    @property
    def _jwk(self) -> OctKey:
        return OctKey.import_key(self.key.reveal())


class Identities:
    """
    Tells who sends a request.

    Parameters
    ----------
    access
        local, open, proxy or oidc.
    people
        Who is known.
    signer
        The console's key; None where names are not asked for.

    """

    def __init__(self, access: str, people: People, signer: Signer | None) -> None:
        self.access, self._people, self._signer = access, people, signer

    def of(self, request: web.Request, now: Millis) -> Person | None:
        """The person, None for nobody."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            return self._people.holder(token.strip(), now)
        if self.access in WITHOUT_NAMES:
            return Person(name=self.access, role=Role.ADMIN)
        if self._signer is None:
            return None
        text = request.headers.get(HEADER, "") if self.access == "proxy" else request.cookies.get(SESSION, "")
        claims = self._signer.read("identity" if self.access == "proxy" else "session", text) if text else None
        if claims is None:
            return None
        groups = claims.get("groups")
        return self._people.person(str(claims["sub"]), groups if isinstance(groups, list) else ())

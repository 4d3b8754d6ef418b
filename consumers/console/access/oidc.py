"""Login at an identity provider: OpenID Connect, authorization code with PKCE (RFC 7636), id token checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consumers.console.access.identity import SESSION, SESSION_HOURS, Signer
from schemas.environment import Secret

LOGIN = "firebreak_login"
LOGIN_WITHIN = 600
"""Seconds."""
WITHIN = aiohttp.ClientTimeout(total=10)
SIGNED_BY = ("RS256", "ES256", "PS256", "EdDSA")


class Login:
    """
    The way in and out.

    Parameters
    ----------
    issuer, client, secret
        The provider, and what it knows us by.
    url
        Address of the console as browsers know it.
    signer
        The console's key.

    """

    def __init__(self, issuer: str, client: str, secret: Secret, url: str, signer: Signer) -> None:
        self._issuer, self._client, self._secret = issuer.rstrip("/"), client, secret
        self._url, self._signer = url.rstrip("/"), signer
        self._known: Mapping[str, object] = {}

    def routes(self) -> list[web.AbstractRouteDef]:
        """Pages of the login."""
        return [
            web.get("/login", self.begin),
            web.get("/login/back", self.back),
            web.post("/logout", self.leave),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        """Send the browser to the provider, with what only we can check on its way back."""
        provider = await self._provider()
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": f"{self._url}/login/back",
            "scope": "openid profile email groups",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        response = _to(f"{provider['authorization_endpoint']}?{urlencode(asked)}")
        told = {"sub": state, "verifier": verifier, "nonce": nonce, "then": _local(request.query.get("then", "/"))}
        self._set(response, LOGIN, self._signer.sign("login", told, LOGIN_WITHIN), LOGIN_WITHIN)
        return response

    async def back(self, request: web.Request) -> web.Response:
        """Take who comes back from the provider in, if it is who went there."""
        told = self._signer.read("login", request.cookies.get(LOGIN, ""))
        if told is None or not hmac.compare_digest(str(told["sub"]), request.query.get("state", "")):
            raise web.HTTPForbidden(text="this login was not begun here, or too long ago: go to the first page again")
        claims = await self._claims(request.query.get("code", ""), str(told["verifier"]), str(told["nonce"]))
        if claims is None:
            raise web.HTTPForbidden(text="the identity provider did not confirm who you are")
        response = _to(str(told["then"]))
        name = claims.get("email") or claims.get("preferred_username") or claims["sub"]
        session = {"sub": str(name), "groups": claims.get("groups") or []}
        seconds = SESSION_HOURS * 3600
        self._set(response, SESSION, self._signer.sign("session", session, seconds), seconds)
        response.del_cookie(LOGIN)
        return response

    async def leave(self, _request: web.Request) -> web.Response:
        """End the session."""
        response = _to("/")
        response.del_cookie(SESSION)
        return response

    async def _claims(self, code: str, verifier: str, nonce: str) -> Mapping[str, object] | None:
        provider = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self._url}/login/back",
            "client_id": self._client,
            "code_verifier": verifier,
        }
        if self._secret:
            form["client_secret"] = self._secret.reveal()
        async with aiohttp.ClientSession(timeout=WITHIN) as session:
            async with session.post(str(provider["token_endpoint"]), data=form) as answer:
                if answer.status != web.HTTPOk.status_code:
                    return None
                token = (await answer.json()).get("id_token", "")
            async with session.get(str(provider["jwks_uri"])) as answer:
                keys = KeySet.import_key_set(await answer.json())
        try:
            read = jwt.decode(token, keys, algorithms=list(SIGNED_BY))
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": str(provider["issuer"])},
                aud={"essential": True, "value": self._client},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(read.claims)
        except (JoseError, ValueError):
            return None
        return cast("Mapping[str, object]", read.claims)

    async def _provider(self) -> Mapping[str, object]:
        if not self._known:
            address = f"{self._issuer}/.well-known/openid-configuration"
            try:
                async with aiohttp.ClientSession(timeout=WITHIN) as session, session.get(address) as answer:
                    answer.raise_for_status()
                    self._known = await answer.json()
            except (aiohttp.ClientError, TimeoutError) as failure:
                raise web.HTTPBadGateway(text="the identity provider does not answer: try again") from failure
        return self._known

    def _set(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        secure = self._url.startswith("https:")
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="Lax", secure=secure, path="/")


def _to(address: str) -> web.Response:
    return web.Response(status=web.HTTPFound.status_code, headers={"Location": address})


def _local(path: str) -> str:
    """A path of ours; anything else would send people elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"

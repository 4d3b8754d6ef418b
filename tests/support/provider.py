"""An identity provider of a test's own, as a server that speaks OpenID Connect: code flow with PKCE."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "console"


class Provider:
    """Lets one person in; ``claims`` replace what its id token says, ``key`` what it is signed with."""

    def __init__(self) -> None:
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.signing = self.key
        self.claims: dict[str, Any] = {}
        self._asked: dict[str, dict[str, str]] = {}

    def app(self) -> web.Application:
        """The server."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._configuration),
                web.get("/authorize", self._authorize),
                web.post("/token", self._token),
                web.get("/keys", self._keys),
            ]
        )
        return app

    async def _configuration(self, _request: web.Request) -> web.Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return web.json_response({"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in ends.items()}})

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe()
        self._asked[code] = dict(request.query)
        back = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._asked.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        if asked is None or challenge.rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "u1",
            "email": "ola",
            "nonce": asked["nonce"],
            "exp": int(time.time()) + 60,
            **self.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signing, algorithms=["RS256"])
        return web.json_response({"id_token": token})


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A running one."""
    made = Provider()
    server = TestServer(made.app())
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    try:
        yield made
    finally:
        await server.close()

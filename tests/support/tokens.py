"""A token endpoint of the tests: client credentials in, unsigned bearer tokens out."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

LIFETIME = 300
"""Seconds."""


class TokenEndpoint:
    """Gives tokens to the client that has the secret; ``asked`` counts the requests."""

    def __init__(self, client: str, secret: str) -> None:
        self.asked = 0
        self._identity = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self._client = client
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def answer(self, identity: str) -> tuple[int, dict[str, str | int]]:
        """Status and body for who says that."""
        self.asked += 1
        if identity != self._identity:
            return 401, {"error": "invalid_client"}
        now = int(time.time())
        claims: dict[str, str | int] = {"sub": self._client, "iat": now, "exp": now + LIFETIME, "scope": "kafka"}
        token = f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Page(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, body = endpoint.answer(self.headers.get("Authorization", ""))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
                pass

        return Page


def _encoded(part: Mapping[str, str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

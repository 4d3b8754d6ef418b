"""Where messages arrive in tests: a mail server and a web server, real ones, which remember and can misbehave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from support.ports import free_ports

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the example of the standard


@dataclass(slots=True)
class Arrived:
    """One message: to whom, which, whether it says that it may be a repeat, and the whole."""

    recipient: str
    delivery_id: str
    repeat: bool
    whole: Any


class MailSink:
    """
    A mail server.

    ``answer`` is what it says to the next message, "250 OK" if not set. ``on_data`` is called with each message that
    came, before anything is answered.
    """

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answers: list[str] = []
        self.on_data: Callable[[Arrived], None] = lambda _message: None
        (self._port,) = free_ports(1)
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Take one message."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        one = Arrived(
            recipient=f"mail:{envelope.rcpt_tos[0]}",
            delivery_id=str(message["X-Firebreak-Delivery"]).replace("\r\n", "").replace("\n", ""),
            repeat=message["X-Firebreak-Repeat"] == "yes",
            whole=message,
        )
        if self.answers:
            return self.answers.pop(0)
        self.arrived.append(one)
        self.on_data(one)
        return "250 OK"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to listen."""
        self._controller.start()

    def stop(self) -> None:
        """Listen no more."""
        self._controller.stop()


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """Run a mail server."""
    sink = MailSink()
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@dataclass(slots=True)
class WebSink:
    """A web server that takes webhooks whose signature is right; ``answers`` are statuses it gives instead of 200."""

    port: int
    arrived: list[Arrived] = field(default_factory=list)
    posts: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    hang: threading.Event = field(default_factory=threading.Event)
    """While it is set, nothing is answered."""
    let_go: threading.Event = field(default_factory=threading.Event)
    on_post: Callable[[Arrived], None] = lambda _message: None
    forged: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        """Take one post; answer status and headers."""
        if self.hang.is_set():
            self.let_go.wait(60)
        if self.answers:
            return self.answers.pop(0)
        told = json.loads(body)
        self.posts.append((path, told))
        if "webhook-id" in headers:
            if not _signed(headers, body):
                self.forged += 1
                return 401, {}
            data = told["data"]
            one = Arrived("hub", data["delivery_id"], data["repeat"], told)
            self.arrived.append(one)
            self.on_post(one)
        return 200, {}


def _signed(headers: Any, body: bytes) -> bool:
    """By the words of the standard: HMAC-SHA256 of id, time and body, joined by dots."""
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    key = base64.b64decode(SECRET.partition("_")[2])
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return bool(headers["webhook-signature"] == f"v1,{digest}")


@contextmanager
def web_sink() -> Iterator[WebSink]:
    """Run a web server."""

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = sink.take(self.path, self.headers, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            said = b"{}" if status == 200 else b""
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is no error of the server."""

    server = Server(("127.0.0.1", 0), Take)
    sink = WebSink(port=server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield sink
    finally:
        sink.hang.clear()
        sink.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()

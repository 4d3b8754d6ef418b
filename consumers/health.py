"""Health and metrics of a consumer over HTTP: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import cast
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Info, make_wsgi_app


@contextmanager
def serve(
    bind: str, registry: CollectorRegistry, *, alive: Callable[[], bool], ready: Callable[[], bool]
) -> Iterator[int]:
    """
    Serve from a thread while the context is open; gives the port.

    Parameters
    ----------
    bind
        ``host:port``; "" serves nothing and gives port 0.
    registry
        What ``/metrics`` tells.
    alive, ready
        What ``/healthz`` and ``/readyz`` answer: 200, or 503.

    """
    if not bind:
        yield 0
        return
    Info("firebreak_build", "Version of this process.", registry=registry).info(
        {"version": version("firebreak-streams")}
    )
    host, _, port = bind.rpartition(":")
    server = make_server(host, int(port), _pages(registry, alive, ready), handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pages(registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> WSGIApplication:
    exposition = make_wsgi_app(registry)
    answers = {"/healthz": alive, "/readyz": ready}

    def page(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return cast("Iterable[bytes]", exposition(environ, start))
        if path not in answers:
            return _plain(start, "404 Not Found")
        return _plain(start, "200 OK" if answers[path]() else "503 Service Unavailable")

    return page


def _plain(start: StartResponse, status: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [status.encode() + b"\n"]


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """Log nothing."""

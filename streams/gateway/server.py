"""The gateway put together: who sends, how much at once, and what each request is answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.events import Millis, Notification
from streams.gateway.delivery import Away
from streams.gateway.intake import LARGEST_BODY, Refused, Unreadable, parts, read, unpacked
from streams.gateway.openapi import document
from streams.gateway.sources import Sender, Senders

HEADERS_WITHIN = 10.0
BODY_WITHIN = 15.0
"""Seconds; who is slower is cut off."""
MOST_CONNECTIONS = 1_000
MOST_AT_ONCE = 16
"""Requests of one token that may be on their way together."""
LOOK_EVERY = 1.0
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Log(Protocol):
    """Where notifications go."""

    async def send(self, notifications: Sequence[Notification]) -> None:
        """Return when the log has all of them; raise Away where it does not take one."""


class Gateway:
    """
    One gateway.

    Parameters
    ----------
    senders
        Who may send.
    log
        Where it goes.
    now
        Wall clock in ms.

    """

    def __init__(self, senders: Senders, log: Log, now: Callable[[], Millis] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._senders, self._log = senders, log
        self._now = now or (lambda: time.time_ns() // 1_000_000)
        self._busy: Tally[str] = Tally()
        self._served: set[object] = set()
        self._seen: dict[object, float] = {}
        self._accepted = Counter(
            "firebreak_gateway_accepted", "Notifications that the log has.", ["token"], registry=self.registry
        )
        self._refused = Counter(
            "firebreak_gateway_refused", "Notifications not taken.", ["token", "reason"], registry=self.registry
        )
        self._answers = Histogram(
            "firebreak_gateway_request_seconds", "Time to answer.", ["status"], registry=self.registry
        )
        self._cut = Counter("firebreak_gateway_slow_connections", "Connections cut off.", registry=self.registry)
        self._open = Gauge("firebreak_gateway_connections", "Connections that are open.", registry=self.registry)

    async def runner(self) -> web.AppRunner:
        """The server's insides, to be given a socket."""
        app = web.Application(middlewares=[self._timed], client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                web.post("/v1/incidents", self.take),
                web.get("/healthz", _well),
                web.get("/readyz", _well),
                web.get("/openapi.json", _described),
            ]
        )
        # what is packed is unpacked here, within bounds
        made = web.AppRunner(app, auto_decompress=False, keepalive_timeout=30.0, access_log=None)
        app.cleanup_ctx.append(lambda _app: self._watched(made))
        await made.setup()
        return made

    async def take(self, request: web.Request) -> web.Response:
        """Take notifications in."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        sender = self._senders.of(token.strip(), self._now()) if scheme == "Bearer" else None
        if sender is None:
            return problem(401, "no token that is known: Authorization: Bearer fbk_...")
        if self._busy[sender.name] >= MOST_AT_ONCE:
            return problem(429, f"at most {MOST_AT_ONCE} requests at once", {"Retry-After": "1"})
        self._busy[sender.name] += 1
        try:
            return await self._taken(request, sender)
        except Unreadable as wrong:
            self._refused.labels(sender.name, "unreadable").inc()
            return problem(wrong.status, str(wrong))
        except Away as away:
            return problem(503, f"{away}; send the same again", {"Retry-After": "5"})
        finally:
            self._busy[sender.name] -= 1

    async def _taken(self, request: web.Request, sender: Sender) -> web.Response:
        body = unpacked(await _body(request), request.headers.get("Content-Encoding", "").strip().lower())
        found = parts(body, request.content_type)
        wait = sender.take(len(found))
        if wait:
            return problem(429, f"more than {sender.rate:g} a second", {"Retry-After": str(int(wait) + 1)})
        made = list(read(found, sender))
        good = [each for each in made if not isinstance(each, Refused)]
        bad = [each for each in made if isinstance(each, Refused)]
        if good:
            await self._log.send(good)
        self._accepted.labels(sender.name).inc(len(good))
        for each in bad:
            self._refused.labels(sender.name, each.reason).inc()
        told = {"accepted": len(good), "rejected": [asdict(each) for each in bad]}
        return web.json_response(told, status=202 if good else 422)

    @web.middleware
    async def _timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._served.add(request.protocol)
        begun = time.monotonic()
        try:
            response = await handler(request)
        except web.HTTPException as wrong:
            response = problem(wrong.status, wrong.reason)
        response.headers.update(HEADERS)
        self._answers.labels(str(response.status)).observe(time.monotonic() - begun)
        return response

    async def _watched(self, runner: web.AppRunner) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self._watch(runner))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _watch(self, runner: web.AppRunner) -> None:
        """Cut off who has not sent the head of a request in time, and the newest of too many."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if runner.server is None:
                continue
            connections = list(runner.server.connections)
            self._open.set(len(connections))
            self._served.intersection_update(connections)
            now = time.monotonic()
            self._seen = {each: self._seen.get(each, now) for each in connections}
            for number, each in enumerate(connections):
                late = each not in self._served and now - self._seen[each] > HEADERS_WITHIN
                if late or number >= MOST_CONNECTIONS:
                    self._cut.inc()
                    each.force_close()


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > LARGEST_BODY:
        raise Unreadable(413, f"more than {LARGEST_BODY} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for part in request.content.iter_any():
                body += part
                if len(body) > LARGEST_BODY:
                    raise Unreadable(413, f"more than {LARGEST_BODY} bytes")
    except TimeoutError as slow:
        raise Unreadable(408, f"the body did not come within {BODY_WITHIN:g} s") from slow
    return bytes(body)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says what is wrong (RFC 9457)."""
    told = {"type": "about:blank", "title": web.Response(status=status).reason, "status": status, "detail": detail}
    return web.json_response(told, status=status, headers=headers, content_type="application/problem+json")


async def _well(_request: web.Request) -> web.Response:
    return web.Response(text="200 OK\n")


async def _described(_request: web.Request) -> web.Response:
    return web.json_response(document())

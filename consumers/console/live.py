"""Server-sent events: what changed, to every open page, and to one that comes back all that it missed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from aiohttp import web

from consumers.console.mirror import Change

WAITING = 200
"""Changes that may wait for one page; one that takes fewer is dropped, comes back and is told what it missed."""
KEPT = 2_000
PING = 15.0
"""Seconds."""


class Hub:
    """All open pages."""

    def __init__(self) -> None:
        self._pages: set[asyncio.Queue[Change | None]] = set()
        self._past: deque[Change] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._pages)

    def tell(self, change: Change) -> None:
        """Tell every page; called in the loop."""
        if change[0]:
            self._past.append(change)
        for page in list(self._pages):
            try:
                page.put_nowait(change)
            except asyncio.QueueFull:
                self._drop(page)

    def close(self) -> None:
        """Let every page go."""
        for page in list(self._pages):
            self._drop(page)

    def _drop(self, page: asyncio.Queue[Change | None]) -> None:
        self._pages.discard(page)
        while not page.empty():
            page.get_nowait()
        page.put_nowait(None)

    def missed(self, after: str) -> list[Change]:
        """What was told since an entry; a reset where that is not known any more."""
        past = list(self._past)
        known = [number for number, (entry, _, _) in enumerate(past) if entry == after]
        return past[known[-1] + 1 :] if known else [(past[-1][0] if past else "", "reset", "")]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Stream changes until the page goes away."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        page: asyncio.Queue[Change | None] = asyncio.Queue(WAITING)
        self._pages.add(page)
        after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            try:
                for change in self.missed(after) if after else ():
                    await response.write(_event(change))
                await response.write(b": open\n\n")
                await self._stream(response, page)
            finally:
                self._pages.discard(page)
        return response

    async def _stream(self, response: web.StreamResponse, page: asyncio.Queue[Change | None]) -> None:
        while True:
            try:
                change = await asyncio.wait_for(page.get(), PING)
            except TimeoutError:
                # who is gone is only noticed by writing
                await response.write(b"event: ping\ndata: \n\n")
                continue
            if change is None:
                return
            await response.write(_event(change))


def _event(change: Change) -> bytes:
    number, table, key = change
    head = f"id: {number}\n" if number else ""
    return f"{head}event: change\ndata: {table} {key}\n\n".replace("\r", "").encode()

"""Posting to a web address, with one deadline for the whole, and what each answer means."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from consumers.notify.channels.base import DEADLINE, Delivered, Later, Refused, Result

_UNSURE = frozenset({502, 504})
"""A gateway does not know what became of the request behind it."""
_TRY_AGAIN = frozenset({408, 409, 423, 425, 429})
_SAID = 200
"""Characters of an answer that are kept."""


def post(url: str, body: bytes, headers: Mapping[str, str], deadline: float = DEADLINE) -> Result:
    """Post *body*; an answer of 2xx is an arrival."""
    try:
        return asyncio.run(_post(url, body, headers, deadline))
    except aiohttp.ClientConnectorError as error:
        return Later(f"{error.host} can't be reached: {error.os_error.strerror or error.os_error}")
    except aiohttp.InvalidURL:
        return Refused("the address is none")
    except TimeoutError:
        return Later(f"no answer within {deadline:.0f} s", unsure=True)
    except aiohttp.ClientError as error:
        return Later(f"the connection broke: {error or type(error).__name__}", unsure=True)


async def _post(url: str, body: bytes, headers: Mapping[str, str], deadline: float) -> Result:
    timeout = aiohttp.ClientTimeout(total=deadline, sock_connect=deadline / 2)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        # a redirect could lead a signed message to somebody else
        session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        if 200 <= answer.status < 300:
            return Delivered()
        said = (await answer.content.read(_SAID)).decode(errors="replace")
        return _meaning(answer.status, " ".join(said.split()), answer.headers.get("Retry-After", ""))


def _meaning(status: int, said: str, retry_after: str) -> Result:
    why = f"answer {status}{f': {said}' if said else ''}"
    if status >= 500 or status in _TRY_AGAIN:
        return Later(why, after=_seconds(retry_after), unsure=status in _UNSURE)
    return Refused(why)


def _seconds(retry_after: str) -> float | None:
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max((at - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)

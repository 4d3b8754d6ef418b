from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from schemas.connection import OAuthSettings
from schemas.environment import Secret
from schemas.errors import UsageError
from streams.credentials import Token, TokenProvider, fetch_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """Gives a new token each time, good for 100 s."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, _: OAuthSettings) -> Token:
        self.asked += 1
        await asyncio.sleep(0)
        return Token(f"token-{self.asked}", 100.0)


def settings(endpoint: str = "") -> OAuthSettings:
    return OAuthSettings(
        token_endpoint=endpoint, client_id="enrich", client_secret=Secret("hush-hush"), scope="kafka.write"
    )


def test_a_token_is_used_for_four_fifths_of_its_life() -> None:
    endpoint, clock = Endpoint(), Clock()

    async def ask() -> list[str]:
        provider = TokenProvider(settings(), endpoint, clock)
        tokens = [await provider.token()]
        for later in (79.9, 80.1, 159.9, 160.3):
            clock.now = 1_000.0 + later
            tokens.append(await provider.token())
        return tokens

    assert asyncio.run(ask()) == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_those_who_ask_at_once_share_one_request() -> None:
    endpoint = Endpoint()

    async def ask() -> list[str]:
        provider = TokenProvider(settings(), endpoint, Clock())
        return await asyncio.gather(*(provider.token() for _ in range(5)))

    assert asyncio.run(ask()) == ["token-1"] * 5


@asynccontextmanager
async def served(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/token", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    finally:
        await runner.cleanup()


def fetched(answer: Callable[[web.Request], Awaitable[web.Response]]) -> Token:
    async def fetch() -> Token:
        async with served(answer) as endpoint:
            return await fetch_token(settings(endpoint))

    return asyncio.run(fetch())


def test_the_client_says_who_it_is_and_what_it_wants() -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        form = await request.post()
        seen.update({name: str(text) for name, text in form.items()}, identity=request.headers["Authorization"])
        return web.json_response({"access_token": "abc", "expires_in": 300, "token_type": "Bearer"})

    token = fetched(answer)

    assert token == Token("abc", 300.0)
    assert seen == {
        "grant_type": "client_credentials",
        "scope": "kafka.write",
        "identity": "Basic " + base64.b64encode(b"enrich:hush-hush").decode(),
    }


@pytest.mark.parametrize(
    ("status", "text", "says"),
    [
        (401, '{"error": "invalid_client"}', "status 401, invalid_client"),
        (200, "[]", "no token in its answer"),
        (200, "<html>", "gives no token"),
        (500, '{"access_token": 5}', "status 500"),
    ],
)
def test_an_endpoint_that_gives_no_token_is_told_in_one_line(status: int, text: str, says: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    with pytest.raises(UsageError, match=says) as refused:
        fetched(answer)

    assert "hush" not in str(refused.value)


def test_an_endpoint_that_is_away_is_told() -> None:
    with pytest.raises(UsageError, match=r"the token endpoint http://127\.0\.0\.1:1/token gives no token"):
        asyncio.run(fetch_token(settings("http://127.0.0.1:1/token")))

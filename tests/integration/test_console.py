"""Who gets in, what each may see and do, forms of our own only, the interface for programs, and many open pages."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
import yaml
from joserfc.jwk import RSAKey
from support.alerts import area_count
from support.consoles import KEY, WIRE, Client, alert, console, rows
from support.ports import free_ports
from support.provider import CLIENT, Provider, provider
from support.redis import RedisServer

from consumers.cache import Row, Store, connected
from consumers.console.access.identity import HEADER, Signer
from consumers.console.openapi import document
from consumers.console.server import Console
from consumers.console.state import TABLES
from schemas import tokens
from schemas.environment import Secret
from schemas.errors import UsageError
from schemas.settings import from_env

PROXY = {"FIREBREAK_CONSOLE_ACCESS": "proxy", "FIREBREAK_CONSOLE_KEY": KEY}
SECRETS = (
    alert(alert_id="s1", group="sexual_violence", area="E05009288", areas=("E05009288",), level="ward"),
    alert(alert_id="i1", tense="INJECTION"),
)


@pytest.fixture
def people(tmp_path: Path) -> tuple[dict[str, str], str]:
    """Settings with a file of people, and the token of a program."""
    token, digest = tokens.made()
    told = {
        "people": {"vic": {"role": "viewer"}, "ola": {"role": "operator", "areas": ["E09000008"]}},
        "groups": {"vru-supervisors": {"role": "supervisor"}},
        "tokens": {"hub": {"sha256": digest, "role": "operator", "expires": "2100-01-01T00:00:00Z"}},
    }
    file = tmp_path / "people.yml"
    file.write_text(yaml.safe_dump(told), "utf-8")
    return {**PROXY, "FIREBREAK_CONSOLE_PEOPLE": str(file)}, token


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def named(name: str, *groups: str, purpose: str = "identity", seconds: float = 60, key: str = KEY) -> dict[str, str]:
    """Headers of somebody whom the proxy names."""
    return {HEADER: Signer(Secret(key)).sign(purpose, {"sub": name, "groups": list(groups)}, seconds)}


async def form_of(client: Client, path: str, headers: dict[str, str]) -> str:
    text = await (await client.get(path, headers=headers)).text()
    found = re.search(r'name="form" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


def test_the_whole_region_has_its_place_on_every_page(redis_server: RedisServer) -> None:
    count = area_count(area="london", level="region", region="london")
    told = alert(alert_id="w1", level="region", area="london", areas=("london",))
    cached = [*rows(told), Row("areas.counts", b"london|robbery", 2, WIRE.encode(count))]
    cached.append(Row("series", b"london|robbery|1", 3, WIRE.encode(count)))

    async def scenario() -> None:
        async with console(redis_server, cached) as (client, _):
            for path in ("/", "/areas", "/areas?level=region", "/areas/london", "/alerts/w1", "/wall", "/history"):
                page = await client.get(path)
                assert page.status == 200, path
                assert "London, whole region" in await page.text(), path
            inside = await (await client.get("/areas/london")).text()
            assert 'href="/areas/E09000008"' in inside, "its boroughs are inside"
            borough = await (await client.get("/areas/E09000008")).text()
            assert 'href="/areas/london"' not in borough
            for path in ("/silences", "/quality", "/handover", "/equity", "/feed"):
                assert (await client.get(path)).status == 200, path

    run(scenario())


def test_nobody_gets_in_without_a_name_and_not_with_a_forged_or_old_one(
    redis_server: RedisServer, people: tuple[dict[str, str], str]
) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert()), people[0]) as (client, _):
            wrong: tuple[dict[str, str], ...] = (
                {},
                named("vic", key="x" * 32),
                named("vic", seconds=-10),
                named("vic", purpose="session"),
                named("mallory"),
                {HEADER: "not a token"},
                {"Authorization": "Bearer fbk_wrong"},
                {"Cookie": f"firebreak_session={named('vic')[HEADER]}"},
            )
            for headers in wrong:
                assert (await client.get("/", headers=headers)).status == 401
                assert (await client.get("/api/v1/alerts", headers=headers)).status == 401
                assert (await client.get("/live", headers=headers)).status == 401
            assert (await client.get("/", headers=named("vic"))).status == 200
            assert (await client.get("/", headers=named("new", "vru-supervisors"))).status == 200
            assert (await client.get("/api/v1/alerts", headers={"Authorization": f"Bearer {people[1]}"})).status == 200

    run(scenario())


def test_each_role_does_what_it_may_and_no_more(redis_server: RedisServer, people: tuple[dict[str, str], str]) -> None:
    async def scenario() -> None:
        elsewhere = alert(alert_id="a2", area="E09000022", areas=("E09000022",))
        async with console(redis_server, rows(alert(), elsewhere), people[0]) as (client, caught):

            async def does(who: dict[str, str], of: str, **form: str) -> str:
                data = {**form, "form": await token_of(client, who)}
                answer = await client.post(f"/alerts/{of}", headers=who, data=data, allow_redirects=False)
                return answer.headers.get("Location", str(answer.status))

            assert "not+for+viewers" in await does(named("vic"), "a1", kind="ACKNOWLEDGE", severity="ALERT")
            assert "done" in await does(named("ola"), "a1", kind="ACKNOWLEDGE", severity="ALERT")
            assert "not+for+operators" in await does(named("ola"), "a2", kind="ACKNOWLEDGE", severity="ALERT")
            assert "not+for+operators" in await does(named("ola"), "a1", kind="CLOSE", outcome="real", action="none")
            assert "at+most+4+h" in await does(named("ola"), "a1", kind="SNOOZE", **{"for": "9h"})
            boss = named("boss", "vru-supervisors")
            assert "done" in await does(boss, "a2", kind="CLOSE", outcome="real", action="none")
            assert "outcome+is+missing" in await does(boss, "a2", kind="CLOSE", action="none")
            assert [(each.kind, each.actor, each.alert_id) for each in caught] == [
                ("ACKNOWLEDGE", "ola", "a1"),
                ("CLOSE", "boss", "a2"),
            ]
            assert caught[0].severity_seen == "ALERT"

    run(scenario())


async def token_of(client: Client, who: dict[str, str]) -> str:
    """The token of somebody's forms, from a page that has one, or of the form that a viewer never gets."""
    text = await (await client.get("/alerts/a1", headers=who)).text()
    found = re.search(r'name="form" value="([0-9a-f]+)"', text)
    if found is not None:
        return found[1]
    return hmac.new(KEY.encode(), b"form|vic", hashlib.sha256).hexdigest()


def test_a_form_of_another_site_or_person_changes_nothing(
    redis_server: RedisServer, people: tuple[dict[str, str], str]
) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert()), people[0]) as (client, caught):
            token = await form_of(client, "/alerts/a1", named("ola"))
            form = {"kind": "ACKNOWLEDGE", "severity": "ALERT"}
            boss = named("boss", "vru-supervisors")
            tries: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
                (named("ola"), form),
                (named("ola"), {**form, "form": "0" * 64}),
                (boss, {**form, "form": token}),
                ({**named("ola"), "Sec-Fetch-Site": "cross-site"}, {**form, "form": token}),
                ({**named("ola"), "Origin": "https://evil.example"}, {**form, "form": token}),
            )
            for headers, data in tries:
                assert (
                    await client.post("/alerts/a1", headers=headers, data=data, allow_redirects=False)
                ).status == 403
            assert not caught

    run(scenario())


def test_protected_violence_is_told_to_viewers_by_the_coarse_area_only_and_injections_to_nobody(
    redis_server: RedisServer, people: tuple[dict[str, str], str]
) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(*SECRETS), people[0]) as (client, _):
            for path in (
                "/",
                "/alerts/s1",
                "/history",
                "/history.csv",
                "/handover",
                "/wall",
                "/api/v1/alerts?status=all",
            ):
                viewer = await (await client.get(path, headers=named("vic"))).text()
                assert "Aldersgate" not in viewer, path
                assert "City of London" in viewer or path == "/handover", path
                assert "met|1" not in viewer, path
                assert not re.search("20:17|23:00", viewer), path
                assert "i1" not in re.findall(r"alerts/(\w+)|\"alert_id\": \"(\w+)\"", viewer), path
            trusted = await (await client.get("/alerts/s1", headers=named("boss", "vru-supervisors"))).text()
            assert "Aldersgate" in trusted
            assert "met|1" not in trusted
            assert (await client.get("/alerts/i1", headers=named("vic"))).status == 404

    run(scenario())


def test_every_answer_says_what_browsers_may_do_with_it(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert())) as (client, _):
            for path in ("/", "/alerts/a1", "/api/v1/alerts", "/nowhere", "/static/console.css"):
                answer = await client.get(path)
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe-inline" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            text = await (await client.get("/alerts/a1")).text()
            assert not re.search(r'<script>|\sstyle="|\son\w+="', text)

    run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"[]",
        b"7",
        b'{"kind": 3}',
        b'{"kind": "FLY"}',
        b"[" * 50_000,
        b"\xff\xfe",
        b'{"kind":"NOTE"}' * 9_000,
    ],
)
def test_a_program_that_sends_nonsense_is_told_so(redis_server: RedisServer, body: bytes) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert())) as (client, caught):
            answer = await client.post("/api/v1/alerts/a1/commands", data=body)
            assert answer.status in (400, 409, 413)
            assert answer.content_type == "application/problem+json"
            assert not caught

    run(scenario())


def test_programs_get_what_the_description_says(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert(), *SECRETS)) as (client, caught):
            described: Any = await (await client.get("/openapi.json")).json()
            assert described == document()
            for path, wanted in described["paths"].items():
                if "get" not in wanted:
                    continue
                answer = await client.get(path.replace("{alert_id}", "a1").replace("{code}", "E09000008"))
                told: Any = await answer.json()
                schema = wanted["get"]["responses"][str(answer.status)]["content"][answer.content_type]["schema"]
                _fits(told, schema, described)
            answer = await client.post("/api/v1/alerts/a1/commands", json={"kind": "NOTE", "text": "seen"})
            assert (await answer.json())["done"] is True
            assert [(each.kind, each.text) for each in caught] == [("NOTE", "seen")]
            assert (await client.get("/api/v1/alerts?limit=0")).status == 400
            assert (await client.get("/api/v1/alerts?status=x")).status == 400

    run(scenario())


def test_a_stranger_and_a_wrong_method_are_told_as_the_description_says(
    redis_server: RedisServer, people: tuple[dict[str, str], str]
) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert()), people[0]) as (client, _):
            for path, wanted in document()["paths"].items():  # type: ignore[attr-defined]
                there = path.replace("{alert_id}", "a1").replace("{code}", "E09000008")
                for method, operation in wanted.items():
                    assert str((await client.request(method, there)).status) in operation["responses"]
                answer = await client.request("DELETE", there, headers={"Authorization": f"Bearer {people[1]}"})
                assert answer.status == 405
                assert {each.lower() for each in answer.headers["Allow"].split(",")} - {"head"} == set(wanted)

    run(scenario())


def _fits(told: Any, schema: Any, described: Any) -> None:
    jsonschema.validate(told, {**schema, "components": described["components"]})


def test_five_hundred_open_pages_hear_of_a_change(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert())) as (client, _):
            address = client.make_url("/live")
            many = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            streams = await asyncio.gather(*(many.get(address) for _ in range(500)))
            lines = [asyncio.ensure_future(_heard(stream)) for stream in streams]
            with connected(Secret(redis_server.url)) as cache:
                store = Store(cache, "firebreak", TABLES)
                changed = rows(alert(severity="CRITICAL"))[1]._replace(version=99)
                store.put(store.shown() or 0, [Row(*changed)])
            heard = await asyncio.wait_for(asyncio.gather(*lines), 60)
            assert set(heard) == {"data: alerts.state a1"}
            begun = time.process_time()
            for _ in range(10):
                assert (await client.get("/")).status == 200
            assert time.process_time() - begun < 5
            for stream in streams:
                stream.close()
            await many.close()

    run(scenario())


async def _heard(stream: Any) -> str:
    while True:
        line = (await stream.content.readline()).decode().strip()
        if line.startswith("data: alerts"):
            return str(line)


def test_a_page_that_comes_back_is_told_what_it_missed_and_of_a_reset_if_that_is_not_known(
    redis_server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with console(redis_server, rows(alert())) as (client, _):
            with connected(Secret(redis_server.url)) as cache:
                store = Store(cache, "firebreak", TABLES)
                stream = await client.get("/live")
                for version in (5, 6):
                    changed = rows(alert(observed=version))[1]._replace(version=version)
                    store.put(store.shown() or 0, [changed])
                    await _heard(stream)
                first, second = (entry[0].decode() for entry in store.changes()[-2:])
            back = await client.get("/live", headers={"Last-Event-ID": first})
            assert (await back.content.readline()).decode().strip() == f"id: {second}"
            lost = await client.get("/live", headers={"Last-Event-ID": "1-1"})
            read = [(await lost.content.readline()).decode().strip() for _ in range(3)]
            assert read[-1] == "data: reset"
            for each in (stream, back, lost):
                each.close()

    run(scenario())


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "which Redis"),
        ({"FIREBREAK_REDIS_URL": "redis://x", "FIREBREAK_CONSOLE_ACCESS": "proxy"}, "FIREBREAK_CONSOLE_KEY needs 32"),
        ({"FIREBREAK_REDIS_URL": "redis://x", **PROXY, "FIREBREAK_CONSOLE_ACCESS": "oidc"}, "oidc needs"),
        ({"FIREBREAK_REDIS_URL": "redis://x", "FIREBREAK_CONSOLE_PEOPLE": "/nowhere"}, "can't be read"),
    ],
)
def test_a_console_that_can_not_be_is_told_in_one_line(environ: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Console(from_env(environ))


def test_who_logs_in_at_the_identity_provider_gets_a_session(
    redis_server: RedisServer, people: tuple[dict[str, str], str]
) -> None:
    async def scenario() -> None:
        async with provider() as given, logged(redis_server, people[0], given) as client:
            answer = await client.get("/alerts/a1")
            assert answer.status == 200
            assert "You are ola, operator" in await answer.text()
            assert answer.url.path == "/alerts/a1"
            cookie = next(each for each in client.session.cookie_jar if each.key == "firebreak_session")
            assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    run(scenario())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://elsewhere.example"},
        {"nonce": "replayed"},
        {"exp": 1_000},
        {},
    ],
    ids=["audience", "issuer", "nonce", "expired", "signed by another"],
)
def test_an_id_token_that_is_not_for_this_login_lets_nobody_in(
    redis_server: RedisServer, people: tuple[dict[str, str], str], claims: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with provider() as given, logged(redis_server, people[0], given) as client:
            given.claims = claims
            if not claims:
                given.signing = RSAKey.generate_key(2048, {"kid": "k1"})
            assert (await client.get("/")).status == 403
            assert (await client.get("/login/back?code=x&state=y", allow_redirects=False)).status == 403

    run(scenario())


@asynccontextmanager
async def logged(redis_server: RedisServer, environ: dict[str, str], given: Provider) -> AsyncIterator[Client]:
    """A browser of a console whose people come by an identity provider."""
    (port,) = free_ports(1)
    oidc = {
        "FIREBREAK_CONSOLE_ACCESS": "oidc",
        "FIREBREAK_OIDC_ISSUER": given.url,
        "FIREBREAK_OIDC_CLIENT": CLIENT,
        "FIREBREAK_CONSOLE_URL": f"http://127.0.0.1:{port}",
    }
    async with console(redis_server, rows(alert()), {**environ, **oidc}, port) as (client, _):
        yield client

"""A console in this process, its cache a real Redis filled by hand; no broker: commands are caught."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.alerts import ONSET, area_count, opened
from support.redis import RedisServer

from consumers.cache import Row, Store, connected
from consumers.console.server import Console
from consumers.console.site import environment
from consumers.console.state import TABLES, World
from consumers.console.words import Eyes
from schemas.environment import Secret
from schemas.events import Alert, AlertEvent, Command
from schemas.settings import from_env
from schemas.wire import Wire

WIRE = Wire.builtin()
KEY = "k" * 32
MINUTE = 60_000
Client = TestClient[web.Request, web.Application]


def alert(**given: object) -> Alert:
    """An open robbery alert of Croydon."""
    made: dict[str, object] = {
        "alert_id": "a1",
        "region": "london",
        "level": "borough",
        "group": "robbery",
        "area": "E09000008",
        "areas": ("E09000008",),
        "status": "OPEN",
        "severity": "ALERT",
        "opened_at": ONSET + 17 * MINUTE,
        "updated_at": ONSET + 17 * MINUTE,
        "ended_at": None,
        "observed": 12,
        "expected": 2.0,
        "window": 6,
        "score": 6.0,
        "peak_score": 6.0,
        "transitions": 1,
        "incidents": ("met|1", "met|2"),
        "acknowledged_by": "",
        "acknowledged_severity": "",
        "assignee": "",
        "snoozed_until": None,
        "outcome": "",
        "action": "",
        "tense": "ACTUAL",
    }
    return Alert(**{**made, **given})  # type: ignore[arg-type]  # fields by name


def rows(*alerts: Alert) -> list[Row]:
    """A cache with these alerts, the first event of each, and a count of Croydon."""
    found = [
        Row("areas.counts", b"E09000008|robbery", 1, WIRE.encode(area_count(area="E09000008", region="london"))),
    ]
    for number, each in enumerate(alerts):
        event = opened(alert_id=each.alert_id, area=each.area, areas=each.areas, group=each.group, tense=each.tense)
        found.append(Row("alerts.state", each.alert_id.encode(), number, WIRE.encode(each)))
        found.append(Row("alerts.events", f"{each.alert_id}|0-{number}".encode(), number, WIRE.encode(event)))
    return found


class Caught(list[Command]):
    """Commands that were sent; each is answered at once, as refused if *refusing*."""

    def __init__(self, console: Console, *, refusing: bool = False) -> None:
        super().__init__()
        self._console, self._refusing = console, refusing

    def send(self, command: Command) -> None:
        self.append(command)
        kind = "REFUSED" if self._refusing else "NOTED"
        event: AlertEvent = opened(alert_id=command.alert_id, kind=kind, cause=command.command_id, changed="as asked")
        self._console.site.world.answers[command.command_id] = event


@asynccontextmanager
async def console(
    redis: RedisServer, cached: Iterable[Row], environ: Mapping[str, str] | None = None, port: int = 0
) -> AsyncIterator[tuple[Client, Caught]]:
    """A client of a console that has read the cache."""
    with connected(Secret(redis.url)) as client:
        client.flushall()
        store = Store(client, "firebreak", TABLES)
        generation = store.begin()
        store.put(generation, list(cached))
        store.show(generation)
    made = Console(from_env({"FIREBREAK_REDIS_URL": redis.url, **(environ or {})}))
    caught = Caught(made)
    made.site.mirror.look()
    jar = aiohttp.CookieJar(unsafe=True)
    server = TestServer(made.app(caught.send), host="127.0.0.1", port=port or None)
    async with TestClient(server, cookie_jar=jar) as session:
        yield session, caught


def rendered(template: str, eyes: Eyes, **given: object) -> str:
    """A page of the console as *eyes* see it, outside of a running one."""
    around = {
        "person": eyes.person,
        "gazetteer": eyes.gazetteer,
        "world": World(WIRE),
        "stale": False,
        "form": "",
        "path": "/",
        "told": "",
        "exercise": False,
        "access": "none",
    }
    return environment().get_template(template).render(eyes=eyes, **{**around, **given})

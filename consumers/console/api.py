"""The same as JSON, under ``/api/v1``, and its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from consumers.console import views
from consumers.console.access.people import NEEDS
from consumers.console.actions import Actions, command_on_alert, told
from consumers.console.openapi import document
from consumers.console.site import PERSON, Site
from consumers.console.words import PROTECTED, Eyes
from schemas.errors import FirebreakError
from schemas.events import Alert, AreaCount, Millis
from schemas.jsonform import alert_event_json, iso

LARGEST = 64 * 1024
PAGE = 100


class Api:
    """Handlers of the interface for programs."""

    def __init__(self, site: Site, actions: Actions) -> None:
        self._site, self._actions = site, actions

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where they are."""
        return [
            web.get("/openapi.json", self.described),
            web.get("/api/v1/alerts", self.alerts),
            web.get("/api/v1/alerts/{alert_id}", self.alert),
            web.post("/api/v1/alerts/{alert_id}/commands", self.command),
            web.get("/api/v1/areas", self.areas),
            web.get("/api/v1/areas/{code}/series", self.series),
            web.get("/api/v1/sources", self.sources),
        ]

    async def described(self, _request: web.Request) -> web.Response:
        """The description of this interface."""
        return web.json_response(document())

    async def alerts(self, request: web.Request) -> web.Response:
        """Alerts, newest first."""
        site, eyes = self._site, self._site.eyes(request)
        status = request.query.get("status", "open")
        if status not in {"open", "all"}:
            return problem(400, "status is open or all")
        try:
            limit = int(request.query.get("limit", str(PAGE)))
        except ValueError:
            limit = 0
        if not 1 <= limit <= 10 * PAGE:
            return problem(400, f"limit is a number from 1 to {10 * PAGE}")
        found = views.open_alerts(site.world) if status == "open" else views.history(site.world, eyes, views.Wanted())
        return self._json({"as_of": _iso(site.world.as_of), "alerts": [_alert(each, eyes) for each in found[:limit]]})

    async def alert(self, request: web.Request) -> web.Response:
        """One alert, and what happened to it."""
        site, eyes = self._site, self._site.eyes(request)
        alert = site.world.alerts.get(request.match_info["alert_id"])
        if alert is None or not views.real(alert):
            return problem(404, "no such alert")
        shown = eyes.incidents(alert) == alert.incidents and eyes.areas(alert.areas, alert.group) == alert.areas
        events = [json.loads(alert_event_json(each)) for each in site.world.history(alert.alert_id)] if shown else []
        return self._json({"as_of": _iso(site.world.as_of), "alert": _alert(alert, eyes), "events": events})

    async def command(self, request: web.Request) -> web.Response:
        """Do something about an alert."""
        if not request.headers.get("Authorization") and request.headers.get("Sec-Fetch-Site", "none") != "none":
            return problem(403, "programs send a token; pages use their forms")
        try:
            form = _form(await request.content.read(LARGEST))
        except ValueError as wrong:
            return problem(400, str(wrong))
        if request.match_info["alert_id"] not in self._site.world.alerts:
            return problem(404, "no such alert")
        try:
            made = command_on_alert(self._site, request[PERSON], request.match_info["alert_id"], form)
            answer = await self._actions.ask(made)
        except FirebreakError as wrong:
            return problem(409, str(wrong))
        done = answer is not None and answer.kind != "REFUSED"
        said = {"command_id": made.command_id, "done": done, "told": told(answer)}
        return self._json(said, status=202 if answer is None else 200)

    async def areas(self, request: web.Request) -> web.Response:
        """Rolling counts of areas against what is normal."""
        eyes, group = self._site.eyes(request), request.query.get("group", "")
        known = list(self._site.world.areas.values())
        counts = [each for each in known if eyes.sees(each) and group in {"", each.group}]
        counts.sort(key=lambda each: (each.level, each.area, each.group))
        return self._json({"as_of": _iso(self._site.world.as_of), "areas": [_count(each, eyes) for each in counts]})

    async def series(self, request: web.Request) -> web.Response:
        """The last week of a coarse area, hour by hour."""
        eyes, code, group = self._site.eyes(request), request.match_info["code"], request.query.get("group", "")
        rows = self._site.world.of_area(code, group)
        if not rows:
            return problem(404, "no series of this area and group")
        return self._json({"area": code, "group": group, "series": [_count(each, eyes) for each in rows]})

    async def sources(self, request: web.Request) -> web.Response:
        """When each source was heard last."""
        now = self._site.eyes(request).now
        told = [
            {"source": each.name, "last": iso(each.last), "records": each.records, "standing": each.standing(now)}
            for each in self._site.world.sources()
        ]
        return self._json({"as_of": _iso(self._site.world.as_of), "sources": told})

    def _json(self, told: Mapping[str, object], status: int = 200) -> web.Response:
        headers = {"X-Firebreak-Stale": "true"} if self._site.world.stale(self._site.clock()) else {}
        return web.json_response(told, status=status, headers=headers)


def _form(body: bytes) -> dict[str, str]:
    """Texts of a body, lists of them as lines; raises ValueError with what is wrong."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise ValueError("the body is no JSON") from wrong
    if not isinstance(told, dict) or not all(isinstance(value, (str, list)) for value in told.values()):
        raise ValueError("the body is an object of texts, incidents a list of them")
    if told.get("kind") not in [str(kind) for kind in NEEDS]:
        raise ValueError(f"kind is one of {', '.join(NEEDS)}")
    return {name: "\n".join(map(str, value)) if isinstance(value, list) else value for name, value in told.items()}


def problem(status: int, detail: str) -> web.Response:
    """An answer that says what is wrong (RFC 9457)."""
    told = {"type": "about:blank", "title": web.Response(status=status).reason, "status": status, "detail": detail}
    return web.json_response(told, status=status, content_type="application/problem+json")


def _alert(alert: Alert, eyes: Eyes) -> dict[str, object]:
    told = asdict(alert)
    for name in ("opened_at", "updated_at", "ended_at", "snoozed_until"):
        at = _iso(told[name])
        told[name] = at[:10] if at is not None and alert.group in PROTECTED else at
    areas = eyes.areas(alert.areas, alert.group)
    return told | {
        "areas": areas,
        "area": areas[0] if areas else "",
        "incidents": eyes.incidents(alert),
        "place": eyes.place(alert.areas, alert.group),
    }


def _count(count: AreaCount, eyes: Eyes) -> dict[str, object]:
    return asdict(count) | {"as_of": iso(count.as_of), "name": eyes.gazetteer.name(count.area)}


def _iso(at: Millis | None) -> str | None:
    return None if at is None else iso(at)

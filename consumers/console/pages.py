"""Pages: each makes what it shows from the world, and hands it to its template."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable

from aiohttp import web

from consumers.console import equity, pictures, views
from consumers.console.access.people import SILENCE_OF_SUPERVISORS, Role
from consumers.console.site import PERSON, Site
from consumers.console.state import OPEN
from consumers.console.words import PROTECTED
from schemas.catalogue import Audience, Catalogue
from schemas.closing import ACTIONS, OUTCOMES
from schemas.events import HOUR, Alert, Millis
from schemas.silence import Scope

SIMILAR = 5
THIN = 0.9
"""Completeness below which recent hours are called thin."""
AUDIT_SHOWN = 100


class Pages:
    """Handlers of the pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where they are."""
        return [
            web.get("/", self.now),
            web.get("/alerts/{alert_id}", self.alert),
            web.get("/areas", self.areas),
            web.get("/areas/{code}", self.area),
            web.get("/feed", self.feed),
            web.get("/handover", self.handover),
            web.get("/silences", self.silences),
            web.get("/quality", self.quality),
            web.get("/equity", self.equity),
            web.get("/notifications", self.notifications),
            web.get("/history", self.history),
            web.get("/history.csv", self.history_csv),
            web.get("/review", self.review),
            web.get("/subscribe", self.subscribe),
            web.get("/wall", self.wall),
            web.get("/admin", self.admin),
        ]

    async def now(self, request: web.Request) -> web.Response:
        """What must I do, and is this screen true."""
        site, eyes = self._site, self._site.eyes(request)
        alerts = views.open_alerts(site.world)
        return site.page(
            request,
            "now.html",
            cards=views.cards(site.world, eyes, alerts),
            tiles=views.tiles(site.world, eyes),
            load=views.load(site.world, eyes.now),
        )

    async def alert(self, request: web.Request) -> web.Response:
        """One alert: what, why, who was told, what to do."""
        site, eyes = self._site, self._site.eyes(request)
        alert = self._known(request)
        events = site.world.history(alert.alert_id)
        similar = [
            each
            for each in views.history(site.world, eyes, views.Wanted(group=alert.group, area=alert.area))
            if each.alert_id != alert.alert_id
        ]
        return site.page(
            request,
            "alert.html",
            alert=alert,
            card=views.cards(site.world, eyes, [alert])[0],
            event=views.told_events(site.world).get(alert.alert_id),
            events=events,
            sent=views.deliveries_by_alert(site.world)[alert.alert_id],
            chart=self._chart(request, alert),
            counts=[
                site.world.areas[area, alert.group]
                for area in eyes.areas(alert.areas, alert.group)
                if (area, alert.group) in site.world.areas
            ],
            similar=similar[:SIMILAR],
            incidents=eyes.incidents(alert),
            outcomes=OUTCOMES,
            actions=ACTIONS,
            protected=alert.group in PROTECTED,
        )

    def _known(self, request: web.Request) -> Alert:
        alert = self._site.world.alerts.get(request.match_info["alert_id"])
        if alert is None or not views.real(alert):
            raise web.HTTPNotFound(text="no such alert: it may be older than the log keeps")
        return alert

    def _chart(self, request: web.Request, alert: Alert) -> object:
        site, eyes = self._site, self._site.eyes(request)
        area = eyes.gazetteer.parent(alert.area) or alert.area
        counts = site.world.of_area(area, alert.group)
        title = f"{site.gazetteer.name(area)}, incidents of 24 hours, with the range that is normal"
        return pictures.series(counts, title, lambda at: site.gazetteer.local(alert.region, at).strftime("%a %d"))

    async def areas(self, request: web.Request) -> web.Response:
        """All areas: a map, tiles for small screens, and the same as a table."""
        site, eyes = self._site, self._site.eyes(request)
        level = request.query.get("level", "")
        tiles = views.tiles(site.world, eyes, level)
        states = {tile.code: (tile.state, tile.said) for tile in tiles}
        levels = list(dict.fromkeys(each for words in site.gazetteer.regions.values() for each in words.levels))
        return site.page(
            request,
            "areas.html",
            tiles=tiles,
            maps=[each.drawn(f"Map of {name}", states) for name, each in site.maps.items()] if not level else [],
            levels=levels,
            level=level or (levels[0] if levels else ""),
        )

    async def area(self, request: web.Request) -> web.Response:
        """One area: its counts, its week, its alerts."""
        site, eyes, code = self._site, self._site.eyes(request), request.match_info["code"]
        counts = sorted(
            (each for (area, _), each in list(site.world.areas.items()) if area == code and eyes.sees(each)),
            key=lambda each: each.group,
        )
        if not counts and not site.gazetteer.known(code):
            raise web.HTTPNotFound(text="no such area")
        charts = [
            (each.group, pictures.series(site.world.of_area(code, each.group), f"{each.group} in 24 hours", self._day))
            for each in counts
        ]
        past = views.history(site.world, eyes, views.Wanted(area=code))
        whole = site.gazetteer.regions[code] if self._whole(code) else None
        finer = views.tiles(site.world, eyes, self._finer() if whole is None else whole.levels[0])
        inside = [
            tile
            for tile in finer
            if code == (eyes.gazetteer.parent(tile.code) if whole is None else tile.counts[0].region)
        ]
        return site.page(
            request,
            "area.html",
            code=code,
            counts=counts,
            charts=[(group, chart) for group, chart in charts if chart],
            open=views.cards(site.world, eyes, [each for each in past if each.status in OPEN]),
            past=[each for each in past if each.status not in OPEN][:20],
            inside=inside,
        )

    def _day(self, at: Millis) -> str:
        region = next(iter(self._site.gazetteer.regions), "")
        return self._site.gazetteer.local(region, at).strftime("%a %d")

    def _whole(self, code: str) -> bool:
        words = self._site.gazetteer.regions.get(code)
        return words is not None and words.whole == code

    def _finer(self) -> str:
        return next((words.levels[1] for words in self._site.gazetteer.regions.values() if len(words.levels) > 1), "-")

    async def feed(self, request: web.Request) -> web.Response:
        """Did it arrive."""
        source, area = request.query.get("source", ""), request.query.get("area", "")
        rows = views.feed(self._site.world, source, area)
        return self._site.page(request, "feed.html", rows=rows, source=source, area=area)

    async def handover(self, request: web.Request) -> web.Response:
        """What the next shift has to know."""
        site, eyes = self._site, self._site.eyes(request)
        told = views.handover(site.world, eyes.now)
        return site.page(
            request,
            "handover.html",
            shift=told,
            opened=views.cards(site.world, eyes, told.opened),
            closed=views.cards(site.world, eyes, told.closed),
            still=views.cards(site.world, eyes, told.open),
        )

    async def silences(self, request: web.Request) -> web.Response:
        """What is silenced or planned, and what another silence would have hidden."""
        site, eyes, asked = self._site, self._site.eyes(request), request.query
        scope = Scope(
            region=asked.get("region", next(iter(site.gazetteer.regions), "")),
            area=asked.get("area", ""),
            group=asked.get("group", ""),
            planned=asked.get("kind") == "PLAN",
        )
        return site.page(
            request,
            "silences.html",
            hushes=views.hushes(site.world, eyes.now),
            scope=scope,
            hidden=views.would_hide(site.world, scope, eyes.now) if "preview" in asked else None,
            asked=asked,
            groups=sorted({group for _, group in site.world.areas}),
            areas=views.tiles(site.world, eyes),
            longest=SILENCE_OF_SUPERVISORS // HOUR if eyes.person.role < Role.ADMIN else 0,
        )

    async def quality(self, request: web.Request) -> web.Response:
        """How far the figures can be trusted."""
        site, eyes = self._site, self._site.eyes(request)
        grey = [each for each in list(site.world.areas.values()) if each.state == "GREY" and eyes.sees(each)]
        thin = [each for each in list(site.world.areas.values()) if each.completeness < THIN and eyes.sees(each)]
        return site.page(
            request,
            "quality.html",
            sources=site.world.sources(),
            alarms=views.alarms(site.world, eyes.now),
            rejects=views.rejects(site.world),
            qualities=views.qualities(site.world).most_common(),
            seen=len(site.world.feed),
            grey=sorted(grey, key=lambda each: (each.level, each.area, each.group))[:200],
            thin=len(thin),
        )

    async def equity(self, request: web.Request) -> web.Response:
        """Where alerts fall, and what feeds back."""
        site, eyes = self._site, self._site.eyes(request)
        alerts, feed = views.history(site.world, eyes, views.Wanted()), list(site.world.feed.values())
        regions = site.gazetteer.regions.items()
        boards = [equity.board(region, words, alerts, feed) for region, words in regions]
        return site.page(request, "equity.html", boards=boards, made=equity.made(feed))

    async def notifications(self, request: web.Request) -> web.Response:
        """Whether people can be told."""
        site = self._site
        newest = sorted(site.world.deliveries.values(), key=views.at, reverse=True)
        recipients = {str(each["recipient"]) for each in site.world.deliveries.values() if each.get("recipient")}
        return site.page(
            request,
            "notifications.html",
            channels=views.channels(site.world),
            newest=[each for each in newest if each.get("status") != "LEFT"][:50],
            recipients=sorted(recipients),
            routes=site.settings.routes,
        )

    def _wanted(self, request: web.Request) -> views.Wanted:
        asked = request.query
        return views.Wanted(
            group=asked.get("group", ""),
            area=asked.get("area", ""),
            outcome=asked.get("outcome", ""),
            since=_date(asked.get("since", ""), self._site),
            until=_date(asked.get("until", ""), self._site, days=1),
        )

    async def history(self, request: web.Request) -> web.Response:
        """Alerts of the past, and how much they asked of people."""
        site, eyes, wanted = self._site, self._site.eyes(request), self._wanted(request)
        found = views.history(site.world, eyes, wanted)
        return site.page(
            request,
            "history.html",
            cards=views.cards(site.world, eyes, found[:200]),
            found=len(found),
            load=views.load(site.world, eyes.now),
            asked=request.query,
            groups=sorted({each.group for each in site.world.alerts.values()}),
            outcomes=OUTCOMES,
            areas=views.tiles(site.world, eyes),
        )

    async def history_csv(self, request: web.Request) -> web.Response:
        """The same as a table."""
        site, eyes = self._site, self._site.eyes(request)
        found = views.history(site.world, eyes, self._wanted(request))
        text = _csv(
            [
                *("alert", "group", "area", "severity", "opened", "status"),
                *("observed", "expected", "hours", "outcome", "action"),
            ],
            (
                [
                    *(each.alert_id, each.group, eyes.place(each.areas, each.group), each.severity),
                    *(eyes.time(each.region, each.opened_at, each.group), each.status, each.observed),
                    *(round(each.expected, 2), each.window, each.outcome, each.action),
                ]
                for each in found
            ),
        )
        name = "attachment; filename=alerts.csv"
        return web.Response(text=text, content_type="text/csv", headers={"Content-Disposition": name})

    async def review(self, request: web.Request) -> web.Response:
        """The latest review, if there is one."""
        folder = self._site.settings.review
        there = folder is not None and (folder / "report.html").is_file()
        made = dt.datetime.fromtimestamp((folder / "report.html").stat().st_mtime, dt.UTC) if folder and there else None
        return self._site.page(request, "review.html", there=there, made=made)

    async def subscribe(self, request: web.Request) -> web.Response:
        """How a program gets the same."""
        topics = [spec for spec in self._site.settings.catalogue().values() if spec.audience is Audience.PUBLIC]
        return self._site.page(request, "subscribe.html", topics=topics, all=len(Catalogue.load()))

    async def wall(self, request: web.Request) -> web.Response:
        """For a screen on a wall: no actions, nothing to log in to."""
        site, eyes = self._site, self._site.eyes(request)
        tiles = views.tiles(site.world, eyes)
        states = {tile.code: (tile.state, tile.said) for tile in tiles}
        alerts = views.open_alerts(site.world)
        return site.page(
            request,
            "wall.html",
            cards=views.cards(site.world, eyes, alerts[:5]),
            more=max(len(alerts) - 5, 0),
            tiles=tiles,
            maps=[each.drawn(f"Map of {name}", states) for name, each in site.maps.items()],
        )

    async def admin(self, request: web.Request) -> web.Response:
        """Who may what, and what they did."""
        if request[PERSON].role < Role.ADMIN:
            raise web.HTTPForbidden(text="this page is for administrators")
        site = self._site
        entries = sorted(site.world.audit.values(), key=lambda each: str(each.get("at", "")), reverse=True)
        return site.page(
            request, "admin.html", people=site.people, entries=entries[:AUDIT_SHOWN], settings=site.settings
        )


def _date(text: str, site: Site, days: int = 0) -> Millis | None:
    """Local midnight of a day, or of so many days later; None for what is no day."""
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d") + dt.timedelta(days=days)  # noqa: DTZ007 - given its zone below
    except ValueError:
        return None
    zone = site.gazetteer.zone(next(iter(site.gazetteer.regions), ""))
    return int(day.replace(tzinfo=zone).timestamp() * 1000)


def _csv(header: list[str], rows: Iterable[list[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        # a spreadsheet would take a cell that begins so for a formula
        writer.writerow([f"'{cell}" if str(cell)[:1] in "=+-@" and isinstance(cell, str) else cell for cell in row])
    return out.getvalue()

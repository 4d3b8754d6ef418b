"""The console put together: pages, actions, interface, login, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.cache import Store, connected
from consumers.console.access.forms import SAFE, Forms, same_origin
from consumers.console.access.identity import WITHOUT_NAMES, Identities, Signer
from consumers.console.access.oidc import Login
from consumers.console.access.people import People
from consumers.console.actions import Actions
from consumers.console.api import Api, problem
from consumers.console.live import Hub
from consumers.console.mirror import Change, Mirror
from consumers.console.pages import Pages
from consumers.console.pictures import Map
from consumers.console.site import PERSON, Site, environment, now
from consumers.console.state import TABLES, World
from consumers.gazetteer import Gazetteer
from schemas import registry as schemas_registry
from schemas.errors import UsageError
from schemas.events import Command
from schemas.settings import Settings

STATIC = Path(__file__).parent / "static"
OPEN_TO_ALL = frozenset({"/healthz", "/readyz", "/login", "/login/back", "/openapi.json"})
LARGEST = 64 * 1024
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
POLICY_OF_REVIEW = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Console:
    """
    One console.

    Parameters
    ----------
    settings
        Where Redis and the log are, and who may come in.

    Raises
    ------
    UsageError
        A setting is missing, or a file can't be used.

    """

    def __init__(self, settings: Settings) -> None:
        if not settings.redis_url:
            raise UsageError("which Redis? set FIREBREAK_REDIS_URL, redis://host:6379/0, and run `firebreak projector`")
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "firebreak_console_request_seconds", "Time to answer.", ["page", "status"], registry=self.registry
        )
        self._streams = Gauge("firebreak_console_open_pages", "Pages that get what changes.", registry=self.registry)
        self._age = Gauge(
            "firebreak_console_as_of_timestamp_seconds", "What all counts are as of.", registry=self.registry
        )
        self._refused = Counter("firebreak_console_refused", "Requests of nobody we know.", registry=self.registry)
        wire = schemas_registry.wire(settings)
        self._hub = Hub()
        self._loop: asyncio.AbstractEventLoop | None = None
        store = Store(connected(settings.redis_url), settings.topic_prefix, TABLES)
        mirror = Mirror(store, lambda: World(wire), self._tell, now)
        people = People.none() if settings.console_people is None else People.read(settings.console_people)
        signer = None if settings.console_access in WITHOUT_NAMES else Signer(settings.console_key)
        self.site = Site(
            settings=settings,
            mirror=mirror,
            hub=self._hub,
            gazetteer=Gazetteer.load(settings.regions),
            maps={pack: Map(pack) for pack in settings.regions},
            people=people,
            identities=Identities(settings.console_access, people, signer),
            forms=Forms(settings.console_key),
            environment=environment(),
        )
        self._login = _login(settings, signer)
        self._streams.set_function(lambda: len(self._hub))
        self._age.set_function(lambda: (self.site.world.as_of or 0) / 1000)

    def app(self, send: Callable[[Command], None] | None = None) -> web.Application:
        """The application; *send* gives a command to the log, if not as usual."""
        app = web.Application(middlewares=[self._timed, self._known], client_max_size=LARGEST)
        actions = Actions(self.site, send)
        app.add_routes(
            [
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/live", self._hub.serve),
                *Pages(self.site).routes(),
                *actions.routes(),
                *Api(self.site, actions).routes(),
                *(self._login.routes() if self._login else ()),
            ]
        )
        app.router.add_static("/static", STATIC)
        folder = self.site.settings.review
        if folder is not None and folder.is_dir():
            app.router.add_static("/review/files", folder)
        app.cleanup_ctx.append(self._running)
        app.on_response_prepare.append(_headers)
        return app

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        self.site.mirror.start()
        yield
        self._hub.close()
        await asyncio.get_running_loop().run_in_executor(None, self.site.mirror.stop)

    def _tell(self, change: Change) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hub.tell, change)

    @web.middleware
    async def _timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = asyncio.get_running_loop().time()
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            if request.path != "/live":
                resource = request.match_info.route.resource
                page = resource.canonical if resource is not None else "none"
                self._requests.labels(page, str(status)).observe(asyncio.get_running_loop().time() - begun)
        return response

    @web.middleware
    async def _known(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN_TO_ALL or request.path.startswith("/static/"):
            return await handler(request)
        person = self.site.identities.of(request, self.site.clock())
        if person is None:
            self._refused.inc()
            return self._stranger(request)
        request[PERSON] = person
        api = request.path.startswith("/api/")
        if request.method not in SAFE and not api and not same_origin(request):
            raise web.HTTPForbidden(text="this form is not of this console")
        try:
            return await handler(request)
        except web.HTTPException as answer:
            if answer.status < web.HTTPBadRequest.status_code:
                raise
            why = answer.text or answer.reason
            told = (
                problem(answer.status, answer.reason)
                if api
                else self.site.page(request, "problem.html", status=answer.status, reason=why)
            )
            if isinstance(answer, web.HTTPMethodNotAllowed):
                told.headers["Allow"] = answer.headers["Allow"]
            return told

    def _stranger(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(("/api/", "/live")):
            return problem(401, "who are you? send a token: Authorization: Bearer fbk_...")
        if self._login is not None:
            raise web.HTTPFound(f"/login?then={request.path}")
        return web.Response(status=401, text="This console does not know you. Come in the way your team does.\n")

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="200 OK\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        link = self.site.world.link
        ready = link.built and link.away_since is None
        said = "200 OK" if ready else f"503 {link.why or 'the cache is being filled'}"
        return web.Response(status=200 if ready else 503, text=f"{said}\n")


def _login(settings: Settings, signer: Signer | None) -> Login | None:
    if settings.console_access != "oidc" or signer is None:
        return None
    if not settings.oidc_issuer or not settings.oidc_client:
        raise UsageError("oidc needs FIREBREAK_OIDC_ISSUER and FIREBREAK_OIDC_CLIENT")
    url = settings.console_url or f"http://{settings.console_bind}"
    return Login(settings.oidc_issuer, settings.oidc_client, settings.oidc_secret, url, signer)


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/review/files/"):
        response.headers["Content-Security-Policy"] = POLICY_OF_REVIEW
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")

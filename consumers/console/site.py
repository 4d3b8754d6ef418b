"""What every page of the console needs, and how a page is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from consumers.console import words
from consumers.console.access.forms import Forms
from consumers.console.access.identity import Identities
from consumers.console.access.people import NEEDS, People, Person, Role
from consumers.console.live import Hub
from consumers.console.mirror import Mirror
from consumers.console.pictures import Map
from consumers.console.state import OPEN, World
from consumers.console.words import Eyes
from consumers.gazetteer import Gazetteer
from schemas.events import Millis
from schemas.settings import Settings

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
MENU = (
    ("/", "Now"),
    ("/areas", "Areas"),
    ("/feed", "Feed"),
    ("/handover", "Handover"),
    ("/silences", "Silences"),
    ("/quality", "Data quality"),
    ("/equity", "Equity"),
    ("/notifications", "Notifications"),
    ("/history", "History"),
    ("/review", "Review"),
    ("/subscribe", "Subscribe"),
    ("/wall", "Wall"),
    ("/admin", "Admin"),
)


def now() -> Millis:
    """Wall clock."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True, kw_only=True)
class Site:
    """The parts of one console."""

    settings: Settings
    mirror: Mirror
    hub: Hub
    gazetteer: Gazetteer
    maps: Mapping[str, Map]
    people: People
    identities: Identities
    forms: Forms
    environment: Environment
    clock: Callable[[], Millis] = now

    @property
    def world(self) -> World:
        """What is known now."""
        return self.mirror.world

    def eyes(self, request: web.Request) -> Eyes:
        """Who looks."""
        return Eyes(person=request[PERSON], gazetteer=self.gazetteer, now=self.clock())

    def page(self, request: web.Request, name: str, status: int = 200, **given: object) -> web.Response:
        """A page of a template, with what every page has."""
        eyes = self.eyes(request)
        text = self.environment.get_template(name).render(
            eyes=eyes,
            person=eyes.person,
            world=self.world,
            stale=self.world.stale(eyes.now),
            form=self.forms.token(eyes.person),
            path=request.path,
            gazetteer=self.gazetteer,
            told=request.query.get("told", ""),
            exercise=self.settings.tense != "ACTUAL",
            access=self.identities.access,
            **given,
        )
        response = web.Response(text=text, content_type="text/html", status=status)
        response.enable_compression()
        return response


def environment() -> Environment:
    """The templates."""
    made = Environment(
        loader=PackageLoader("consumers.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "menu": MENU,
        "words": words,
        "OPEN": OPEN,
        "version": version("firebreak-streams"),
        "Role": Role,
        "NEEDS": NEEDS,
    }
    return made

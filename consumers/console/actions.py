"""What people do on pages: a command into the log, and what became of it once it comes back through the log."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from aiohttp import web

from consumers.commands import Commands, Unsent
from consumers.console.access.forms import FIELD
from consumers.console.access.people import SILENCE_OF_SUPERVISORS, SNOOZE_OF_OPERATORS, Person, Role
from consumers.console.site import PERSON, Site
from consumers.console.state import MINUTE, OPEN
from schemas.environment import DURATION
from schemas.errors import FirebreakError
from schemas.events import Alert, AlertEvent, AlertKind, Command, CommandKind, Millis

ANSWER_WITHIN = 10.0
"""Seconds that a page waits for the answer; the command is kept in any case."""
LOOK_EVERY = 0.05
TEXT = 1_000
"""Characters of a note or reason, at most."""
TEST_WITHIN = 60
Form = Mapping[str, str]


class Refused(FirebreakError):
    """What was asked for makes no sense, or may not be asked for by this person; says why."""


class Actions:
    """
    Handlers of what people do.

    Parameters
    ----------
    site
        The console.
    send
        Gives a command to the log; blocks.

    """

    def __init__(self, site: Site, send: Callable[[Command], None] | None = None) -> None:
        self._site, self._send = site, send or self._to_the_log

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where they are."""
        return [
            web.post("/alerts/{alert_id}", self.on_alert),
            web.post("/silences", self.silence),
            web.post("/notifications/test", self.test),
        ]

    async def on_alert(self, request: web.Request) -> web.Response:
        """Do something about an alert."""
        form = await self._form(request)
        alert_id = request.match_info["alert_id"]
        return await self._answered(
            f"/alerts/{alert_id}", lambda: command_on_alert(self._site, request[PERSON], alert_id, form)
        )

    async def silence(self, request: web.Request) -> web.Response:
        """Silence, plan, or end either."""
        form = await self._form(request)
        return await self._answered("/silences", lambda: hush(self._site, request[PERSON], form))

    async def _form(self, request: web.Request) -> Form:
        form = {name: str(value) for name, value in (await request.post()).items()}
        posted = await request.post()
        form |= {"incidents": "\n".join(str(each) for each in posted.getall("incident", []))}
        if not self._site.forms.own(request, request[PERSON], form.get(FIELD, "")):
            raise web.HTTPForbidden(text="this form is not of this console, or too old: open the page again")
        return form

    async def _answered(self, back: str, made: Callable[[], Command]) -> web.Response:
        try:
            said = told(await self.ask(made()))
        except FirebreakError as wrong:
            said = f"not done: {wrong}"
        raise web.HTTPSeeOther(f"{back}?{urlencode({'told': said})}")

    async def ask(self, command: Command) -> AlertEvent | None:
        """
        Send a command; give the event that it caused, None if it has not come back yet.

        Raises
        ------
        Unsent
            The log did not take it.

        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._send, command)
        until = loop.time() + ANSWER_WITHIN
        while loop.time() < until:
            found = self._site.world.answers.get(command.command_id)
            if found is not None:
                return found
            await asyncio.sleep(LOOK_EVERY)
        return None

    def _to_the_log(self, command: Command) -> None:
        try:
            with Commands(self._site.settings) as commands:
                commands.send(command)
        except FirebreakError as failure:
            raise Unsent(f"the log did not take it, nothing was changed ({failure})") from failure

    async def test(self, request: web.Request) -> web.Response:
        """Send one message, marked as an exercise, to one recipient."""
        form = await self._form(request)
        if request[PERSON].role < Role.ADMIN or self._site.settings.routes is None:
            raise web.HTTPForbidden(text="only administrators send test messages, and only with a file of routes")
        command = (sys.executable, "-m", "streams.cli", "notify", "test", str(self._site.settings.routes))
        process = await asyncio.create_subprocess_exec(
            *(*command, "--", form.get("recipient", "")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), TEST_WITHIN)
            said = output.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no answer"]
        except TimeoutError:
            process.kill()
            said = [f"not delivered within {TEST_WITHIN} s"]
        raise web.HTTPSeeOther(f"/notifications?{urlencode({'told': said[0]})}")


def told(answer: AlertEvent | None) -> str:
    """What became of a command, for people."""
    if answer is None:
        return "kept in the log; no answer yet. It will be obeyed: look again in a moment"
    if answer.kind == AlertKind.REFUSED:
        return f"refused: {answer.changed}"
    return f"done: {answer.changed or answer.kind.lower()}"


def command_on_alert(site: Site, person: Person, alert_id: str, form: Form) -> Command:
    """
    The command that a form on an alert means.

    Raises
    ------
    Refused
        There is no such alert, or this person may not, or something is missing.

    """
    alert = site.world.alerts.get(alert_id)
    if alert is None:
        raise Refused("there is no such alert")
    kind = form.get("kind", "")
    around = [f"{area}|{site.gazetteer.parent(area)}" for area in alert.areas]
    if not person.may(kind, around):
        raise Refused(f"{kind.lower() or 'this'} is not for {person.role.name.lower()}s here")
    command = Command(uuid.uuid4().hex, kind, alert.region, alert_id, person.name, site.clock())
    return _filled(command, alert, form, person, site)


def _filled(command: Command, alert: Alert, form: Form, person: Person, site: Site) -> Command:  # noqa: PLR0911 - by kind
    text = form.get("text", "").strip()[:TEXT]
    match command.kind:
        case CommandKind.ACKNOWLEDGE:
            return command._replace(severity_seen=form.get("severity", alert.severity))
        case CommandKind.ASSIGN:
            return command._replace(assignee=_needed(form, "assignee"))
        case CommandKind.NOTE:
            return command._replace(text=_needed(form, "text")[:TEXT])
        case CommandKind.SNOOZE:
            longest = SNOOZE_OF_OPERATORS if person.role < Role.SUPERVISOR else None
            return command._replace(until=_until(form, site, alert.region, longest))
        case CommandKind.CLOSE:
            return command._replace(outcome=_needed(form, "outcome"), action=_needed(form, "action"), text=text)
        case CommandKind.LINK | CommandKind.UNLINK:
            incidents = tuple(each for each in form.get("incidents", "").splitlines() if each)
            if len(incidents) < (2 if command.kind == CommandKind.LINK else 1):
                raise Refused("choose the incidents, two or more to link")
            return command._replace(incidents=incidents)
        case CommandKind.REOPEN if alert.status not in OPEN:
            return command
        case _:
            raise Refused(f"{command.kind.lower()} is nothing that can be done here")


def hush(site: Site, person: Person, form: Form) -> Command:
    """
    The command that a form on silences means.

    Raises
    ------
    Refused
        This person may not, or something is missing.

    """
    kind, area, region = form.get("kind", ""), form.get("area", ""), form.get("region", "")
    if region not in site.gazetteer.regions:
        raise Refused("which region?")
    if not person.may(kind, [f"{area}|{site.gazetteer.parent(area)}"] if area else ["|"]):
        raise Refused(f"{kind.lower() or 'this'} is not for {person.role.name.lower()}s here")
    command = Command(uuid.uuid4().hex, kind, region, "", person.name, site.clock())
    if kind == CommandKind.UNSILENCE:
        return command._replace(alert_id=_needed(form, "silence_id"))
    longest = SILENCE_OF_SUPERVISORS if kind == CommandKind.SILENCE and person.role < Role.ADMIN else None
    return command._replace(
        area=area,
        group=form.get("group", ""),
        text=_needed(form, "text")[:TEXT],
        until=_until(form, site, region, longest),
    )


def _needed(form: Form, name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise Refused(f"{name.replace('_', ' ')} is missing")
    return value


def _until(form: Form, site: Site, region: str, longest: Millis | None) -> Millis:
    """When something ends: ``for`` a span, or until the next morning at seven."""
    span, now = form.get("for", ""), site.clock()
    if span == "morning":
        local = site.gazetteer.local(region, now)
        seven = local.replace(hour=7, minute=0, second=0, microsecond=0)
        until = int((seven if seven > local else seven + dt.timedelta(days=1)).timestamp() * 1000)
    else:
        try:
            until = now + int(DURATION.parse(span).total_seconds() * 1000)
        except ValueError as wrong:
            raise Refused(f"how long? {span!r} is no length of time, such as 4h") from wrong
    if longest is not None and until > now + longest + MINUTE:
        raise Refused(f"at most {longest // (60 * MINUTE)} h; a longer one needs another role")
    return until

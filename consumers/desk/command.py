"""``firebreak alerts``: the desk in a terminal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console

from consumers.commands import Commands
from consumers.desk import words
from consumers.desk.board import OPEN, alerts, events, in_order, silences
from consumers.desk.place import Place, Until, Wrapped, asking, here, now, place_of
from schemas.closing import ACTIONS, OUTCOMES
from schemas.errors import FirebreakError
from schemas.events import DAY, Alert, AlertEvent, AlertKind, Command, CommandKind, Millis
from schemas.jsonform import alert_event_json, iso
from schemas.silence import Scope, preview

PREVIEWED: Millis = 7 * DAY
LEVELS = ("WATCH", "ALERT", "CRITICAL")


class Refused(FirebreakError):
    """The detector did not obey; the text is its reason."""


@click.group("alerts")
def alerts_group() -> None:
    """Alerts: what is open, what happened, and what is done about it."""


@alerts_group.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is over.")
@click.option("--region", help="Only of this region.")
@here
def list_command(everything: bool, region: str | None, broker: str | None, prefix: str | None, as_json: bool) -> None:
    """
    List the alerts that are open, worst first.

    \b
    Example:
      firebreak alerts list --all
    """  # noqa: D301 - \b keeps click from filling the example
    place = place_of(broker, prefix, as_json=as_json)
    known = in_order(alerts(place.settings, place.wire).values())
    shown = [
        each for each in known if (everything or each.status in OPEN) and (region is None or each.region == region)
    ]
    if as_json:
        click.echo(json.dumps([_told(alert) for alert in shown]))
    elif shown:
        Console().print(words.table(shown, place.gazetteer))
    else:
        click.echo("no alert is open" if known else "no alert so far")


@alerts_group.command("show")
@click.argument("alert_id")
@here
def show_command(alert_id: str, broker: str | None, prefix: str | None, as_json: bool) -> None:
    """
    Show one alert and all that happened to it; the beginning of its id is enough.

    \b
    Example:
      firebreak alerts show 3f9c2a7b
    """  # noqa: D301 - same
    place = place_of(broker, prefix, as_json=as_json)
    alert = place.alert(alert_id)
    happened = [event for event in events(place.settings, place.wire) if event.alert_id == alert.alert_id]
    if as_json:
        click.echo(json.dumps({**_told(alert), "events": [json.loads(alert_event_json(each)) for each in happened]}))
        return
    for label, text in words.described(alert, place.gazetteer):
        click.echo(f"{label:10} {text}")
    click.echo()
    for event in happened:
        click.echo(words.happened(event, place.gazetteer))


@alerts_group.command("ack")
@click.argument("alert_id")
@click.option("--severity", type=click.Choice(LEVELS), help="The one you saw; refused if it is another by now.")
@asking
def ack_command(alert_id: str, severity: str | None, **options: str) -> None:
    """Acknowledge an alert: you have it."""
    _on_alert(options, alert_id, CommandKind.ACKNOWLEDGE, severity_seen=severity or "")


@alerts_group.command("assign")
@click.argument("alert_id")
@click.argument("assignee")
@asking
def assign_command(alert_id: str, assignee: str, **options: str) -> None:
    """Give an alert to somebody."""
    _on_alert(options, alert_id, CommandKind.ASSIGN, assignee=assignee)


@alerts_group.command("note")
@click.argument("alert_id")
@click.argument("text")
@asking
def note_command(alert_id: str, text: str, **options: str) -> None:
    """Write a note on an alert."""
    _on_alert(options, alert_id, CommandKind.NOTE, text=text)


@alerts_group.command("snooze")
@click.argument("alert_id")
@click.option("--for", "until", type=Until(), required=True, help="How long, or until when.")
@asking
def snooze_command(alert_id: str, until: Millis, **options: str) -> None:
    """Hear nothing more of an alert for a while, unless it grows worse."""
    _on_alert(options, alert_id, CommandKind.SNOOZE, until=until)


@alerts_group.command("close")
@click.argument("alert_id")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True, help="What it was.")
@click.option("--action", type=click.Choice(ACTIONS), required=True, help="What was done.")
@click.option("--note", "text", default="", help="More about it.")
@asking
def close_command(alert_id: str, outcome: str, action: str, text: str, **options: str) -> None:
    """
    Close an alert with what it was and what was done.

    \b
    Example:
      firebreak alerts close 3f9c2a7b --outcome real --action youth_work
    """  # noqa: D301 - same
    _on_alert(options, alert_id, CommandKind.CLOSE, outcome=outcome, action=action, text=text)


@alerts_group.command("reopen")
@click.argument("alert_id")
@asking
def reopen_command(alert_id: str, **options: str) -> None:
    """Open an alert again that was closed."""
    _on_alert(options, alert_id, CommandKind.REOPEN)


@alerts_group.command("link")
@click.argument("alert_id")
@click.argument("incidents", nargs=-1, required=True)
@asking
def link_command(alert_id: str, incidents: tuple[str, ...], **options: str) -> None:
    """
    Make one event of two incidents, or more: they count once, as the first.

    \b
    Example:
      firebreak alerts link 3f9c2a7b 'met.cad|CAD 1234' 'las|4471'
    """  # noqa: D301 - same
    _on_alert(options, alert_id, CommandKind.LINK, incidents=incidents)


@alerts_group.command("unlink")
@click.argument("alert_id")
@click.argument("incidents", nargs=-1, required=True)
@asking
def unlink_command(alert_id: str, incidents: tuple[str, ...], **options: str) -> None:
    """Make incidents events of their own again."""
    _on_alert(options, alert_id, CommandKind.UNLINK, incidents=incidents)


def _scope(command: Wrapped) -> Wrapped:
    for option in (
        click.option("--region", default="london", show_default=True),
        click.option("--area", default="", help="Code of the area; all if not given."),
        click.option("--group", default="", help="Group; all if not given."),
        click.option("--for", "until", type=Until(), required=True, help="How long, or until when."),
        click.option("--reason", "text", required=True, help="Why; everybody reads it."),
        click.option("--preview", "only_preview", is_flag=True, help="Say what it would have hidden; change nothing."),
    ):
        command = option(command)
    return asking(command)


@alerts_group.command("silence")
@_scope
def silence_command(
    region: str, area: str, group: str, until: Millis, text: str, only_preview: bool, **options: str
) -> None:
    """
    Tell nobody of an area or a group for a while.

    \b
    Example:
      firebreak alerts silence --area E09000007 --group robbery --for 4h --reason 'recording trial' --preview
    """  # noqa: D301 - same
    scope = Scope(region=region, area=area, group=group)
    _hush(options, scope, CommandKind.SILENCE, until=until, text=text, only_preview=only_preview)


@alerts_group.command("plan")
@click.option("--from", "since", type=Until(), help="When it begins, or in how long; now if not given.")
@_scope
def plan_command(
    region: str,
    area: str,
    group: str,
    since: Millis | None,
    until: Millis,
    text: str,
    only_preview: bool,
    **options: str,
) -> None:
    """
    Announce a planned event: alerts that it explains are not told, unless they are CRITICAL.

    \b
    Example:
      firebreak alerts plan --area E09000020 --from 2026-08-30T08:00:00Z --for 2026-08-31T22:00:00Z --reason carnival
    """  # noqa: D301 - same
    scope = Scope(region=region, area=area, group=group, planned=True)
    _hush(options, scope, CommandKind.PLAN, until=until, text=text, only_preview=only_preview, since=since)


@alerts_group.command("unsilence")
@click.argument("silence_id")
@click.option("--region", default="london", show_default=True)
@asking
def unsilence_command(silence_id: str, region: str, **options: str) -> None:
    """End a silence or a planned event now."""
    place = _place_of(options)
    _ask(place, _command(place, CommandKind.UNSILENCE, region)._replace(alert_id=silence_id))


@alerts_group.command("silences")
@here
def silences_command(broker: str | None, prefix: str | None, as_json: bool) -> None:
    """List silences and planned events that are not over."""
    place = place_of(broker, prefix, as_json=as_json)
    found = silences(events(place.settings, place.wire), now())
    if as_json:
        told = [{**asdict(each), "since": iso(each.since), "until": iso(each.until)} for each in found]
        click.echo(json.dumps(told))
    elif found:
        Console().print(words.hushes(found, place.gazetteer))
    else:
        click.echo("nothing is silenced or planned")


def _place_of(options: dict[str, str]) -> Place:
    return place_of(
        options["broker"],
        options["prefix"],
        as_json=bool(options["as_json"]),
        actor=options["actor"],
        patience=float(options["patience"]),
    )


def _command(place: Place, kind: CommandKind, region: str) -> Command:
    return Command(uuid.uuid4().hex, kind, region, "", place.actor, now())


def _on_alert(options: dict[str, str], alert_id: str, kind: CommandKind, **given: object) -> None:
    place = _place_of(options)
    alert = place.alert(alert_id)
    command = _command(place, kind, alert.region)._replace(alert_id=alert.alert_id)
    _ask(place, command._replace(**given))  # type: ignore[arg-type]  # fields of Command by name


def _hush(
    options: dict[str, str],
    scope: Scope,
    kind: CommandKind,
    *,
    until: Millis,
    text: str,
    only_preview: bool,
    since: Millis | None = None,
) -> None:
    place = _place_of(options)
    if only_preview:
        _preview(place, scope)
        return
    command = _command(place, kind, scope.region)
    _ask(place, command._replace(area=scope.area, group=scope.group, until=until, text=text, since=since))


def _preview(place: Place, scope: Scope) -> None:
    hidden = preview(scope, events(place.settings, place.wire, now() - PREVIEWED))
    alert_ids = {event.alert_id for event in hidden}
    if place.as_json:
        click.echo(json.dumps({"alerts": len(alert_ids), "events": [event.event_id for event in hidden]}))
        return
    click.echo(
        f"in the last 7 days it would have hidden {_many(len(alert_ids), 'alert')}, {_many(len(hidden), 'event')}"
    )
    for event in hidden:
        click.echo(f"  {event.alert_id[:8]}  {words.happened(event, place.gazetteer)}")


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _ask(place: Place, command: Command) -> None:
    with Commands(place.settings, place.wire) as commands:
        answers = commands.ask(command, place.patience)
    if answers[0].kind == AlertKind.REFUSED:
        raise Refused(f"refused: {answers[0].changed}")
    _tell(place, command, answers)


def _tell(place: Place, command: Command, answers: Sequence[AlertEvent]) -> None:
    if place.as_json:
        told = [json.loads(alert_event_json(event)) for event in answers]
        click.echo(json.dumps({"command_id": command.command_id, "events": told}))
        return
    for event in answers:
        click.echo(words.happened(event, place.gazetteer))
    if command.kind in {CommandKind.SILENCE, CommandKind.PLAN}:
        click.echo(f"to end it: firebreak alerts unsilence {answers[0].alert_id} --region {command.region}")


def _told(alert: Alert) -> dict[str, object]:
    instants = {name: getattr(alert, name) for name in ("opened_at", "updated_at", "ended_at", "snoozed_until")}
    return {**asdict(alert), **{name: None if at is None else iso(at) for name, at in instants.items()}}

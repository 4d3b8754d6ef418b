"""``firebreak notifier`` and ``firebreak notify``."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType, MappingProxyType

import click
import msgspec
from prometheus_client import CollectorRegistry

from consumers.gazetteer import Gazetteer
from consumers.health import serve
from consumers.loop import Loop
from consumers.metrics import LoopMetrics
from consumers.notify.cases import Hold, Leave, Rules, Send, What, Why
from consumers.notify.channels.base import Delivered, Parcel
from consumers.notify.channels.making import channel, channels
from consumers.notify.coverage import gaps
from consumers.notify.dryrun import Day, Line, dry_run, duty_days
from consumers.notify.file import load
from consumers.notify.ledger import DELIVERIES, JOURNAL, Ledger, Report
from consumers.notify.message import Composer, Subject
from consumers.notify.metrics import NotifierMetrics
from consumers.notify.notifier import EVENTS, Journal, Notifier, Probe, Standby, clock, events_loop, no_probe, restored
from consumers.notify.routes import Routes
from consumers.reading import read
from schemas import registry
from schemas.errors import FirebreakError, UsageError
from schemas.events import AlertEvent, AlertKind, AlertReason, Severity, Tense
from schemas.jsonform import alert_event_from_json, iso
from schemas.settings import Settings, from_env

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_REGION = click.option(
    "--region", "regions", multiple=True, help="Region packs, instead of FIREBREAK_REGIONS (repeat for more)."
)


def rules_of(routes: Routes, gazetteer: Gazetteer) -> Rules:
    """Routes with what has to be known of regions."""
    # the whole region stands for all that is in it, as any area does
    parents = {
        code: parent or each.whole for each in gazetteer.regions.values() for code, parent in each.parents.items()
    }
    zones = {name: words.zone for name, words in gazetteer.regions.items()}
    return Rules(routes=routes, parents=MappingProxyType(parents), zones=MappingProxyType(zones))


def standby(settings: Settings, registry: CollectorRegistry, probe: Probe = no_probe) -> tuple[Standby, Loop]:
    """
    Wire the notifier; nothing runs yet.

    Raises
    ------
    UsageError
        No routes are configured, or they are wrong.

    """
    if settings.routes is None:
        raise UsageError("whom to tell? set FIREBREAK_ROUTES to a file of routes; docs/desk.md has one")
    routes, gazetteer, catalogue = load(settings.routes), Gazetteer.load(settings.regions), settings.catalogue()
    ways, composer = channels(routes), Composer(gazetteer, routes.link)
    metrics, of_events = NotifierMetrics(registry, ways), LoopMetrics(registry, "notifier")

    def begin() -> tuple[Notifier, Loop]:
        # the producer first: it fences the one before, so that nothing is added to what is read then
        journal = Journal(settings, [catalogue[JOURNAL], catalogue[DELIVERIES]], probe)
        ledger = restored(settings, Ledger(rules_of(routes, gazetteer)))
        ledger.unreachable(ways, clock())
        probe("restored")
        notifier = Notifier(
            settings,
            ledger,
            journal,
            composer,
            ways,
            metrics,
            fresh=routes.limits.expires,
            repeat=routes.limits.repeat,
            probe=probe,
        )
        return notifier, events_loop(settings, notifier, of_events)

    waiting = Standby(begin)
    return waiting, Loop(settings, [catalogue[JOURNAL]], waiting, name="notifier")


def run(settings: Settings, probe: Probe = no_probe) -> None:
    """Run the notifier until SIGTERM or SIGINT."""
    registry = CollectorRegistry()
    waiting, loop = standby(settings, registry, probe)

    def end(_signal: int, _frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with serve(
        settings.metrics_bind, registry, alive=lambda: loop.alive and waiting.alive, ready=lambda: waiting.ready
    ):
        loop.run()


@click.command()
def notifier() -> None:
    """
    Tell people of alerts, as the file of routes says.

    FIREBREAK_ROUTES names the file. Of several notifiers one works and the others stand by. Metrics and health at
    FIREBREAK_METRICS_BIND.

    Example: FIREBREAK_ROUTES=routes.yaml firebreak notifier
    """
    run(from_env(os.environ))


@click.group()
def notify() -> None:
    """Routes of alerts to people: check them, try them on past alerts, test a channel, count messages."""


@notify.command("check")
@_FILE
@_REGION
def check_command(file: Path, regions: tuple[str, ...]) -> None:
    """
    Check a file of routes: that it can be used, and whether somebody is told of everything.

    \b
    Example:
      firebreak notify check routes.yaml
    """  # noqa: D301 - \b keeps click from filling the example
    routes, gazetteer = _loaded(file, regions)
    channels(routes)
    for name in sorted(_unknown_areas(routes, gazetteer)):
        raise UsageError(f"{file.name}: no region pack has an area {name}")
    found = list(gaps(rules_of(routes, gazetteer), gazetteer))
    for gap in found:
        click.echo(f"nobody is told: {gap}")
    many = f"{len(routes.routes)} routes, {len(routes.recipients)} recipients, {len(routes.channels)} channels"
    click.echo(f"{many}{'' if found else '; somebody is told of every alert at every hour'}")


def _unknown_areas(routes: Routes, gazetteer: Gazetteer) -> set[str]:
    return {area for route in routes.routes for area in route.areas if not gazetteer.known(area)}


@notify.command("dry-run")
@_FILE
@click.option("--events", "lines", type=click.Path(path_type=Path, dir_okay=False), help="alerts.jsonl.")
@click.option("--kafka", is_flag=True, help="Past events of the broker, instead of a file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_REGION
def dry_run_command(file: Path, lines: Path | None, kafka: bool, as_json: bool, regions: tuple[str, ...]) -> None:
    """
    Say who would have been told what of past alerts, and why; tell nobody.

    \b
    Example:
      firebreak notify dry-run routes.yaml --events out/alerts.jsonl
    """  # noqa: D301 - same
    if kafka is (lines is not None):
        raise UsageError("which past alerts? --events FILE, or --kafka")
    routes, gazetteer = _loaded(file, regions)
    events = _from_kafka(from_env(os.environ)) if lines is None else _from_file(lines)
    told = list(dry_run(rules_of(routes, gazetteer), Composer(gazetteer, routes.link), events))
    for line in told:
        click.echo(json.dumps(_as_json(line)) if as_json else _in_words(line, gazetteer))
    if not as_json:
        _sum_up(duty_days(told, gazetteer))


def _from_file(path: Path) -> Iterator[AlertEvent]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield alert_event_from_json(msgspec.json.decode(line, type=dict[str, object]))
        except (msgspec.DecodeError, FirebreakError) as error:
            raise UsageError(f"{path.name}, line {number}: no alert event: {error}") from error


def _from_kafka(settings: Settings) -> Iterator[AlertEvent]:
    decode = registry.wire(settings).alert_event.decode
    found = [
        (record.timestamp, record.partition, record.offset, record.value or b"")
        for record in read(settings, settings.catalogue()[EVENTS])
    ]
    return (decode(value) for *_, value in sorted(found))


def _as_json(line: Line) -> dict[str, object]:
    decision = line.decision
    kind = {Send: "TOLD", Hold: "HELD", Leave: "LEFT"}[type(decision)]
    told = {"at": iso(line.at), "decision": kind, "recipient": decision.recipient, "why": decision.why}
    return {**told, "first_line": line.first_line, "alert_id": line.alert_id}


def _in_words(line: Line, gazetteer: Gazetteer) -> str:
    at, who, why = gazetteer.time(line.region, line.at), line.decision.recipient, words(line.decision.why)
    match line.decision:
        case Send():
            return f"{at}  tell {who} ({why}): {line.first_line}"
        case Hold():
            return f"{at}  later for {who} ({why}): {line.first_line}"
        case Leave():
            return f"{at}  leave {who or 'everybody'} ({why}): {line.first_line}"


def words(code: str) -> str:
    """A code as one reads it."""
    return code.replace("_", " ").lower()


@notify.command("test")
@_FILE
@click.argument("recipient")
@_REGION
def test_command(file: Path, recipient: str, regions: tuple[str, ...]) -> None:
    """
    Send one test message, marked as an exercise, to a person or channel of the file.

    \b
    Example:
      firebreak notify test routes.yaml ana
    """  # noqa: D301 - same
    routes, gazetteer = _loaded(file, regions)
    known = routes.recipients.get(recipient)
    if known is None:
        raise UsageError(f"{file.name} names no {recipient!r}: there are {', '.join(routes.recipients)}")
    now = clock()
    region = next(iter(gazetteer.regions), "")
    parcel = Parcel(
        delivery_id=f"test|{now}|{known.key}",
        address=known.address,
        subject=Subject(what=What.ORIGINAL, why=Why.FIRST, event=_exercise(region, gazetteer, now)),
        composer=Composer(gazetteer, routes.link),
        made_at=now,
        sent_at=now,
    )
    result = channel(routes.channels[known.channel], routes.limits).send(parcel)
    if not isinstance(result, Delivered):
        raise FirebreakError(f"it did not arrive: {result.why}")
    click.echo(f"sent to {recipient} by {known.channel}")


def _exercise(region: str, gazetteer: Gazetteer, now: int) -> AlertEvent:
    area = next(iter(gazetteer.regions[region].names), "") if region else ""
    return AlertEvent(
        event_id="test",
        alert_id="test",
        kind=AlertKind.OPENED,
        tense=Tense.EXERCISE,
        region=region,
        level="test",
        group="test",
        area=area,
        areas=(area,),
        severity=Severity.WATCH,
        opened_at=now,
        clock=now,
        window=24,
        observed=0,
        expected=0.0,
        lower=0,
        upper=0,
        score=0.0,
        chance_days=None,
        completeness=1.0,
        data_age_s=None,
        incidents=(),
        reason=AlertReason.FIRST,
        changed="a test of this channel",
        stands_without_newest=True,
        inhibited_by="",
        silenced_by="",
        actor="",
        text="",
        outcome="",
        action="",
        model="test",
        calibration="test",
    )


@notify.command("report")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def report_command(as_json: bool) -> None:
    """
    Count alerts, messages and repeats of each duty day (06:00 to 06:00), from the log of deliveries.

    \b
    Example:
      firebreak notify report
    """  # noqa: D301 - same
    settings = from_env(os.environ)
    gazetteer = Gazetteer.load(settings.regions)
    days: dict[str, Counter[str]] = defaultdict(Counter)
    told: dict[str, set[str]] = defaultdict(set)
    for record in read(settings, settings.catalogue()[DELIVERIES]):
        report = msgspec.json.decode(record.value or b"{}", type=Report)
        region = report.region or next(iter(gazetteer.regions), "")
        day = (gazetteer.local(region, report.at - 6 * 3_600_000)).date().isoformat()
        days[day][report.status] += 1
        days[day]["REPEATS"] += report.repeat and report.status == "SENT"
        if report.status == "SENT":
            told[day].update(report.alerts)
    rows = [
        {
            "day": day,
            "alerts": len(told[day]),
            "messages": counts["SENT"],
            "repeats": counts["REPEATS"],
            "failed": counts["FAILED"] + counts["EXPIRED"],
            "held": counts["HELD"],
            "left": counts["LEFT"],
        }
        for day, counts in sorted(days.items())
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    click.echo("duty day    alerts  messages  repeats  failed  held  left")
    for row in rows:
        click.echo("{day}  {alerts:>6}  {messages:>8}  {repeats:>7}  {failed:>6}  {held:>4}  {left:>4}".format(**row))


def _sum_up(days: Iterable[Day]) -> None:
    counted = list(days)
    alerts, messages = {each for day in counted for each in day.alerts}, sum(day.messages for day in counted)
    click.echo()
    click.echo(f"{len(counted)} duty days with messages, {len(alerts)} alerts told, {messages} messages")
    if counted:
        most = max(counted, key=lambda day: day.messages)
        click.echo(f"the busiest: {most.day}, {most.messages} messages about {len(most.alerts)} alerts")


def _loaded(file: Path, regions: tuple[str, ...]) -> tuple[Routes, Gazetteer]:
    packs = regions or from_env(os.environ).regions
    return load(file), Gazetteer.load(packs)

"""What pages show, from what is known: pure functions of the world, the person and the instant."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from consumers.console.state import OPEN, Json, World
from consumers.console.words import PROTECTED, Eyes, group, words
from schemas.events import DAY, HOUR, WHOLE_LEVEL, Alert, AlertEvent, AlertKind, AreaCount, Millis
from schemas.silence import Scope, preview

RANK = {"CRITICAL": 0, "ALERT": 1, "WATCH": 2}
WORST = ("ALERT", "WATCH", "GREY", "NORMAL")
SHIFT: Millis = 12 * HOUR
PREVIEWED: Millis = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One alert as a line of a list: its sentence, where it stands, and who was told."""

    alert: Alert
    place: str
    sentence: str
    since: str
    status: str
    told: int
    repeats: int


def alarms(world: World, now: Millis) -> list[AlertEvent]:
    """What was told of the data in the last week, newest first."""
    kinds = {AlertKind.FEED_SILENT, AlertKind.FEED_BACK, AlertKind.DATA_ALARM}
    found = [each for each in world.all_events() if each.kind in kinds and each.clock >= now - PREVIEWED]
    return sorted(found, key=lambda each: each.clock, reverse=True)


def told_events(world: World) -> dict[str, AlertEvent]:
    """The newest machine event of each alert, which has the numbers that its state lacks."""
    found: dict[str, AlertEvent] = {}
    for alert_id, events in list(world.events.items()):
        with_numbers = [each for each in events.values() if each.window and each.kind != AlertKind.REFUSED]
        if with_numbers:
            found[alert_id] = max(with_numbers, key=lambda each: each.clock)
    return found


def real(alert: Alert) -> bool:
    """Whether the desk sees it: an injection is never shown."""
    return alert.tense != "INJECTION"


def open_alerts(world: World) -> list[Alert]:
    """What is open: not acknowledged first, then worst, then oldest."""
    found = [each for each in list(world.alerts.values()) if each.status in OPEN and real(each)]
    return sorted(found, key=lambda each: (each.status != "OPEN", RANK.get(each.severity, 3), each.opened_at))


def cards(world: World, eyes: Eyes, alerts: Iterable[Alert]) -> list[Card]:
    """Alerts as lines."""
    events, sent = told_events(world), deliveries_by_alert(world)
    return [
        Card(
            alert=alert,
            place=eyes.place(alert.areas, alert.group),
            sentence=eyes.sentence(alert, events.get(alert.alert_id)),
            since=eyes.time(alert.region, alert.opened_at, alert.group),
            status=eyes.status(alert),
            told=len({each["recipient"] for each in sent[alert.alert_id] if each["status"] == "SENT"}),
            repeats=sum(bool(each["repeat"]) for each in sent[alert.alert_id]),
        )
        for alert in alerts
    ]


def deliveries_by_alert(world: World) -> Mapping[str, list[Json]]:
    """Reports of messages by alert, oldest first."""
    found: dict[str, list[Json]] = defaultdict(list)
    for each in sorted(world.deliveries.values(), key=at):
        found[str(each.get("alert_id", ""))].append(each)
    return found


def at(each: Json) -> int:
    """When a report was written."""
    told = each.get("at")
    return told if isinstance(told, int) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One area: its worst state, why, and its counts by group."""

    code: str
    name: str
    level: str
    state: str
    reason: str
    counts: tuple[AreaCount, ...]

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.name}: {words(self.state)}" + (f", {words(self.reason)}" if self.reason else "")


def tiles(world: World, eyes: Eyes, level: str = "") -> list[Tile]:
    """Areas by name, of one level, "" for the coarse ones after the whole of regions."""
    by_area: dict[str, list[AreaCount]] = defaultdict(list)
    for count in list(world.areas.values()):
        coarse = not eyes.gazetteer.parent(count.area)
        if (count.level == level if level else coarse) and eyes.sees(count):
            by_area[count.area].append(count)
    made = (_tile(code, counts, eyes) for code, counts in by_area.items())
    return sorted(made, key=lambda each: (each.level != WHOLE_LEVEL, each.name))


def _tile(code: str, counts: list[AreaCount], eyes: Eyes) -> Tile:
    worst = min(counts, key=lambda each: WORST.index(each.state) if each.state in WORST else len(WORST))
    counts.sort(key=lambda each: each.group)
    name = eyes.gazetteer.name(code)
    reason = worst.grey_reason if worst.state == "GREY" else group(worst.group) if worst.state != "NORMAL" else ""
    return Tile(code=code, name=name, level=worst.level, state=worst.state, reason=reason, counts=tuple(counts))


def grey(world: World) -> int:
    """Areas and groups of which nothing can be told."""
    return sum(each.state == "GREY" for each in list(world.areas.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """A silence or a planned event that is not over."""

    silence_id: str
    event: AlertEvent
    planned: bool


def hushes(world: World, now: Millis) -> list[Hush]:
    """Silences and planned events that are not over, by their end."""
    found: dict[str, Hush] = {}
    for event in sorted(world.all_events(), key=lambda each: each.clock):
        if event.kind in {AlertKind.SILENCED, AlertKind.PLANNED} and event.until is not None:
            found[event.alert_id] = Hush(
                silence_id=event.alert_id, event=event, planned=event.kind == AlertKind.PLANNED
            )
        elif event.kind == AlertKind.UNSILENCED:
            found.pop(event.alert_id, None)
    return sorted(
        (each for each in found.values() if (each.event.until or 0) > now), key=lambda each: each.event.until or 0
    )


def would_hide(world: World, scope: Scope, now: Millis) -> tuple[AlertEvent, ...]:
    """What a silence would have hidden in the last week."""
    past = [each for each in world.all_events() if each.clock >= now - PREVIEWED and each.tense != "INJECTION"]
    return preview(scope, sorted(past, key=lambda each: each.clock))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The last twelve hours."""

    opened: list[Alert]
    closed: list[Alert]
    open: list[Alert]
    notes: list[AlertEvent]
    undelivered: list[Json]
    ending: list[Hush]


def handover(world: World, now: Millis) -> Handover:
    """What the next shift has to know."""
    since = now - SHIFT
    alerts = [each for each in list(world.alerts.values()) if real(each)]
    noted = [each for each in world.all_events() if each.kind == AlertKind.NOTED and each.clock >= since]
    return Handover(
        opened=sorted((each for each in alerts if each.opened_at >= since), key=lambda each: each.opened_at),
        closed=[each for each in alerts if each.status == "CLOSED" and each.updated_at >= since],
        open=open_alerts(world),
        notes=sorted(noted, key=lambda each: each.clock),
        undelivered=[each for each in world.deliveries.values() if each.get("status") in UNDELIVERED],
        ending=[each for each in hushes(world, now) if (each.event.until or 0) <= now + SHIFT],
    )


UNDELIVERED = frozenset({"FAILED", "EXPIRED", "RETRY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alerts of the past are looked for; "" and None for any."""

    group: str = ""
    area: str = ""
    outcome: str = ""
    since: Millis | None = None
    until: Millis | None = None

    def matches(self, alert: Alert, eyes: Eyes) -> bool:
        """Whether an alert is one of them."""
        around = {*alert.areas, *(eyes.gazetteer.parent(each) for each in alert.areas)}
        return (
            self.group in {"", alert.group}
            and (not self.area or self.area in around)
            and self.outcome in {"", alert.outcome}
            and (self.since is None or alert.opened_at >= self.since)
            and (self.until is None or alert.opened_at < self.until)
        )


def history(world: World, eyes: Eyes, wanted: Wanted) -> list[Alert]:
    """Alerts of the past, newest first."""
    found = [each for each in list(world.alerts.values()) if real(each) and wanted.matches(each, eyes)]
    return sorted(found, key=lambda each: -each.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much people were asked for, over the days that the log has."""

    days: int
    alerts_a_day: float
    messages_a_day: float
    repeats: int
    median_minutes_to_acknowledge: float | None
    oldest_unacknowledged_minutes: float | None
    outcomes: Mapping[str, int]


def load(world: World, now: Millis) -> Load:
    """Alert fatigue: alerts and messages a duty day, repeats, and how long alerts waited."""
    opened = [each for each in world.all_events() if each.kind == AlertKind.OPENED and each.tense != "INJECTION"]
    first = min((each.clock for each in opened), default=now)
    days = max(1, round((now - first) / DAY))
    sent = [each for each in world.deliveries.values() if each.get("status") == "SENT"]
    waits = list(_waits(world))
    waiting = [each.opened_at for each in world.alerts.values() if each.status == "OPEN" and real(each)]
    closed = Counter(each.outcome for each in world.alerts.values() if each.outcome and real(each))
    return Load(
        days=days,
        alerts_a_day=len(opened) / days,
        messages_a_day=len(sent) / days,
        repeats=sum(bool(each.get("repeat")) for each in sent),
        median_minutes_to_acknowledge=median(waits) / 60_000 if waits else None,
        oldest_unacknowledged_minutes=(now - min(waiting)) / 60_000 if waiting else None,
        outcomes=closed,
    )


def _waits(world: World) -> Iterator[Millis]:
    for events in list(world.events.values()):
        first = min((each.clock for each in events.values() if each.kind == AlertKind.ACKNOWLEDGED), default=None)
        opened = min((each.clock for each in events.values() if each.kind == AlertKind.OPENED), default=None)
        if first is not None and opened is not None:
            yield first - opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How a channel does: when it last delivered, what waits, and what it could not deliver."""

    name: str
    last: Millis | None
    sent: int
    waiting: int
    failed: int


def channels(world: World) -> list[Channel]:
    """All channels that anything was sent through."""
    by_name: dict[str, list[Json]] = defaultdict(list)
    for each in world.deliveries.values():
        if each.get("channel"):
            by_name[str(each["channel"])].append(each)
    return [_channel(name, found) for name, found in sorted(by_name.items())]


def _channel(name: str, found: Sequence[Json]) -> Channel:
    sent = [each for each in found if each["status"] == "SENT"]
    return Channel(
        name=name,
        last=max(map(at, sent), default=None),
        sent=len(sent),
        waiting=sum(each["status"] in {"INTENT", "SENDING", "RETRY"} for each in found),
        failed=sum(each["status"] in {"FAILED", "EXPIRED"} for each in found),
    )


def feed(world: World, source: str, area: str) -> list[Json]:
    """Newest incidents first; of protected groups neither hour nor reference."""
    found: list[Json] = []
    for each in list(world.feed.values()):
        if each.get("tense") == "INJECTION":
            continue
        hidden = bool(PROTECTED.intersection(_texts(each, "groups"))) or not each.get("groups")
        name = str(each["incident"]).partition("|")[0]
        if source in {"", name} and area in {"", each["area"]}:
            found.append({**each, "source": name, "hidden": hidden, "incident": "" if hidden else each["incident"]})
    return sorted(found, key=lambda each: -int(str(each["received"])))[:100]


def _texts(each: Json, name: str) -> Sequence[str]:
    value = each.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


def qualities(world: World) -> Counter[str]:
    """Codes of what was weak in the newest incidents."""
    return Counter(code for each in list(world.feed.values()) for code in _texts(each, "quality"))


def rejects(world: World) -> list[tuple[str, str, int, Millis]]:
    """Source, reason, number and newest of what could not be used, most first."""
    found: dict[tuple[str, str], tuple[int, Millis]] = {}
    for (source, reason, _), (records, last) in list(world.rejects.items()):
        before = found.get((source, reason), (0, 0))
        found[source, reason] = (before[0] + records, max(before[1], last))
    return sorted(((*key, *value) for key, value in found.items()), key=lambda each: -each[2])

"""
The shared language: what travels between sources, stages and consumers.

Instants are whole milliseconds since the epoch, UTC (``Millis``). Intervals are half-open. A geographic position is
longitude, then latitude, WGS 84, in degrees. The names of fields are those of the Avro schemas in ``schemas/avro``.

Records of the hot path (:class:`Notification`, :class:`Incident`) are named tuples, because one is made for every
message and a frozen dataclass of the same size takes four times as long to make; what a notification may hold is
checked once, by the stage that receives it, and answered with a :class:`Reason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Millis = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

HOUR: Millis = 3_600_000
DAY: Millis = 24 * HOUR

CLOCK_SOURCE = "firebreak.clock"
"""Source of the heartbeats that a worker appends; the tick is their ``occurred_at``."""

PLAYER_SOURCE = "firebreak.player"
"""Source of simulated heartbeats, which count only where the worker's own ticks are off."""

INJECTOR_SOURCE = "firebreak.injector"
"""Source of the labelled synthetic incidents (tense INJECTION) that test the detector; no source of the world."""

DESK_SOURCE = "firebreak.desk"
"""Source of a heartbeat that carries a person's answer to a held publication: ``source_ref`` names the source,
``category`` says release or refuse, ``event_id`` who."""

ERASURE = "firebreak.erasure"
"""Scheme of a cancellation after which the incident is remembered by its reference and revision only."""

UNKNOWN_AREA = "UNKNOWN"
"""Area of an incident whose place can't be told; such incidents are in no area's count."""

WHOLE_LEVEL = "region"
"""Level of the one area that is a whole region; its code is the region's name."""


class Kind(StrEnum):
    """What a notification says of its incident."""

    REPORTED = "REPORTED"
    UPDATED = "UPDATED"
    RECLASSIFIED = "RECLASSIFIED"
    MERGED = "MERGED"
    CANCELLED = "CANCELLED"
    REINSTATED = "REINSTATED"
    CLOSED = "CLOSED"
    HEARTBEAT = "HEARTBEAT"


class Precision(StrEnum):
    """How exactly ``occurred_at`` is known."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"
    UNKNOWN = "UNKNOWN"


class Tense(StrEnum):
    """Whether the world, an exercise, a labelled injection or a test is spoken of."""

    ACTUAL = "ACTUAL"
    EXERCISE = "EXERCISE"
    INJECTION = "INJECTION"
    TEST = "TEST"


class Injury(StrEnum):
    """The worst injury of the incident, as the source knows it."""

    UNKNOWN = "UNKNOWN"
    NONE = "NONE"
    MINOR = "MINOR"
    SERIOUS = "SERIOUS"
    FATAL = "FATAL"


class Weapon(StrEnum):
    """The weapon used, shown or believed present."""

    UNKNOWN = "UNKNOWN"
    KNIFE = "KNIFE"
    FIREARM = "FIREARM"
    BLUNT = "BLUNT"
    BODY = "BODY"
    OTHER = "OTHER"


class LocationType(StrEnum):
    """The kind of place."""

    UNKNOWN = "UNKNOWN"
    STREET = "STREET"
    HOME = "HOME"
    LICENSED = "LICENSED"
    TRANSPORT = "TRANSPORT"
    SCHOOL = "SCHOOL"
    PARK = "PARK"
    CUSTODY = "CUSTODY"
    PRISON = "PRISON"
    HOSPITAL = "HOSPITAL"
    OTHER = "OTHER"


class Handling(StrEnum):
    """Protective marking that travels with every message."""

    OFFICIAL = "OFFICIAL"
    OFFICIAL_SENSITIVE = "OFFICIAL_SENSITIVE"


class Change(StrEnum):
    """What an enriched record does to the counts of its area."""

    ADDED = "ADDED"
    AMENDED = "AMENDED"
    WITHDRAWN = "WITHDRAWN"
    HEARTBEAT = "HEARTBEAT"


class TimeRule(StrEnum):
    """Which of the notification's clocks decides the hour that an incident is counted in."""

    OCCURRED = "OCCURRED"
    REPORTED = "REPORTED"
    PUBLISHED = "PUBLISHED"


class Quality(StrEnum):
    """What is weak about a notification that is accepted all the same."""

    LOCATION_MISSING = "LOCATION_MISSING"
    OUTSIDE_REGION = "OUTSIDE_REGION"
    UNKNOWN_AREA_CODE = "UNKNOWN_AREA_CODE"
    AREA_CODE_ONLY = "AREA_CODE_ONLY"
    TIME_IMPRECISE = "TIME_IMPRECISE"
    HISTORIC = "HISTORIC"
    POLICE_GENERATED = "POLICE_GENERATED"
    NOT_ACTUAL = "NOT_ACTUAL"
    OTHER_VERSION = "OTHER_VERSION"
    PLACE_IMPRECISE = "PLACE_IMPRECISE"
    """Placed by a position that may well lie in the next area."""
    SUSPECTED = "SUSPECTED"
    """Of a category that is suspected, not confirmed."""
    REVISION_HELD = "REVISION_HELD"
    """A later revision would take the incident out of the counts and is held until a person decides."""
    REVISION_REFUSED = "REVISION_REFUSED"
    """A person refused such a revision."""


class Reason(StrEnum):
    """Why a record is in ``incidents.rejected``; a closed set, used as a metric label."""

    NULL_VALUE = "null_value"
    NULL_KEY = "null_key"
    KEY_MISMATCH = "key_mismatch"
    OVERSIZED = "oversized"
    BAD_MAGIC = "bad_magic"
    UNKNOWN_SCHEMA = "unknown_schema"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    BAD_JSON = "bad_json"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    BAD_COORDINATES = "bad_coordinates"
    ZERO_COORDINATES = "zero_coordinates"
    NO_TIME = "no_time"
    FUTURE_TIME = "future_time"
    PLACEHOLDER_TIME = "placeholder_time"
    SECONDS_FOR_MILLISECONDS = "seconds_for_milliseconds"
    UNKNOWN_SCHEME = "unknown_scheme"
    UNKNOWN_CATEGORY = "unknown_category"
    REVISION_BACKWARDS = "revision_backwards"
    CANCEL_BEFORE_REPORT = "cancel_before_report"


class Notification(NamedTuple):
    """One message of a source about one incident, as it came; ``None`` where the source is silent."""

    kind: str
    source: str
    source_ref: str
    revision: int
    occurred_at: Millis | None
    published_at: Millis | None
    longitude: float | None
    latitude: float | None
    area_code: str | None
    category: str
    scheme: str
    precision: str = Precision.MINUTE
    reported_at: Millis | None = None
    recorded_at: Millis | None = None
    event_id: str = ""
    precision_m: int | None = None
    merged_into: str | None = None
    victims: int | None = None
    injury: str = Injury.UNKNOWN
    weapon: str = Weapon.UNKNOWN
    domestic: bool | None = None
    knife: bool | None = None
    firearm: bool | None = None
    hate: bool | None = None
    youth_victim: bool | None = None
    police_generated: bool | None = None
    location_type: str = LocationType.UNKNOWN
    handling: str = Handling.OFFICIAL_SENSITIVE
    tense: str = Tense.ACTUAL

    @property
    def incident_id(self) -> str:
        """Identity of the incident: ``source|source_ref``, also the key of the raw topic."""
        return f"{self.source}|{self.source_ref}"


class Counted(NamedTuple):
    """Where an incident is counted: area (partition level), ward ("" if not known), groups, hour and victims."""

    area: str
    ward: str
    groups: tuple[str, ...]
    hour: Millis
    victims: int


class Incident(NamedTuple):
    """
    An enriched record: what one notification changes in one area.

    ``was`` is what this area counted before (None if nothing); the fields from ``area`` to ``victims`` are what it
    counts now, and mean nothing if ``change`` is WITHDRAWN (then they repeat ``was``). A HEARTBEAT carries ``clock``.
    ``origin_*`` are raw partition, raw offset and the index among the outputs of that raw record.
    """

    change: str
    origin_partition: int
    origin_offset: int
    origin_index: int
    clock: Millis | None
    incident_id: str
    region: str
    area: str
    ward: str
    groups: tuple[str, ...]
    hour: Millis
    victims: int
    was: Counted | None
    received_at: Millis
    quality: tuple[str, ...]
    category: str
    time_rule: str
    vintage: str
    tense: str
    notification: bytes
    """The notification's own Avro bytes, after the wire prefix: carried through unread."""


class Contribution(NamedTuple):
    """One incident within one hour cell, so that an alert can name it."""

    incident_id: str
    received_at: Millis
    quality: tuple[str, ...]


class HourCount(NamedTuple):
    """
    Absolute count of one area, group and hour as of a tick, with its up to 16 newest contributions.

    Counts of different tense are apart: an injection never adds to what is real.
    """

    origin_partition: int
    clock: Millis
    tense: str
    region: str
    level: str
    area: str
    group: str
    hour: Millis
    incidents: int
    victims: int
    contributions: tuple[Contribution, ...]


class Tick(NamedTuple):
    """The clock of one upstream partition has reached ``clock``."""

    origin_partition: int
    clock: Millis


class CommandKind(StrEnum):
    """What a person asks of an alert, or of the detector."""

    ACKNOWLEDGE = "ACKNOWLEDGE"
    ASSIGN = "ASSIGN"
    NOTE = "NOTE"
    SNOOZE = "SNOOZE"
    SILENCE = "SILENCE"
    UNSILENCE = "UNSILENCE"
    CLOSE = "CLOSE"
    REOPEN = "REOPEN"
    CALIBRATE = "CALIBRATE"
    LINK = "LINK"
    UNLINK = "UNLINK"
    PLAN = "PLAN"
    FEED_SILENT = "FEED_SILENT"
    FEED_BACK = "FEED_BACK"


class Command(NamedTuple):
    """
    A person's command, idempotent by ``command_id``, in the same log as the counts.

    ``until`` ends a snooze, a silence or a planned event, which begins at ``since``. ``area`` and ``group`` (either may
    be "" for all) say what a silence or a planned event covers. ``body`` carries a calibration (JSON) for CALIBRATE,
    the source for FEED_SILENT and FEED_BACK, else "". ``incidents`` of LINK are one event and count as the first of
    them; those of UNLINK are apart again.
    """

    command_id: str
    kind: str
    region: str
    alert_id: str
    actor: str
    issued_at: Millis
    severity_seen: str = ""
    assignee: str = ""
    text: str = ""
    until: Millis | None = None
    area: str = ""
    group: str = ""
    outcome: str = ""
    action: str = ""
    body: str = ""
    since: Millis | None = None
    incidents: tuple[str, ...] = ()


class Severity(StrEnum):
    """How far above normal, in three steps that duty staff learn once."""

    WATCH = "WATCH"
    ALERT = "ALERT"
    CRITICAL = "CRITICAL"


class AreaState(StrEnum):
    """What the detector says of an area and group now; GREY is "can't be told", never "quiet"."""

    NORMAL = "NORMAL"
    WATCH = "WATCH"
    ALERT = "ALERT"
    GREY = "GREY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCount:
    """Public rolling counts of one area and group; ``expected``, ``lower`` and ``upper`` are of the last 24 h."""

    region: str
    level: str
    area: str
    group: str
    as_of: Millis
    incidents_1h: int
    incidents_6h: int
    incidents_24h: int
    incidents_7d: int
    incidents_28d: int
    expected: float | None
    lower: int | None
    upper: int | None
    state: str
    grey_reason: str
    completeness: float
    handling: str = Handling.OFFICIAL


class AlertKind(StrEnum):
    """Transitions of an alert: the machine's first, then people's."""

    OPENED = "OPENED"
    UPDATED = "UPDATED"
    ESCALATED = "ESCALATED"
    DEESCALATED = "DEESCALATED"
    ENDED = "ENDED"
    RETRACTED = "RETRACTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    ASSIGNED = "ASSIGNED"
    NOTED = "NOTED"
    SNOOZED = "SNOOZED"
    SILENCED = "SILENCED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    REFUSED = "REFUSED"
    LINKED = "LINKED"
    UNLINKED = "UNLINKED"
    UNSILENCED = "UNSILENCED"
    PLANNED = "PLANNED"
    FEED_SILENT = "FEED_SILENT"
    FEED_BACK = "FEED_BACK"
    DATA_ALARM = "DATA_ALARM"


class AlertReason(StrEnum):
    """Why a transition happened, or why nobody was told; feeds log, metric and screen."""

    FIRST = "FIRST"
    SENTINEL = "SENTINEL"
    ESCALATED = "ESCALATED"
    NEW_AREA = "NEW_AREA"
    MORE_INCIDENTS = "MORE_INCIDENTS"
    REPEAT_DUE = "REPEAT_DUE"
    FELL_BELOW = "FELL_BELOW"
    CORRECTED = "CORRECTED"
    DE_ESCALATED = "DE_ESCALATED"
    LEVEL_SHIFT = "LEVEL_SHIFT"
    GREY = "GREY"
    INHIBITED = "INHIBITED"
    SILENCED = "SILENCED"
    COMMAND = "COMMAND"
    UNKNOWN_ALERT = "UNKNOWN_ALERT"
    ALREADY_CLOSED = "ALREADY_CLOSED"
    BAD_COMMAND = "BAD_COMMAND"
    MASS_CHANGE = "MASS_CHANGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """
    One transition of one alert, with everything a reader needs to judge it.

    ``window`` is the driving window in hours; ``observed`` and ``expected`` are incidents within it over ``areas``;
    ``lower``, ``upper`` is the range that 95 % of normal windows stay in. ``score`` is a log Bayes factor.
    ``chance_days``: a score this high turns up by chance about once in so many days in the whole region.
    ``incidents`` are the contributing incident ids, newest first. ``changed`` says what changed since the last
    transition. ``stands_without_newest``: the alert would stand had the newest incident not been reported.
    ``least_certain``: the contributing incident that is least certain ("" if all are certain), ``doubt`` the code of
    why (:mod:`schemas.certainty`), ``stands_without_least_certain``: the alert would stand without it.
    ``cause`` is the tick or the id of the command. SILENCED, UNSILENCED and PLANNED are of no alert: their
    ``alert_id`` is the id of the silence, ``since`` and ``until`` its time, ``text`` its reason. FEED_SILENT,
    FEED_BACK and DATA_ALARM are of the data, not of violence: ``alert_id`` names the feed, ``changed`` says what.
    ``nominal_alerts_per_week`` is what chance alone is allowed in all units that share the budget,
    ``realised_alerts_per_week`` what they opened lately, true alerts too.
    """

    event_id: str
    alert_id: str
    kind: str
    tense: str
    region: str
    level: str
    group: str
    area: str
    areas: tuple[str, ...]
    severity: str
    opened_at: Millis
    clock: Millis
    window: int
    observed: int
    expected: float
    lower: int
    upper: int
    score: float
    chance_days: float | None
    completeness: float
    data_age_s: int | None
    incidents: tuple[str, ...]
    reason: str
    changed: str
    stands_without_newest: bool
    inhibited_by: str
    silenced_by: str
    actor: str
    text: str
    outcome: str
    action: str
    model: str
    calibration: str
    handling: str = Handling.OFFICIAL_SENSITIVE
    cause: str = ""
    since: Millis | None = None
    until: Millis | None = None
    assignee: str = ""
    least_certain: str = ""
    doubt: str = ""
    stands_without_least_certain: bool = True
    nominal_alerts_per_week: float | None = None
    realised_alerts_per_week: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """State of one alert: its last machine transition and the people's side of it."""

    alert_id: str
    region: str
    level: str
    group: str
    area: str
    areas: tuple[str, ...]
    status: str
    severity: str
    opened_at: Millis
    updated_at: Millis
    ended_at: Millis | None
    observed: int
    expected: float
    window: int
    score: float
    peak_score: float
    transitions: int
    incidents: tuple[str, ...]
    acknowledged_by: str
    acknowledged_severity: str
    assignee: str
    snoozed_until: Millis | None
    outcome: str
    action: str
    tense: str
    handling: str = Handling.OFFICIAL_SENSITIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that could not be processed: why, where it was, and its own key and bytes to send it again."""

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    received_at: Millis
    source: str
    key: bytes | None
    value: bytes | None


Facts = Mapping[str, str | int | bool | None]
"""Named plain values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """
    What one person did, or was refused.

    ``at`` is the clock of the log when it took effect, ``issued_at`` when it was asked. ``what`` is the kind of the
    command, ``of`` the id of the alert or the silence. ``before`` and ``after`` hold what it changed; they are the same
    for what was refused, and ``reason`` says why.
    """

    at: Millis
    issued_at: Millis
    actor: str
    region: str
    command_id: str
    what: str
    of: str
    done: bool
    reason: str
    text: str
    before: Facts
    after: Facts

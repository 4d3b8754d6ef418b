"""
Routes: who is told of which alerts, when and by which way; a YAML file as frozen values.

Every route that fits an alert counts, and a recipient is told once. A recipient is ``channel`` or
``channel:address``: one person by one way, or a system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from consumers.notify.times import Span
from schemas.events import HOUR, AlertEvent, Millis, Severity

MINUTE: Millis = 60_000
SEVERITIES = (Severity.WATCH, Severity.ALERT, Severity.CRITICAL)


def rank(severity: str) -> int:
    """Order of severities, WATCH lowest."""
    return SEVERITIES.index(Severity(severity))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One way to tell: its kind, and what else the file says of it; ``secrets`` name files."""

    name: str
    kind: str
    options: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who is told: by which channel, under which address, and when he sleeps."""

    name: str
    channel: str
    address: str = ""
    quiet: tuple[Span, ...] = ()

    @property
    def key(self) -> str:
        """Channel and address: what makes two recipients the same."""
        return f"{self.channel}:{self.address}" if self.address else self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Whom to tell when nobody has acknowledged for so long."""

    after: Millis
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    What fits, and who is told then.

    ``severity`` is the lowest that fits; empty ``regions``, ``levels``, ``groups``, ``areas`` and ``when`` fit all. An
    area stands for all areas within it. ``digest`` (minute of the local day) collects instead of telling at once.
    Quiet hours do not hold back what is at least ``wake``.
    """

    name: str
    to: tuple[str, ...]
    severity: str = Severity.ALERT
    regions: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    when: tuple[Span, ...] = ()
    digest: int | None = None
    wake: str = Severity.CRITICAL
    escalate: tuple[Escalation, ...] = ()

    def fits(self, event: AlertEvent, within: Mapping[str, str]) -> bool:
        """Whether the route is for *event* (at some time); *within* gives the area that an area lies in."""
        return (
            rank(event.severity) >= rank(self.severity)
            and (not self.regions or event.region in self.regions)
            and (not self.levels or event.level in self.levels)
            and (not self.groups or event.group in self.groups)
            and (not self.areas or any(self._holds(area, within) for area in event.areas))
        )

    def _holds(self, area: str, within: Mapping[str, str]) -> bool:
        while area:
            if area in self.areas:
                return True
            area = within.get(area, "")
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What keeps messages few and fresh.

    After ``pages`` messages to one recipient ``within`` so long, further ones are one digest, ``digest_after`` later.
    What could not be sent for ``expires`` is told in a digest, not as if it happened now. ``repeat`` is how often an
    Alertmanager hears again of what is open.
    """

    pages: int = 6
    within: Millis = 10 * MINUTE
    digest_after: Millis = 5 * MINUTE
    expires: Millis = HOUR
    repeat: Millis = 2 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """
    The whole file.

    ``recipients`` by the name that routes call them: people, and channels that need no address. ``link`` is the address
    of an alert's page with ``{alert_id}`` in it, "" for none.
    """

    routes: tuple[Route, ...]
    recipients: Mapping[str, Recipient]
    channels: Mapping[str, ChannelSpec] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = field(default_factory=Limits)
    link: str = ""

    def by_key(self, key: str) -> Recipient | None:
        """The recipient of that channel and address, None if the file does not name it any more."""
        return next((each for each in self.recipients.values() if each.key == key), None)

"""What a run leaves behind, whichever way it ran: hour counts, alert events, rejections and totals, as files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, cast

from schemas.events import AlertEvent, AlertKind, HourCount, Millis, Rejection, Tense
from schemas.jsonform import alert_event_json, iso, rejection_json
from streams.core.stage import Marker

HOURS_HEADER = ("area", "level", "group", "hour", "incidents", "victims")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What the first stage says became of the notifications; ``incidents`` are the distinct ones ever reported."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    incidents: int = 0

    @classmethod
    def from_marker(cls, marker: Marker) -> Accounts:
        """Read from the marker of one raw partition."""
        numbers = {each.name: cast("int", marker[each.name]) for each in fields(cls)}
        return cls(**numbers)

    def __add__(self, other: Accounts) -> Accounts:
        """Both together."""
        return Accounts(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    What became of every notification read: read = accepted + duplicates + rejected.

    ``incidents`` are the distinct incidents ever reported; ``first`` and ``last`` the times of the first and the last
    notification, None if there was none.
    """

    read: int
    accepted: int
    duplicates: int
    incidents: int
    first: Millis | None
    last: Millis | None
    seconds: float


@dataclass(slots=True)
class Harvest:
    """Collects outputs; the order in which they come does not matter, except that of one alert's events."""

    tense: str = Tense.ACTUAL
    cells: dict[tuple[str, str, str, Millis], tuple[int, int]] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def see(self, value: object) -> None:
        """Take in one output; what is of no interest is passed over."""
        if isinstance(value, HourCount):
            self._count(value)
        elif isinstance(value, AlertEvent):
            self.events.append(value)
        elif isinstance(value, Rejection):
            self.rejections.append(value)

    def _count(self, count: HourCount) -> None:
        if count.tense == self.tense and count.level:
            self.cells[count.area, count.level, count.group, count.hour] = (count.incidents, count.victims)

    def write(self, folder: Path, totals: Totals) -> None:
        """Write ``hours.csv``, ``alerts.jsonl``, ``rejected.jsonl`` and ``summary.json`` into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "hours.csv").open("w", encoding="utf-8", newline="") as file:
            self._write_hours(file)
        events = sorted(self.events, key=lambda e: (e.clock, e.region, e.level, e.group, e.alert_id))
        _write_lines(folder / "alerts.jsonl", map(alert_event_json, events))
        rejections = sorted(self.rejections, key=lambda r: (r.received_at, r.partition, r.offset))
        _write_lines(folder / "rejected.jsonl", map(rejection_json, rejections))
        summary = json.dumps(self.summary(totals), indent=2)
        (folder / "summary.json").write_text(summary + "\n", encoding="utf-8")

    def _write_hours(self, file: TextIO) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HOURS_HEADER)
        for (area, level, group, hour), (incidents, victims) in sorted(self.cells.items()):
            if incidents or victims:
                writer.writerow((area, level, group, iso_hour(hour), incidents, victims))

    def summary(self, totals: Totals) -> Mapping[str, object]:
        """The numbers of the run, as they stand in ``summary.json``."""
        rejected = Counter(str(rejection.reason) for rejection in self.rejections)
        return {
            "read": totals.read,
            "accepted": totals.accepted,
            "duplicates": totals.duplicates,
            "rejected": dict(sorted(rejected.items())),
            "incidents": totals.incidents,
            "alerts": len({e.alert_id for e in self.events if e.kind == AlertKind.OPENED}),
            "first": None if totals.first is None else iso(totals.first),
            "last": None if totals.last is None else iso(totals.last),
            "seconds": round(totals.seconds, 2),
        }


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def iso_hour(at: Millis) -> str:
    """
    ISO 8601, UTC, to the second: the start of an hour.

    >>> iso_hour(3_600_000)
    '1970-01-01T01:00:00Z'
    """
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

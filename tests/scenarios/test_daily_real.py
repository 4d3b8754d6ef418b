"""Five years of published revisions, day by day: after each, the counts of the stream are those of its publication."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import pytest
from regions.packs import PACKS
from support.files import real, rows_of
from support.two_stages import TwoStages

from schemas.events import DAY, HourCount, Millis, Notification
from streams.core.count import INBOX
from streams.core.geography import Region
from streams.core.revisions import REVISIONS
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile
from streams.ingest.reader import read
from streams.regions.loader import load
from streams.ticks import heartbeat

FILE = "philadelphia-shootings-revisions-2020-2025.csv.gz"
AHEAD = 300_000
EASTERN = ZoneInfo("America/New_York")
Place = tuple[str, str]


class Stream:
    """The first two stages of one partition, and the newest total of each area and group that they told."""

    def __init__(self, region: Region) -> None:
        self._stages = TwoStages(region)
        self.hours: dict[tuple[str, str, Millis], int] = {}

    def take(self, clock: Millis, told: Notification) -> None:
        """Take one notification or tick in, and what follows from it."""
        for output in self._stages.take(clock, told):
            if output.topic == INBOX and isinstance(output.value, HourCount) and output.value.group != REVISIONS:
                count = output.value
                self.hours[count.area, count.group, count.hour] = count.incidents

    def totals(self) -> Counter[Place]:
        """Incidents of each area and group."""
        totals: Counter[Place] = Counter()
        for (area, group, _), incidents in self.hours.items():
            totals[area, group] += incidents
        return totals


class Published:
    """What the last publication about each incident says, by the rows of the file alone."""

    def __init__(self, districts: frozenset[str]) -> None:
        self._districts = districts
        self._last: dict[str, list[Place]] = {}
        self.totals: Counter[Place] = Counter()

    def take(self, known_at: Millis, row: Mapping[str, str]) -> None:
        """Take one row; one that tells of the future is none."""
        at = dt.datetime.fromisoformat(row["occurred_local"]).replace(tzinfo=EASTERN)
        if at.timestamp() * 1000 > known_at + AHEAD:
            return
        self.totals.subtract(self._last.pop(row["incident_id"], []))
        if row["event"] != "withdrawn" and row["police_district"] in self._districts:
            groups = ["firearm", "shooting", "street_violence", *(["homicide"] if row["fatal"] != "0" else [])]
            self._last[row["incident_id"]] = [(row["police_district"], group) for group in groups]
            self.totals.update(self._last[row["incident_id"]])


def known(row: Mapping[str, str]) -> Millis:
    return int(dt.datetime.fromisoformat(row["known_at"]).timestamp() * 1000)


def mornings(first: Millis, last: Millis) -> Iterator[Millis]:
    yield from range(first // DAY * DAY + DAY, last + 2 * DAY, DAY)


def test_after_every_day_the_counts_are_those_of_that_days_publication(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file, pack = real(FILE), tmp_path_factory.mktemp("philadelphia") / "pack"
    PACKS["philadelphia"](file.parent, pack)
    region = load(str(pack))
    rows = sorted(rows_of(file), key=known)
    arrivals = [each for each in read([file], load_profile("philadelphia-revisions")) if isinstance(each, Arrival)]
    stream = Stream(region)
    published = Published(frozenset(area.code for area in region.areas))
    days = nexts = told = 0

    for morning in mornings(known(rows[0]), known(rows[-1])):
        while told < len(rows) and known(rows[told]) < morning:
            published.take(known(rows[told]), rows[told])
            told += 1
        while nexts < len(arrivals) and arrivals[nexts].known_at_ms < morning:
            arrival = arrivals[nexts]
            stream.take(arrival.known_at_ms, arrival.notification)
            nexts += 1
        stream.take(morning, heartbeat(morning, simulated=True))
        assert +stream.totals() == +published.totals, dt.datetime.fromtimestamp(morning / 1000, dt.UTC)
        days += 1

    assert (told, nexts) == (len(rows), len(arrivals))
    assert days > 1500
    assert sum(stream.totals().values()) > 20_000

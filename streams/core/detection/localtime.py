"""Local days and hours of the week, on whole UTC hours since the epoch."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

HOUR_MS = 3_600_000
DAY = 24
WEEK = 168
HOURS_KEPT = 4096
"""Local times remembered: the same few weeks are asked for again and again."""


def current_hour(now_ms: int) -> int:
    """Hour that is running at *now_ms*; at a whole hour, the one that has just ended."""
    return (now_ms - 1) // HOUR_MS


class LocalTime:
    """
    A region's own days: they turn at *day_starts* o'clock local time, so that one night is one day.

    Hours are counted in UTC from the epoch; days are numbered from the local epoch. A day has 24 hours, or 23 and 25
    where the clocks change. Zones that are off by part of an hour are rounded down to the hour.
    """

    def __init__(self, zone: str, day_starts: int) -> None:
        self._zone = ZoneInfo(zone)
        self._day_starts = day_starts
        self._local: dict[int, int] = {}

    def local_hour(self, hour: int) -> int:
        """Hours of local wall time since the epoch, at the start of the UTC hour *hour*."""
        known = self._local.get(hour)
        if known is not None:
            return known
        if len(self._local) >= HOURS_KEPT:
            self._local.clear()
        self._local[hour] = known = hour + self._offset(hour)
        return known

    def _offset(self, hour: int) -> int:
        offset = dt.datetime.fromtimestamp(hour * 3600, self._zone).utcoffset()
        if offset is None:  # a zone always knows its offset; the type does not
            raise ValueError(f"zone {self._zone.key} has no offset")
        return int(offset.total_seconds() // 3600)

    def day_of(self, hour: int) -> int:
        """Local day in which the UTC hour *hour* falls."""
        return (self.local_hour(hour) - self._day_starts) // DAY

    def first_hour(self, day: int) -> int:
        """First UTC hour of the local day *day*."""
        starts = day * DAY + self._day_starts
        hour = starts - (self.local_hour(starts) - starts) - 2
        while self.local_hour(hour) < starts:
            hour += 1
        return hour

    def cells(self, day: int) -> npt.NDArray[np.intp]:
        """Hour of the week (0 to 167, from the turn of a day) of each hour of *day*, in order."""
        first, end = self.first_hour(day), self.first_hour(day + 1)
        return np.array(
            [(self.local_hour(hour) - self._day_starts) % WEEK for hour in range(first, end)], dtype=np.intp
        )

"""Whether the counts of one region can say "normal": its feeds, and the past that a source may be rewriting."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events import Millis
from streams.core.arrivals import Arrivals
from streams.core.feeds import FEED_SILENT, Feeds
from streams.core.revisions import MASS_CHANGE, Revisions
from streams.core.stage import Row, RowValue


class Sight:
    """What stands between one region and its counts."""

    def __init__(self, region: str) -> None:
        self.arrivals = Arrivals(region)
        self.feeds = Feeds(region)
        self.revisions = Revisions(region)

    def blind(self, group: str, now: Millis) -> str:
        """Why the counts of *group* can't say "normal" at *now*, "" if they can."""
        if self.revisions.held(now):
            return MASS_CHANGE
        lacks = bool(self.feeds.silent) and self.feeds.missed_by(self.arrivals.shares(group))
        return FEED_SILENT if lacks else ""

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        yield from self.arrivals.dirty()
        yield from self.feeds.dirty()
        yield from self.revisions.dirty()

    def restore(self, kind: str, names: list[str], value: RowValue) -> None:
        """Take one row over; its key is *kind*, the region and *names*."""
        if kind == "delay":
            self.arrivals.restore(names[0], names[1], value)
        elif kind == "feed":
            self.feeds.restore(value)
        else:
            self.revisions.restore(value)

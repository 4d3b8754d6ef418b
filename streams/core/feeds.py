"""
What is known of the feeds of one region: which sources are silent, by what the observer finds.

A silent source makes the counts that rest on it too low, so they can't say "normal": they are GREY. An alert may still
open on what the other sources send; none falls below on what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from schemas.events import Command, CommandKind, Millis
from streams.core.stage import Row, RowValue

FEED_SILENT = "FEED_SILENT"
"""Why an area is GREY."""
MATTERS = 0.05
"""Share of a group's incidents that the silent sources usually send, from which its counts can't say "normal"."""


class Feeds:
    """The sources of one region that are silent."""

    def __init__(self, region: str) -> None:
        self._region = region
        self.silent: dict[str, Millis] = {}
        """Since when each of them is."""
        self._changed: set[str] = set()

    def take(self, command: Command, now: Millis) -> bool:
        """Take a finding in; answer whether it is news."""
        source, silent = command.body, command.kind == CommandKind.FEED_SILENT
        if silent == (source in self.silent):
            return False
        if silent:
            self.silent[source] = now
        else:
            del self.silent[source]
        self._changed.add(source)
        return True

    def missed_by(self, shares: Mapping[str, float]) -> bool:
        """Whether the counts of a group lack a silent source; *shares* is what part of it each source sends."""
        return sum(shares.get(source, 0.0) for source in self.silent) >= MATTERS

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for source in sorted(self._changed):
            since = self.silent.get(source)
            yield Row(f"feed|{self._region}|{source}", None if since is None else (source, since))
        self._changed.clear()

    def restore(self, value: RowValue) -> None:
        """Take one silent source over."""
        source, since = cast("tuple[str, int]", value)
        self.silent[source] = since

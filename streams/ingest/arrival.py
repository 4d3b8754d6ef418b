"""What becomes of one row of a file."""

from __future__ import annotations

from typing import NamedTuple

from schemas.events import Millis, Notification, Reason, Rejection


class Arrival(NamedTuple):
    """A notification and the instant from which it could be known; that is also its ``published_at``."""

    known_at_ms: Millis
    notification: Notification


class BadRow(NamedTuple):
    """
    A row that is no notification: why, and where it stands.

    ``line`` counts from 1, the header among them. ``raw`` is what the profile reads of the row (JSON), or the line
    where it can't be read. ``source`` is that of the profile, "" if the row itself would have named it.
    """

    reason: Reason
    detail: str
    file: str
    line: int
    raw: str
    source: str

    def rejection(self, received_at: Millis) -> Rejection:
        """The row as it stands in ``incidents.rejected``: where topic and offset would be are file and line."""
        return Rejection(
            reason=self.reason,
            detail=f"line {self.line}: {self.detail}",
            topic=self.file,
            partition=0,
            offset=self.line,
            received_at=received_at,
            source=self.source,
            key=None,
            value=self.raw.encode(),
        )

"""
The tree of errors.

FirebreakError
├── UsageError        a user's mistake: one line that says what to do, exit code 2
├── Malformed         bytes that are no record of ours, with the reason that goes to ``incidents.rejected``
└── Fatal             the process must stop and be started again by its supervisor
"""

from __future__ import annotations


class FirebreakError(Exception):
    """Root of all errors that firebreak raises itself."""


class UsageError(FirebreakError):
    """A mistake in a command, a setting or a file; its text is one line that says what to do."""


class Malformed(FirebreakError):
    """Bytes that can't be decoded; ``reason`` is one of :class:`schemas.events.Reason`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Fatal(FirebreakError):
    """Going on would risk the counts; the process stops and starts again from its journal."""

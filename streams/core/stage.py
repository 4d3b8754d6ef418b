"""
The shape that the three stages share: a state machine that is fed records and hands out outputs and rows.

A stage knows no broker and no clock. It runs the same under Faust, in a replay, in tests and in the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

from schemas.events import Millis

Scalar = str | int | float | bool | bytes | None
RowValue = tuple["Scalar | RowValue", ...]
"""Nested tuples of plain values: what a journal row holds."""

Marker = Mapping[str, "Scalar | list[int] | Mapping[str, int]"]
"""A stage's own part of the marker that is written with each cut."""

ValueT_co = TypeVar("ValueT_co", covariant=True)
InputT = TypeVar("InputT")
InputT_contra = TypeVar("InputT_contra", contravariant=True)


class Record(NamedTuple):
    """One record of the stage's input partition, decoded; ``received_at`` is its append time."""

    offset: int
    received_at: Millis
    value: object


class Output(NamedTuple):
    """
    One record to be sent.

    ``topic`` is the catalogue's short name (``incidents.enriched``). ``partition`` is None where the key decides.
    """

    topic: str
    key: str
    value: object
    partition: int | None = None


class Row(NamedTuple):
    """One row of the stage's state; a value of None deletes it."""

    key: str
    value: RowValue | None


Rows = MutableMapping[str, RowValue]
"""Rows by key; a value may be decoded only when it is looked at."""

Renew = Callable[[Row], Row]
"""A row of an older format as it is now."""

OLDER_ROWS: Mapping[int, Renew] = MappingProxyType({})
"""No older format is read: of a stage whose rows never changed."""


class Stage(Protocol):
    """A pure state machine behind one input partition."""

    row_format: int
    """Raised whenever the meaning of rows or marker changes; a format that is not known is refused at start."""
    older_rows: Mapping[int, Renew]
    """How the rows of each older format become rows of this one; their marker must mean the same."""

    def apply(self, record: Record) -> Iterable[Output]:
        """Take one record in, in order of offset; answer what it causes."""
        ...

    def dirty(self) -> Iterable[Row]:
        """Rows changed since the last call."""
        ...

    def marker(self) -> Marker:
        """What, beside rows and position, is needed to go on."""
        ...

    def resume_at(self, next_offset: int) -> int:
        """Offset from which input must be read again after a restore; never above *next_offset*."""
        ...

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        """
        Take over rows and marker of an earlier owner; called once, before the first ``apply``.

        *rows* are the stage's from now on; what it leaves in them until it is needed costs nothing before.
        """
        ...

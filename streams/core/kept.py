"""What is kept of one incident, and of a revision of it that waits, and the rows they are kept in."""

from __future__ import annotations

from typing import NamedTuple, cast
from urllib.parse import quote

from schemas.events import UNKNOWN_AREA, Counted, Millis, Tense, TimeRule
from streams.core.stage import RowValue


class Content(NamedTuple):
    """What the last revision with content said: enough to count the incident, and to count it again."""

    region: str
    counted: Counted
    category: str
    time_rule: str
    vintage: str
    quality: tuple[str, ...]
    tense: str


class Kept(NamedTuple):
    """The last revision of an incident in force, whether it stands, and what it said."""

    revision: int
    stands: bool
    content: Content | None


class Parked(NamedTuple):
    """What a revision that waits makes of its incident, when it was received, and its bytes."""

    after: Kept
    received_at: Millis
    body: bytes


NOWHERE = Content("", Counted(UNKNOWN_AREA, "", (), 0, 0), "", TimeRule.PUBLISHED, "", (), Tense.ACTUAL)


def kept_of(value: RowValue) -> Kept:
    """Read a row."""
    revision, stands, content = cast("tuple[int, bool, tuple[object, ...] | None]", value)
    if content is None:
        return Kept(revision, stands, None)
    region, counted, category, time_rule, vintage, quality, tense = cast("Content", content)
    area, ward, groups, hour, victims = counted
    where = Counted(area, ward, tuple(groups), hour, victims)
    return Kept(revision, stands, Content(region, where, category, time_rule, vintage, tuple(quality), tense))


def parked_key(identity: str) -> str:
    """Key of the row of what is parked of an incident: without the "|" that every id of an incident has."""
    return f"parked {quote(identity, safe='')}"


def counted_of(row: Kept | None) -> Counted | None:
    """Where it is counted, None if it does not stand."""
    return None if row is None or not row.stands or row.content is None else row.content.counted

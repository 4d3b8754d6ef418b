"""From scores to episodes: when one opens, who belongs to it, when it grows, when it ends. Values in, decisions out."""

from dataclasses import dataclass, replace
from enum import StrEnum

from streams.core.detection.localtime import HOUR_MS

STAY = 0.7
QUIET_MS = 24 * HOUR_MS
RISE = 3.0
LONGEST_MS = 56 * 24 * HOUR_MS


class Reason(StrEnum):
    """Why a decision was taken."""

    BELOW = "BELOW"
    FIRST = "FIRST"
    UNCHANGED = "UNCHANGED"
    ESCALATED = "ESCALATED"
    NEW_AREA = "NEW_AREA"
    FADING = "FADING"
    FELL_BELOW = "FELL_BELOW"
    LEVEL_SHIFT = "LEVEL_SHIFT"
    NOT_REARMED = "NOT_REARMED"
    NOT_READY = "NOT_READY"


class Change(StrEnum):
    """What a decision does to the episode."""

    NONE = "NONE"
    OPENED = "OPENED"
    UPDATED = "UPDATED"
    ESCALATED = "ESCALATED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the detector says of a set of areas at an instant: the highest score and the areas at or above threshold."""

    score: float
    areas: frozenset[str]
    ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One situation: since when, in which areas, how high it was at the last notice, when it was last above."""

    opened_ms: int
    areas: frozenset[str]
    notified: float
    above_ms: int
    closed_ms: int | None = None
    """Set once the episode is over but its score has not yet fallen: until then it may not open again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A change and its reason; *joined* names the areas that are new."""

    change: Change
    reason: Reason
    joined: frozenset[str] = frozenset()


NOTHING = Decision(Change.NONE, Reason.BELOW)


def advance(
    episode: Episode | None, verdict: Verdict, now_ms: int, threshold: float
) -> tuple[Episode | None, Decision]:
    """
    Move *episode* by one verdict.

    Opens at score >= threshold; stays until the score has been under threshold - 0.7 for 24 hours; notifies again when
    the score is 3 above the last notice or an area joins. After eight weeks it ends as a level shift, and opens again
    only after the score has once been under threshold - 0.7 for 24 hours.
    """
    if episode is None:
        return _opened(verdict, now_ms, threshold)
    if verdict.ready and verdict.score >= threshold - STAY:
        episode = replace(episode, above_ms=now_ms)
    if now_ms - episode.above_ms >= QUIET_MS:
        return None, _ended(episode, verdict)
    if episode.closed_ms is not None:
        return episode, Decision(Change.NONE, Reason.NOT_REARMED)
    if now_ms - episode.opened_ms >= LONGEST_MS:
        return replace(episode, closed_ms=now_ms), Decision(Change.ENDED, Reason.LEVEL_SHIFT)
    return _grown(episode, verdict, threshold)


def _opened(verdict: Verdict, now_ms: int, threshold: float) -> tuple[Episode | None, Decision]:
    if not verdict.ready:
        return None, Decision(Change.NONE, Reason.NOT_READY)
    if verdict.score < threshold:
        return None, NOTHING
    episode = Episode(opened_ms=now_ms, areas=verdict.areas, notified=verdict.score, above_ms=now_ms)
    return episode, Decision(Change.OPENED, Reason.FIRST, verdict.areas)


def _ended(episode: Episode, verdict: Verdict) -> Decision:
    if episode.closed_ms is not None:
        return NOTHING
    return Decision(Change.ENDED, Reason.FELL_BELOW if verdict.ready else Reason.NOT_READY)


def _grown(episode: Episode, verdict: Verdict, threshold: float) -> tuple[Episode, Decision]:
    if not verdict.ready or verdict.score < threshold - STAY:
        return episode, Decision(Change.NONE, Reason.FADING)
    joined = verdict.areas - episode.areas if verdict.score >= threshold else frozenset()
    episode = replace(episode, areas=episode.areas | joined)
    if verdict.score >= episode.notified + RISE:
        return replace(episode, notified=verdict.score), Decision(Change.ESCALATED, Reason.ESCALATED, joined)
    if joined:
        return episode, Decision(Change.UPDATED, Reason.NEW_AREA, joined)
    return episode, Decision(Change.NONE, Reason.UNCHANGED)

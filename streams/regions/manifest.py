"""``region.toml``: name, zone, levels, groups, alert budget and detection of a pack."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas.errors import UsageError
from schemas.events import WHOLE_LEVEL
from streams.core.geography import AlertBudget
from streams.core.taxonomy import SENTINELS
from streams.regions.tables import read_text

FILE = "region.toml"
_KEYS = ("name", "zone", "day_starts", "levels", "groups", "sentinels", "budget", "detection")
_WORD = re.compile(r"[a-z][a-z0-9_-]*")
_WHOLE_HOUR = re.compile(r"([01][0-9]|2[0-3]):00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``region.toml`` says."""

    name: str
    zone: str
    day_starts: int
    levels: tuple[str, ...]
    groups: tuple[str, ...]
    sentinels: tuple[str, ...]
    budget: AlertBudget
    whole: bool


def mistake(key: str, what: str) -> UsageError:
    """A mistake in one key."""
    return UsageError(f"{FILE}, key {key}: {what}")


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``region.toml``; a mistake is one line that names its key."""
    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"{folder} is no region pack: it has no {FILE}")
    try:
        values: dict[str, object] = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{FILE} is not TOML: {error}") from error
    strange = next((key for key in values if key not in _KEYS), None)
    if strange is not None:
        raise mistake(strange, f"is not known; known are {', '.join(_KEYS)}")
    levels = _levels(values)
    groups = _words(values, "groups")
    whole = _whole(values)
    return Manifest(
        name=_word("name", _needed(values, "name")),
        zone=_zone(values),
        day_starts=_day_starts(values),
        levels=levels,
        groups=groups,
        sentinels=_sentinels(values, groups),
        budget=_budget(values, (*levels, WHOLE_LEVEL) if whole else levels, groups),
        whole=whole,
    )


def _needed(values: Mapping[str, object], key: str) -> object:
    if key not in values:
        raise mistake(key, "is missing")
    return values[key]


def _word(key: str, value: object) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise mistake(key, f"{value!r} is not a word of a-z, 0-9, _ and -")
    return value


def _words(values: Mapping[str, object], key: str) -> tuple[str, ...]:
    found = _needed(values, key)
    if not isinstance(found, list) or not found:
        raise mistake(key, "is not a list of words")
    words = tuple(_word(key, value) for value in found)
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise mistake(key, f"{twice} is there twice")
    return words


def _levels(values: Mapping[str, object]) -> tuple[str, ...]:
    levels = _words(values, "levels")
    if len(levels) > 2:
        raise mistake("levels", f"{len(levels)} levels; a region has one or two, coarse to fine")
    if WHOLE_LEVEL in levels:
        raise mistake("levels", f"{WHOLE_LEVEL} is the level of the region as a whole; call yours another name")
    return levels


def _sentinels(values: Mapping[str, object], groups: Sequence[str]) -> tuple[str, ...]:
    if "sentinels" not in values:
        return tuple(group for group in groups if group in SENTINELS)
    if values["sentinels"] == []:
        return ()
    sentinels = _words(values, "sentinels")
    stranger = next((group for group in sentinels if group not in groups), None)
    if stranger is not None:
        raise mistake("sentinels", f"{stranger} is not one of groups")
    return sentinels


def _zone(values: Mapping[str, object]) -> str:
    zone = _needed(values, "zone")
    try:
        return ZoneInfo(str(zone)).key
    except (KeyError, OSError, ValueError) as error:
        raise mistake("zone", f"{zone!r} is not an IANA time zone such as Europe/London") from error


def _day_starts(values: Mapping[str, object]) -> int:
    at = _needed(values, "day_starts")
    matched = _WHOLE_HOUR.fullmatch(at) if isinstance(at, str) else None
    if matched is None:
        raise mistake("day_starts", f'{at!r} is not a whole hour such as "06:00"')
    return int(matched[1])


def _whole(values: Mapping[str, object]) -> bool:
    table = values.get("detection", {})
    if not isinstance(table, dict):
        raise mistake("detection", "is not a table")
    strange = next((key for key in table if key != "whole_region"), None)
    if strange is not None:
        raise mistake(f"detection.{strange}", "is not known; known is whole_region")
    whole = table.get("whole_region", False)
    if not isinstance(whole, bool):
        raise mistake("detection.whole_region", f"{whole!r} is neither true nor false")
    return whole


def _alerts(key: str, table: object) -> float:
    alerts = table.get("alerts_per_week") if isinstance(table, dict) else None
    if not isinstance(alerts, int | float) or isinstance(alerts, bool) or not 0 < alerts < float("inf"):
        raise mistake(f"{key}.alerts_per_week", f"{alerts!r} is not a number above 0")
    return float(alerts)


def _budget(values: Mapping[str, object], levels: Sequence[str], groups: Sequence[str]) -> AlertBudget:
    table = _needed(values, "budget")
    total = _alerts("budget", table)
    assert isinstance(table, dict)  # noqa: S101 - just checked
    feedback = table.get("feedback", True)
    if not isinstance(feedback, bool):
        raise mistake("budget.feedback", f"{feedback!r} is neither true nor false")
    own: dict[tuple[str, str], float] = {}
    for level, by_group in table.items():
        if level in {"alerts_per_week", "feedback"}:
            continue
        if level not in levels or not isinstance(by_group, dict):
            raise mistake(f"budget.{level}", f"is not one of the levels {', '.join(levels)}")
        for group, unit in by_group.items():
            if group not in groups:
                raise mistake(f"budget.{level}.{group}", "is not one of groups")
            own[level, group] = _alerts(f"budget.{level}.{group}", unit)
    return AlertBudget(alerts_per_week=total, own=own, feedback=feedback)

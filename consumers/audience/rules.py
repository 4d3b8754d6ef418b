"""The file that says who may know what: YAML to rules, or one line that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import yaml

from consumers.audience.periods import Length
from consumers.gazetteer import Words
from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import Millis

VERSION = 1
REGION = "region"
"""The coarsest level: the whole region."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    Who may know what of one region.

    ``periods`` is the length in which each group is told, the same to everybody: periods of two lengths could be
    subtracted from each other. ``audiences`` name the finest level that each may see of a group; groups that are not
    named are not told. ``whole`` are areas of the coarse level that are never told in parts. A period is told
    ``after`` its end, once.
    """

    region: str
    after: Millis
    periods: Mapping[str, Length]
    whole: frozenset[str]
    audiences: Mapping[str, Mapping[str, str]]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    region: str
    periods: dict[str, Length]
    audiences: dict[str, dict[str, str]]
    after: str = "7d"
    whole: list[str] = []


def load(path: Path, regions: Mapping[str, Words]) -> Rules:
    """
    Read the file; *regions* are the words of the region packs by name.

    Raises
    ------
    UsageError
        The first mistake, with its place.

    """
    try:
        told = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), _File)
        return _rules(told, regions)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path.name}: no YAML: {' '.join(str(error).split())}") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"{path.name}: {str(error).replace('`$.', '`').replace('`$`', 'the top')}") from error


def _rules(told: _File, regions: Mapping[str, Words]) -> Rules:
    if told.version != VERSION:
        raise ValueError(f"version is {told.version}, this firebreak reads {VERSION}")
    _among("region", told.region, regions)
    words = regions[told.region]
    levels = (REGION, *words.levels)
    for name, groups in told.audiences.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: write words of a-z and 0-9 with - between them")
        for group, level in groups.items():
            _among(f"{name}: groups", group, told.periods)
            _among(f"{name}: {group}", level, levels)
    for code in told.whole:
        _among("whole", code, [area for area, parent in words.parents.items() if not parent])
    return Rules(
        region=told.region,
        after=_span(told.after),
        periods=told.periods,
        whole=frozenset(told.whole),
        audiences=told.audiences,
    )


def _span(text: str) -> Millis:
    try:
        return int(DURATION.parse(text) / timedelta(milliseconds=1))
    except ValueError as wrong:
        raise ValueError(f"after: {text!r}: {wrong}") from wrong


def _among(key: str, given: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> None:
    if given not in known:
        some = list(known)
        raise ValueError(f"{key}: {given!r} is none of {', '.join(some[:8])}{' …' if len(some) > 8 else ''}")

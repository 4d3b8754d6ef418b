"""What the page of equity shows: where alerts fall, and how much of the input the police made. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from consumers.console.state import Json
from consumers.gazetteer import Words
from schemas.equity import AreaLoad, BandLoad, Going, Interval, by_band, goes_with, share_limits
from schemas.events import WHOLE_LEVEL, Alert, Millis, Quality, Tense

SEED = 1
"""Of the draws for an interval: the same alerts give the same page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One region: its load by band and by area, most first, since the oldest alert that the cache has."""

    region: str
    since: Millis | None
    alerts: int
    bands: Sequence[BandLoad]
    areas: Sequence[AreaLoad]
    told_by: str
    going: Going


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Newest incidents that police activity made, of all newest incidents; ``limits`` of the share, None of nothing."""

    police: int
    all: int
    limits: Interval | None


def made(feed: Iterable[Json]) -> Made:
    """The share of what came in that is not counted, for the police made it themselves."""
    real = [each for each in feed if each.get("tense") not in {Tense.INJECTION, Tense.TEST}]
    police = sum(_police(each) for each in real)
    return Made(police=police, all=len(real), limits=share_limits(police, len(real)) if real else None)


def _police(each: Json) -> bool:
    quality = each.get("quality")
    return isinstance(quality, list) and Quality.POLICE_GENERATED in quality


def board(region: str, words: Words, alerts: Iterable[Alert], feed: Iterable[Json]) -> Board:
    """
    Where a region's alerts fall.

    The feed of newest incidents covers no month, so it can say that the police's own activity comes in, and no more.
    """
    own = [each for each in alerts if each.region == region and each.level != WHOLE_LEVEL]
    opened = Counter(words.parents.get(each.area) or each.area for each in own)
    loads = [
        AreaLoad(area=code, alerts=opened[code], residents=words.residents.get(code), band=words.bands.get(code))
        for code in words.coarse
    ]
    activity = Counter(str(each.get("area")) for each in feed if each.get("region") == region and _police(each))
    return Board(
        region=region,
        since=min((each.opened_at for each in own), default=None),
        alerts=len(own),
        bands=by_band(loads) if words.bands else (),
        areas=sorted(loads, key=lambda each: (-each.alerts, each.area)),
        told_by=words.told_by,
        going=goes_with(opened, activity, 0, np.random.default_rng(SEED)),
    )

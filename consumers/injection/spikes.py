"""What is injected: which spike next, its notifications, and what takes them back. Pure: time and chance are given."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.errors import UsageError
from schemas.events import INJECTOR_SOURCE, AreaCount, AreaState, Kind, Millis, Notification, Tense

CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "street_violence": "violence_injury",
        "knife_crime": "knife_enabled",
        "domestic_abuse": "domestic",
        "sexual_violence": "sexual",
        "robbery": "robbery_person",
        "firearm": "shots_fired",
    }
)
"""Code of the scheme ``firebreak`` that counts in a group; groups of single events have none, they need no spike."""


class Size(NamedTuple):
    """How large a spike is: a multiple of what is expected of a day (``x3``: twice as many on top), or so many more."""

    text: str
    multiple: float
    more: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """
        Read ``x2``, ``x1.5`` or ``+5``.

        Raises
        ------
        UsageError
            It is none of these.

        """
        if re.fullmatch(r"x\d+(\.\d+)?", text) and float(text[1:]) > 1.0:
            return cls(text, float(text[1:]), 0)
        if re.fullmatch(r"\+[1-9]\d{0,2}", text):
            return cls(text, 1.0, int(text[1:]))
        raise UsageError(f"{text!r} is no size of a spike: write x2, x1.5 or +5")

    def incidents(self, expected: float) -> int:
        """
        Incidents to inject where *expected* are expected in 24 hours, at least one.

        >>> Size.parse("x3").incidents(4.2), Size.parse("+5").incidents(4.2), Size.parse("x2").incidents(0.1)
        (9, 5, 1)
        """
        return self.more or max(1, math.ceil((self.multiple - 1.0) * expected))


class Spike(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of one area and group, spread evenly over ``over`` ms from ``began`` on."""

    began: Millis
    area: str
    group: str
    size: str
    incidents: int
    over: Millis

    @property
    def name(self) -> str:
        """First part of its incidents' references."""
        return f"{self.began}-{self.area}-{self.group}"

    def at(self, number: int) -> Millis:
        """When its incident *number* (from 0) happens."""
        return self.began + self.over * number // self.incidents

    def due(self, now: Millis) -> int:
        """How many of its incidents have happened by *now*."""
        return sum(self.at(number) <= now for number in range(self.incidents))

    def reports(self, first: int, end: int) -> Iterator[Notification]:
        """Notifications of its incidents from *first* to before *end*."""
        for number in range(first, end):
            yield self._notification(number, Kind.REPORTED, 1)

    def withdrawals(self, sent: int) -> Iterator[Notification]:
        """What takes its first *sent* incidents back."""
        for number in range(sent):
            yield self._notification(number, Kind.CANCELLED, 2)

    def _notification(self, number: int, kind: Kind, revision: int) -> Notification:
        return Notification(
            kind=kind,
            source=INJECTOR_SOURCE,
            source_ref=f"{self.name}-{number}",
            revision=revision,
            occurred_at=self.at(number),
            published_at=self.at(number),
            longitude=None,
            latitude=None,
            area_code=self.area,
            category=CATEGORIES[self.group],
            scheme="firebreak",
            tense=Tense.INJECTION,
        )

    def owns(self, incidents: Iterable[str]) -> bool:
        """Whether one of *incidents* (their ids) is of this spike."""
        return any(each.rpartition("-")[0] == f"{INJECTOR_SOURCE}|{self.name}" for each in incidents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What is injected when: a spike every ``every`` ms, of each size in turn, over ``over`` ms.

    A group is left alone for ``rest`` ms after a spike ended: the detector has to see it gone, or the next is the same.
    """

    sizes: Sequence[Size]
    every: Millis
    over: Millis
    seed: int
    rest: Millis = 0


class Past(NamedTuple):
    """So far: number of the next spike, when the last began (0: never), those under way, the last end by group."""

    number: int
    last: Millis
    busy: Sequence[Spike]
    ended: Mapping[str, Millis] = MappingProxyType({})


def chosen(plan: Plan, past: Past, counts: Iterable[AreaCount], now: Millis) -> Spike | None:
    """
    The next spike of the plan, once it is due: sizes take turns, then groups; the area is drawn by the seed.

    Only areas that are scored and not alerted are drawn, and no group in which a spike is under way or just was: one
    would hide the other. None where nothing is left.
    """
    if now < past.last + plan.every:
        return None
    taken = {spike.group for spike in past.busy} | {each for each, at in past.ended.items() if now < at + plan.rest}
    by_group: dict[str, list[AreaCount]] = defaultdict(list)
    for count in counts:
        if count.group in CATEGORIES and count.group not in taken and count.expected is not None and _calm(count):
            by_group[count.group].append(count)
    if not by_group:
        return None
    turn, which = divmod(past.number, len(plan.sizes))
    groups, size = sorted(by_group), plan.sizes[which]
    areas = sorted(by_group[groups[turn % len(groups)]], key=lambda count: count.area)
    # not for secrets: the same seed is to draw the same
    count = random.Random(f"{plan.seed}-{past.number}").choice(areas)  # noqa: S311
    return Spike(
        began=now,
        area=count.area,
        group=count.group,
        size=size.text,
        incidents=size.incidents(count.expected or 0.0),
        over=plan.over,
    )


def _calm(count: AreaCount) -> bool:
    return count.state in {AreaState.NORMAL, AreaState.WATCH}

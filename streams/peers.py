"""
Who else works in a stage's group: two that share one and see the world differently would spoil each other's results.

Each worker's client id ends with a mark of those settings that decide results. A worker that finds another mark in its
group waits until that member has gone, as in a restart of all with new settings, and else refuses to start.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.errors import UsageError
from streams.admin import Admin
from streams.settings import Settings

LOOK_EVERY = 0.5
"""Seconds."""
NAME = "firebreak"


class Member(NamedTuple):
    """One member of a group."""

    name: str
    """Its instance, or what the broker calls it."""
    client: str


def client_of(settings: Settings, counts: Mapping[str, int], regions: Sequence[str]) -> str:
    """Client id of a worker: the same for all that would count alike."""
    period = settings.tick_period
    decisive = {
        "partitions": dict(sorted(counts.items())),
        "regions": sorted(regions),
        "tense": settings.tense,
        "tick": None if period is None else period.total_seconds(),
    }
    return f"{NAME}-{hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]}"


def strangers(members: Sequence[Member], own: Member) -> list[str]:
    """Names of the members that are of firebreak, are not this worker, and have other settings."""
    return sorted(
        each.name
        for each in members
        if each.client.startswith(f"{NAME}-") and each.client != own.client and each.name != own.name
    )


def refuse_strangers(admin: Admin, group: str, own: Member, patience: float) -> None:
    """
    Wait until the group holds nobody with other settings.

    Parameters
    ----------
    admin
        The connection.
    group
        Of the stage.
    own
        This worker.
    patience
        Seconds: a member that was killed is one until its session ends.

    Raises
    ------
    UsageError
        There is one still; says who.

    """
    give_up = time.monotonic() + patience
    while others := strangers([Member(*each) for each in admin.members(group)], own):
        if time.monotonic() > give_up:
            raise UsageError(
                f"{', '.join(others)} of group {group} has other partition counts, regions, tense or tick period: "
                f"give all workers of the stage the same settings, or stop the others first"
            )
        time.sleep(LOOK_EVERY)

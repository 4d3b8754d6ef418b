"""What the observer finds of the feeds, told to the detector: a source is silent, or is back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import structlog

from consumers.commands import Unsent
from consumers.observe.arrivals import SILENT
from consumers.observe.standing import OTHERS, Standing
from schemas.events import Command, CommandKind, Millis

ACTOR = "observer"
EVERY: Millis = 10_000
OWN = "firebreak."
"""Sources that are our own begin so."""
_NAMES = uuid.UUID("6f1b7f0e-52a5-4f3c-9d55-0c7ad1a0f4f1")

log = structlog.get_logger(__name__)


class Findings:
    """
    Sends each turn of a source once to every region that is heard of.

    A new observer tells of every source once: the detector answers to what is news to it.

    Parameters
    ----------
    send
        Gives a command to the log; raises ``Unsent`` where it can't.

    """

    def __init__(self, send: Callable[[Command], None]) -> None:
        self._send = send
        self._told: dict[tuple[str, str], bool] = {}
        self._looked: Millis = 0

    def look(self, standing: Standing, now: Millis) -> None:
        """Tell what has turned by *now*; what can't be sent is told at the next look."""
        if now < self._looked + EVERY:
            return
        self._looked = now
        for place, silent, command in list(self._turned(standing, now)):
            try:
                self._send(command)
            except Unsent as failure:
                log.warning("finding not sent", source=place[1], error=str(failure))
                return
            self._told[place] = silent

    def _turned(self, standing: Standing, now: Millis) -> Iterator[tuple[tuple[str, str], bool, Command]]:
        for region in standing.clock:
            for source, arrivals in standing.sources.items():
                missing = arrivals.missing(now)
                silent = missing >= SILENT
                if _is_a_feed(source) and self._told.get((region, source)) != silent:
                    yield (region, source), silent, _command(region, source, silent, missing, arrivals.last or 0, now)


def _is_a_feed(source: str) -> bool:
    return source != OTHERS and not source.startswith(OWN)


def _command(region: str, source: str, silent: bool, missing: float, last: Millis, now: Millis) -> Command:
    kind = CommandKind.FEED_SILENT if silent else CommandKind.FEED_BACK
    text = f"{source}: {missing:.0f} arrivals missing by its habit" if silent else f"{source}: arrives again"
    return Command(
        # the same finding has the same id, whoever makes it
        command_id=str(uuid.uuid5(_NAMES, f"{region}|{source}|{kind}|{last}")),
        kind=kind,
        region=region,
        alert_id="",
        actor=ACTOR,
        issued_at=now,
        text=text,
        body=source,
    )

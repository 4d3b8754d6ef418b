"""``firebreak watch``."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from schemas.errors import UsageError
from schemas.events import AlertEvent
from schemas.wire import Wire
from streams.demo.board import Board
from streams.demo.feed import Feed
from streams.demo.view import View, no_marking
from streams.regions.loader import load
from streams.settings import from_env

NEWEST_EVENTS = 200
STALE_AFTER = 60.0
"""Seconds without a tick after which the board is not to be trusted."""


class Screen:
    """The board of a running deployment, drawn whenever it is asked for."""

    def __init__(self, board: Board, view: View, console: Console) -> None:
        self._board = board
        self._view = view
        self._console = console

    def __rich__(self) -> RenderableType:
        rows = max(self._console.height - 10, 10)
        counts, events = self._board.counts(rows * 3 // 5), self._board.events(rows * 2 // 5)
        return self._view.board(counts, events, self._head(), Text("Ctrl-C ends", "dim"))

    def _head(self) -> Text:
        standing = self._board.standing()
        if standing.clock is None:
            return Text("firebreak: waiting for the first tick", "yellow")
        age = time.time() - standing.clock / 1000
        told = f"firebreak  {self._view.time(standing.clock)}  {standing.open} alerts open"
        if age <= STALE_AFTER:
            return Text(told, "bold")
        return Text(f"{told}  STALE: the clock stands since {age:.0f} s", "bold white on red")


@click.command()
@click.option("--broker", metavar="HOST:PORT", help="Instead of FIREBREAK_KAFKA_BROKERS.")
@click.option("--region", metavar="NAME|DIR", help="Only this region; without it, all that FIREBREAK_REGIONS names.")
def watch(broker: str | None, region: str | None) -> None:
    """
    Areas against what is normal there, and alerts as they open, live in a terminal.

    Reads the public topics of a running deployment and leaves no trace there. Where the output is no terminal, each
    alert is one line.

    Example: firebreak watch --broker kafka-1:9092 --region london
    """
    environment = dict(os.environ) if broker is None else {**os.environ, "FIREBREAK_KAFKA_BROKERS": broker}
    settings = from_env(environment)
    packs = [load(name) for name in ((region,) if region is not None else settings.regions)]
    if not packs:
        raise UsageError("no region: say --region, or set FIREBREAK_REGIONS")
    wire, console = Wire.builtin(), Console()
    names = {area.code: area.name for pack in packs for area in pack.areas}
    view = View(names, packs[0].zone, no_marking)
    board = Board(wire.area_count.decode, wire.alert_event.decode, packs[0].name if len(packs) == 1 else "")

    def told(event: AlertEvent) -> None:
        if not console.is_terminal:
            console.print(view.line(event), soft_wrap=True)

    feed = Feed(settings.kafka.librdkafka(), settings.catalogue(), board, told, NEWEST_EVENTS)
    with suppress(KeyboardInterrupt), feed:
        _look(feed, Screen(board, view, console), console)


def _look(feed: Feed, screen: Screen, console: Console) -> None:
    """Until interrupted, or the topics can't be read."""
    shown = Live(screen, console=console, screen=True, refresh_per_second=4) if console.is_terminal else None
    try:
        if shown is not None:
            shown.start()
        while feed.failed is None:
            time.sleep(0.2)
        raise feed.failed
    finally:
        if shown is not None:
            shown.stop()

"""``firebreak demo``."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from schemas.environment import DURATION
from schemas.events import AlertEvent, AlertKind, Millis
from streams.demo.show import Outcome, Plan, Show
from streams.demo.spikes import Spike, finds
from streams.demo.view import View

SYNTHETIC = "Everything here is made up: an exercise at the published rates of London. No incident ever happened."
SVG_WIDTH = 124
LEAST_BOUND = 15.0


class Seconds(click.ParamType):
    """``60s``, ``2m``; in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text."""
        if isinstance(value, float):
            return value
        try:
            seconds: float = DURATION.parse(str(value)).total_seconds()
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)
        if seconds < LEAST_BOUND:
            self.fail(f"{value} is too short: broker and workers alone need some of at least {LEAST_BOUND:.0f}s")
        return seconds


class Screen:
    """A show as it stands, drawn whenever it is asked for."""

    def __init__(self, show: Show, console: Console) -> None:
        town = show.world.town
        names = dict(zip(town.areas, town.names, strict=True))
        self._show = show
        self._console = console
        self.view = View(names, town.zone, self._marking)

    def _marking(self, event: AlertEvent) -> str:
        spike = next((each for each in self._show.world.spikes if finds(event, each)), None)
        return "" if spike is None else f"◀ injected ×{spike.factor:.0f}"

    def __rich__(self) -> RenderableType:
        return self.of_height(self._console.height)

    def of_height(self, height: int) -> RenderableType:
        """The board within so many lines."""
        rows = max(height - 11, 8)
        board = self._show.board
        return self.view.board(board.counts(rows * 3 // 5), board.events(rows * 2 // 5), self._head(), self._foot())

    def _head(self) -> Text:
        standing, progress = self._show.board.standing(), self._show.progress
        clock = "no tick yet" if standing.clock is None else self.view.time(standing.clock)
        return Text.assemble(
            ("firebreak demo  ", "bold"),
            (f"{clock}  ", "bold cyan"),
            (f"{progress.phase}, {progress.rate:,.0f} messages/s, {progress.messages:,} in all", ""),
            ("\n" + SYNTHETIC, "yellow"),
        )

    def _foot(self) -> Text:
        clock: Millis = self._show.board.standing().clock or 0
        spikes = self._show.world.spikes
        begun = [spike for spike in spikes if spike.onset < clock]
        going = ", ".join(self._name(spike) for spike in begun if clock < spike.end)
        stood = self._show.tally()
        told = f"{len(begun)} of {len(spikes)} spikes injected so far, {stood.found} found"
        return Text(f"{told}{'; now: ' + going if going else ''}. Ctrl-C ends it.", "dim")

    def _name(self, spike: Spike) -> str:
        town = self._show.world.town
        where = town.names[town.areas.index(spike.area)]
        return f"{spike.group.replace('_', ' ')} ×{spike.factor:.0f} in {where}"


def sentence(outcome: Outcome) -> str:
    """
    What came of it, in words.

    >>> sentence(Outcome(incidents=70000, injected=8, found=7, alerts=14, false_alerts=3, seconds=58.1))
    '7 of 8 injected spikes found, 3 other alerts. 70,000 made-up incidents, 58 s.'
    """
    if outcome.injected == 0:
        return (
            "No spike was injected: the time was over before. Give it longer with --for, or less to learn with --weeks."
        )
    other = f"{outcome.false_alerts} other alert{'' if outcome.false_alerts == 1 else 's'}"
    return (
        f"{outcome.found} of {outcome.injected} injected spikes found, {other}. "
        f"{outcome.incidents:,} made-up incidents, {outcome.seconds:.0f} s."
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take Ctrl-C and SIGTERM alike, and only the first: what it sets going ends all processes and must not be cut."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@click.command()
@click.option("--for", "bound", type=Seconds(), help="End after so long in all, such as 60s; else when the plan ends.")
@click.option("--json", "out", metavar="FILE|-", help="Write what came of it as one JSON object; - is the output.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Each seed is a London of its own.")
@click.option(
    "--speed", type=click.FloatRange(0), help="Simulated hours a second; 0: as fast as it goes.  [default: 2]"
)
@click.option("--weeks", type=click.IntRange(5, 60), default=8, show_default=True, help="Weeks of history to learn.")
@click.option("--days", type=click.IntRange(4, 60), default=12, show_default=True, help="Days to watch after it.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write a picture of the last screen.")
@click.option("--logs", type=click.Path(path_type=Path, file_okay=False), help="Folder for the workers' logs.")
def demo(
    bound: float | None,
    out: str | None,
    seed: int,
    speed: float | None,
    weeks: int,
    days: int,
    svg: Path | None,
    logs: Path | None,
) -> None:
    """
    A made-up London through the real stages, live in this terminal.

    Starts a broker in memory and a worker of each stage, plays weeks of history, then some days in which violence
    rises here and there, and says how many of these spikes firebreak found. Ctrl-C ends it at any time.

    Example: firebreak demo --for 60s --json -
    """
    begun = time.monotonic()
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    if speed is None and bound is None:
        speed = 2.0
    plan = Plan(seed=seed, weeks=weeks, days=days, speed=speed or None, bound=bound)
    console = Console(stderr=out == "-")
    outcome = _shown(plan, begun, console, svg, logs)
    console.print(sentence(outcome), style="bold", highlight=False)
    if out is not None:
        _write(outcome, out)


def _shown(plan: Plan, begun: float, console: Console, svg: Path | None, logs: Path | None) -> Outcome:
    def told(event: AlertEvent) -> None:
        if not console.is_terminal and event.clock >= show.world.span.live and event.kind == AlertKind.OPENED:
            console.print(screen.view.line(event), soft_wrap=True)

    show = Show(plan, begun, told, logs)
    screen = Screen(show, console)
    try:
        with _interruptible(), _live(screen, console):
            show.run()
    except KeyboardInterrupt:
        console.print("ended early", style="dim")
    if svg is not None:
        _draw(screen, svg)
    return show.outcome()


@contextmanager
def _live(screen: Screen, console: Console) -> Iterator[None]:
    if not console.is_terminal:
        console.print(SYNTHETIC)
        yield
        return
    with Live(screen, console=console, screen=True, refresh_per_second=4):
        yield
    console.print(screen)


def _draw(screen: Screen, svg: Path) -> None:
    canvas = Console(record=True, width=SVG_WIDTH, file=io.StringIO())
    canvas.print(screen.of_height(40))
    picture = canvas.export_svg(title="firebreak demo")
    # without the fonts that it would fetch from elsewhere: a picture should call nobody
    svg.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")


def _write(outcome: Outcome, out: str) -> None:
    text = json.dumps(asdict(outcome)) + "\n"
    if out == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        Path(out).write_text(text, encoding="utf-8")

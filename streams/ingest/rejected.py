"""``firebreak rejected``: what could not be used, and sending it again once its cause is gone."""

from __future__ import annotations

import heapq
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.environment import DURATION
from schemas.errors import UsageError
from schemas.events import Millis, Reason, Rejection
from schemas.jsonform import instant, iso
from streams.ingest.command import Rate
from streams.ingest.rejections import RAW, Found, Wanted, described, printable, rejections
from streams.ingest.sending import Pace, Place, Sender, places
from streams.settings import Settings, from_env
from streams.topics import chosen_settings

RATE = 200.0
"""Records a second that are sent again, unless another rate is asked for: live ones come first."""

Wrapped = TypeVar("Wrapped", bound=Callable[..., object])


class When(click.ParamType):
    """An ISO 8601 time with a zone, or how long ago: ``24h``, ``7d``."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        """Parse the text."""
        text = str(value)
        try:
            if re.fullmatch(r"[0-9.]+ ?(ms|s|m|h|d)", text.strip()):
                return time.time_ns() // 1_000_000 - int(DURATION.parse(text).total_seconds() * 1000)
            return instant(text)
        except ValueError:
            self.fail(f"{text!r} is no time: write 24h, 7d or 2025-01-31T06:00:00Z", param, ctx)


class Number(click.ParamType):
    """A rejection's number, as ``list`` prints it."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse the text."""
        if not re.fullmatch(r"[0-9]+-[0-9]+", str(value)):
            self.fail(
                f"{value!r} is no number of a rejection: `firebreak rejected list` prints them, 2-1041", param, ctx
            )
        return str(value)


def _filters(command: Wrapped) -> Wrapped:
    for option in (
        click.option("--until", type=When(), help="Only those rejected before this time."),
        click.option("--since", type=When(), help="Only those rejected since this time: 24h, or ISO 8601."),
        click.option("--source", "sources", multiple=True, help="Only of this source (repeat for more)."),
        click.option(
            "--reason",
            "reasons",
            multiple=True,
            type=click.Choice([reason.value for reason in Reason]),
            metavar="REASON",
            help="Only for this reason (repeat for more).",
        ),
    ):
        command = option(command)
    return command


_BROKER = click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS.")
_PREFIX = click.option("--prefix", metavar="NAME", help="First part of topic names, instead of FIREBREAK_TOPIC_PREFIX.")


@click.group()
def rejected() -> None:
    """Notifications that could not be used: what they are, and sending them again."""


def _settings(broker: str | None, prefix: str | None) -> Settings:
    return chosen_settings(from_env(os.environ), broker, prefix)


def _found(settings: Settings, wanted: Wanted) -> Iterable[Found]:
    def undecoded(number: str) -> None:
        click.echo(f"{number} is no rejection that this version can read", err=True)

    (place,) = places(settings.kafka, settings.catalogue()["incidents.rejected"])
    return (found for found in rejections(settings.kafka, place, undecoded) if wanted.matches(found))


@rejected.command("list")
@_filters
@click.option("--latest", type=click.IntRange(0), default=10, show_default=True, help="How many to show one by one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@_BROKER
@_PREFIX
def list_command(
    reasons: Sequence[str],
    sources: Sequence[str],
    since: Millis | None,
    until: Millis | None,
    latest: int,
    as_json: bool,
    broker: str | None,
    prefix: str | None,
) -> None:
    """
    Count by source and reason, and show the latest.

    \b
    Example:
      firebreak rejected list
      firebreak rejected list --since 24h --source met.cad
    """  # noqa: D301 - \b keeps click from filling the example
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[tuple[Millis, int, int, Found]] = []
    wanted = Wanted(reasons=reasons, sources=sources, since=since, until=until)
    for found in _found(_settings(broker, prefix), wanted):
        counts[found.source, found.rejection.reason] += 1
        entry = (found.at, found.partition, found.offset, found)
        if len(newest) < latest:
            heapq.heappush(newest, entry)
        elif latest:
            heapq.heappushpop(newest, entry)
    shown = [entry[-1] for entry in sorted(newest, reverse=True)]
    if as_json:
        click.echo(json.dumps(_listed(counts, shown)))
    else:
        _show_list(counts, shown)


def _listed(counts: Counter[tuple[str, str]], latest: Sequence[Found]) -> dict[str, object]:
    return {
        "total": counts.total(),
        "counts": [
            {"source": source, "reason": reason, "count": count} for (source, reason), count in sorted(counts.items())
        ],
        "latest": [
            {
                "number": found.number,
                "at": iso(found.at),
                "source": found.source,
                "reason": found.rejection.reason,
                "detail": found.rejection.detail,
            }
            for found in latest
        ],
    }


def _show_list(counts: Counter[tuple[str, str]], latest: Sequence[Found]) -> None:
    console = Console()
    if not counts:
        console.print("nothing was rejected")
        return
    totals = Table("source", "reason", box=None)
    totals.add_column("count", justify="right")
    for (source, reason), count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        totals.add_row(Text(printable(source)), reason, f"{count:,}")
    console.print(totals)
    if latest:
        table = Table(box=None)
        for column in ("number", "rejected"):
            table.add_column(column, no_wrap=True)
        for column in ("source", "reason", "detail"):
            table.add_column(column, overflow="fold")
        for found in latest:
            said = Text(printable(found.rejection.detail)[:200])
            table.add_row(
                found.number, f"{iso(found.at)[:19]}Z", Text(printable(found.source)), found.rejection.reason, said
            )
        console.print()
        console.print(table)


@rejected.command("show")
@click.argument("number", type=Number())
@_BROKER
@_PREFIX
def show_command(number: str, broker: str | None, prefix: str | None) -> None:
    """
    Show one rejection: why, where it came from, and its content as far as it can be read.

    \b
    Example:
      firebreak rejected show 2-1041
    """  # noqa: D301 - same
    found = next(iter(_found(_settings(broker, prefix), Wanted(numbers={number}))), None)
    if found is None:
        raise UsageError(f"no rejection {number}: `firebreak rejected list` prints those that there are")
    for label, line in described(found):
        click.echo(f"{label:10} {line}" if label else f"  {line}")


@rejected.command("redrive")
@_filters
@click.option("--number", "numbers", multiple=True, type=Number(), help="Only this one (repeat for more).")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--rate", type=Rate(), default=RATE, show_default=True, help="No faster than so many a second.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@_BROKER
@_PREFIX
def redrive_command(
    reasons: Sequence[str],
    sources: Sequence[str],
    since: Millis | None,
    until: Millis | None,
    numbers: Sequence[str],
    everything: bool,
    rate: float,
    dry_run: bool,
    as_json: bool,
    broker: str | None,
    prefix: str | None,
) -> None:
    """
    Send rejected notifications again, with their own key and bytes, in the order in which they came.

    For when the cause is gone: a scheme was added, a clock was set right. What was counted meanwhile is not counted
    twice, and what is refused again is rejected again. Rows of files are not sent: mend the file and ingest it.

    \b
    Example:
      firebreak rejected redrive --reason unknown_category --since 7d --dry-run
      firebreak rejected redrive --number 2-1041 --number 0-77
    """  # noqa: D301 - same
    wanted = Wanted(reasons=reasons, sources=sources, numbers=numbers, since=since, until=until)
    if everything is not wanted.is_everything:
        raise UsageError("say which: --reason, --source, --number, --since or --until; or --all and none of them")
    settings = _settings(broker, prefix)
    (raw,) = places(settings.kafka, settings.catalogue()["incidents.raw"])
    matched = list(_found(settings, wanted))
    again = sorted((found.rejection for found in matched if _has_bytes(found.rejection)), key=_in_order)
    if not dry_run:
        with Sender(settings.kafka, Pace(rate)) as sender:
            for rejection in again:
                sender.send(raw.name, _partition(raw, rejection), rejection.key, rejection.value)
    _tell_redriven(len(matched), again, dry_run=dry_run, as_json=as_json)


def _has_bytes(rejection: Rejection) -> bool:
    return rejection.topic == RAW and rejection.value is not None


def _in_order(rejection: Rejection) -> tuple[Millis, int, int]:
    return rejection.received_at, rejection.partition, rejection.offset


def _partition(raw: Place, rejection: Rejection) -> int:
    """Where the key goes; without a key, where the record was."""
    return rejection.partition % raw.partitions if rejection.key is None else raw.partition(rejection.key)


def _tell_redriven(matched: int, again: Sequence[Rejection], *, dry_run: bool, as_json: bool) -> None:
    reasons = Counter(rejection.reason for rejection in again)
    if as_json:
        counts = {"matched": matched, "sent": 0 if dry_run else len(again), "to_send": len(again)}
        click.echo(json.dumps({**counts, "reasons": dict(sorted(reasons.items()))}))
        return
    for reason, count in sorted(reasons.items()):
        click.echo(f"{count:8,}  {reason}")
    verb = "would be sent again" if dry_run else "sent again"
    left = f"; {matched - len(again):,} rows of files or without a value left" if matched > len(again) else ""
    click.echo(f"{len(again):,} {verb}{left}")

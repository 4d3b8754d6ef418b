"""
``firebreak calibrate``: thresholds that keep an alert budget, made from a past, written down and put in force.

They reach the detector through its own inbox, so that all that happens after them in the log is judged by them, in a
replay too.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from confluent_kafka import KafkaError, KafkaException, Message, Producer, murmur2

from schemas.errors import UsageError
from schemas.events import Command, CommandKind, Millis
from schemas.wire import Wire
from streams.backtest.cli import (
    area_year_option,
    groups_option,
    history,
    hour,
    hours_option,
    levels_option,
    progress,
    region_option,
    seed_option,
    week_option,
)
from streams.backtest.hours import iso_hour
from streams.backtest.plan import WEEKS_A_YEAR, Plan
from streams.backtest.run import calibrated, learn_all
from streams.core.detection.budget import Calibration
from streams.settings import Settings, from_env

INBOX = "detect.inbox"
SEND_WITHIN = 30.0
"""Seconds."""


def command_of(calibration: Calibration, region: str, now: Millis) -> Command:
    """The command that puts *calibration* in force in *region*; the same calibration is the same command."""
    return Command(
        command_id=f"calibrate-{calibration.version}",
        kind=CommandKind.CALIBRATE,
        region=region,
        alert_id="",
        actor="firebreak calibrate",
        issued_at=now,
        body="\n".join(calibration.to_row()),
    )


def publish(command: Command, settings: Settings) -> str:
    """
    Append *command* to its region's partition of the inbox; answer where that is.

    Raises
    ------
    UsageError
        The broker or the topic can't be reached.

    """
    topic = settings.catalogue()[INBOX].name
    producer = Producer({**settings.kafka.librdkafka(), "enable.idempotence": True, "log_level": 3})
    failed: list[str] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error.str())

    try:
        # all topics: to ask for one by name would make it on brokers that make topics on request
        found = producer.list_topics(timeout=SEND_WITHIN).topics.get(topic)
        if found is None or found.error is not None:
            raise UsageError(f"topic {topic} is missing: run `firebreak topics apply` first")
        partition = murmur2(command.region.encode(), len(found.partitions))
        value = Wire.builtin().encode_inbox(command)
        producer.produce(topic, value, command.region.encode(), partition, on_delivery=delivered)
        left = producer.flush(SEND_WITHIN)
    except KafkaException as error:
        raise UsageError(f"{topic} can't be reached: {error.args[0].str()}") from error
    if left or failed:
        raise UsageError(f"{topic} did not take the calibration: {failed[0] if failed else 'no answer in time'}")
    return f"{topic}-{partition}"


def report(plan: Plan, calibration: Calibration, years: int) -> dict[str, object]:
    """What is written down of a calibration: itself, and what it was made from."""
    version, text = calibration.to_row()
    return {
        "version": version,
        "region": plan.region.region,
        "history": {"from": iso_hour(plan.hours.first), "until": iso_hour(plan.first)},
        "alerts_per_week": plan.budget.of(plan.units),
        "null_years": years,
        "seed": plan.seed,
        **json.loads(text),
    }


def lines(plan: Plan, calibration: Calibration) -> Sequence[str]:
    """A table of nominal rates."""
    rows = [f"{'unit':<40}{'areas':>7}{'threshold':>11}{'a week':>9}{'an area-year':>14}"]
    for unit in plan.units:
        weekly = calibration.nominal[unit.key]
        each = weekly * WEEKS_A_YEAR / len(unit.areas)
        rows.append(
            f"{unit.key:<40}{len(unit.areas):>7}{calibration.thresholds[unit.key]:>11.2f}{weekly:>9.3f}{each:>14.3f}"
        )
    total = sum(calibration.nominal[unit.key] for unit in plan.units)
    return [*rows, f"{total:.3f} false alerts a week in all, of {plan.budget.of(plan.units):.3f} asked for"]


def _long_enough(plan: Plan, least_days: int | None) -> None:
    days = (plan.first - plan.hours.first) / 24
    if least_days is not None and days < least_days:
        raise UsageError(f"--least-days {least_days}: the hours hold {days:.0f} days to learn from")


@click.command()
@hours_option
@region_option
@click.option("--until", help="Learn up to here, ISO 8601 UTC; without it, the whole file.")
@week_option
@area_year_option
@seed_option
@levels_option
@groups_option
@click.option("--least-days", type=click.IntRange(min=1), help="Refuse to calibrate from a shorter past.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON file to write.")
@click.option("--publish", "send", is_flag=True, help="Put it in force: append it to the detector's inbox.")
@click.option("--broker", metavar="HOST:PORT", help="Kafka to publish to; without it, FIREBREAK_KAFKA_BROKERS.")
def calibrate(
    *,
    file: Path,
    pack: str,
    until: str | None,
    alerts_per_week: float | None,
    budget_per_area_year: float | None,
    seed: int,
    levels: tuple[str, ...],
    groups: tuple[str, ...],
    least_days: int | None,
    out: Path,
    send: bool,
    broker: str | None,
) -> None:
    """
    Find the thresholds that keep an alert budget, by simulated years without spikes.

    The budget is that of the region pack, in all over its levels and groups, unless one is given.

    \b
    Example:
      firebreak calibrate --hours hours.csv.gz --region london --alerts-per-week 7 --out calibration.json --publish
    """  # noqa: D301 - \b keeps click from filling the example
    if broker is not None and not send:
        raise UsageError("--broker goes with --publish")
    settings = from_env(os.environ) if send else None
    if until is not None:
        hour("--until", until)
    with progress() as step:
        plan = history(file, pack, until, (budget_per_area_year, alerts_per_week), (levels, groups), seed, step)
        _long_enough(plan, least_days)
        calibration, years = calibrated(learn_all(plan, step), plan.budget, seed, step)
    out.write_text(json.dumps(report(plan, calibration, years), indent=1) + "\n", encoding="utf-8")
    for line in lines(plan, calibration):
        click.echo(line)
    if settings is not None:
        kafka = settings.kafka if broker is None else replace(settings.kafka, brokers=(broker,))
        command = command_of(calibration, plan.region.region, int(time.time() * 1000))
        where = publish(command, replace(settings, kafka=kafka))
        click.echo(f"calibration {calibration.version} is in {where}")

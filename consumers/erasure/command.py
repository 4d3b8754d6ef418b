"""``firebreak erase``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click

from consumers.erasure.planner import ROWS, WHERE, Found, Held, Row, Search, is_left, reference, withdrawal
from consumers.reading import read
from consumers.sending import Sender
from schemas.catalogue import TopicSpec
from schemas.errors import FirebreakError, UsageError
from schemas.events import AuditEntry, Millis
from schemas.jsonform import audit_json, iso
from schemas.registry import wire
from schemas.settings import Settings, from_env

WITHDRAWN_WITHIN = 60.0
"""Seconds that the first stage has to take the incident out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every place holds: topics by catalogue id, the first stage's row, rows of the archive (None: no archive)."""

    topics: tuple[tuple[str, Found], ...]
    row: Row | None
    archived: int | None


class Eraser:
    """
    The places of one installation.

    Parameters
    ----------
    settings
        The connection.
    archive
        Folder of the archive.
    incident
        ``source|source_ref``.

    """

    def __init__(self, settings: Settings, archive: Path, incident: str) -> None:
        self._settings, self._archive, self._incident = settings, archive, incident
        self._topics = settings.catalogue()

    def state(self) -> State:
        """Search every place, from the beginning to the end that it has now."""
        searches = [self._searched(self._topics[each]) for each in WHERE]
        found = tuple((each.spec.id, each.found()) for each in searches)
        row = next(each.row for each in searches if each.spec.id == ROWS)
        return State(topics=found, row=row, archived=self._archived())

    def _searched(self, spec: TopicSpec) -> Search:
        search = Search(spec, self._incident)
        for record in read(self._settings, spec):
            search.take(Held(record.timestamp, record.key, record.value))
        return search

    def _archived(self) -> int | None:
        if next(self._archive.glob("incidents.enriched/*/*.parquet"), None) is None:
            return None
        return int(sum(rows for _, rows in _files().holding(self._archive, self._incident)))

    def withdraw(self, row: Row) -> None:
        """
        Send the withdrawal and wait until the first stage has forgotten the content.

        Raises
        ------
        FirebreakError
            The broker does not take it, or no worker takes the incident out in time.

        """
        told = withdrawal(self._incident, row, _now())
        self.send("incidents.raw", self._incident.encode(), wire(self._settings).encode_notification(told))
        until = time.monotonic() + WITHDRAWN_WITHIN
        while (now := self._searched(self._topics[ROWS]).row) is None or now.content:
            if time.monotonic() > until:
                raise FirebreakError("the withdrawal is sent, but no worker has taken it in: see `firebreak doctor`")
            time.sleep(1.0)

    def overwrite(self) -> int:
        """Empty the archive's rows; answer how many."""
        return int(_files().overwrite(self._archive, self._incident))

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """
        Send one record.

        Raises
        ------
        Later
            The broker does not take it.

        """
        Sender(self._settings).send(topic, [(key, value)])


def _files() -> ModuleType:
    try:
        from consumers.erasure import files  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        raise UsageError("an archive needs more packages: pip install 'firebreak-streams[archive]'") from missing
    return files


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def proof(before: State, after: State, done: Callable[[str], str]) -> Iterator[dict[str, object]]:
    """One line for each place: what was found, what was done, what is left and until when at the latest."""
    for (topic, was), (_, left) in zip(before.topics, after.topics, strict=True):
        until = None if left.until is None else iso(left.until)
        told = {"found": was.records, "done": done(topic) if was.records else "", "left": left.records}
        yield {"place": topic, **told, "superseded": left.superseded, "until": until}
    if after.archived is not None:
        told = {"found": before.archived, "done": done("archive") if before.archived else "", "left": after.archived}
        yield {"place": "archive", **told, "superseded": 0, "until": None}


DONE = {
    "incidents.raw": "waits for retention",
    "incidents.enriched": "withdrawn for subscribers; waits for retention",
    "incidents.rejected": "waits for retention",
    "detect.inbox": "waits for retention",
    "alerts.events": "waits for retention",
    "alerts.state": "taken out by the withdrawal where an alert is open; a closed alert keeps its names",
    "enrich.journal": "emptied: reference and revision stay, so that an older revision does not bring it back",
    "count.journal": "taken out by the withdrawal; compaction removes what was",
    "detect.journal": "taken out by the withdrawal; compaction removes what was",
    "notifications.deliveries": "waits for retention",
    "notifier.journal": "what was told stays until its alert is forgotten",
    "audit": "waits for retention",
    "archive": "overwritten: counts stay, what tells of the incident is gone",
}


@click.command()
@click.option("--source", required=True, help="Source of the incident.")
@click.option("--ref", required=True, help="The source's reference of it.")
@click.option("--reason", default="", help="Why, for the audit; without anything about people.")
@click.option("--by", "actor", default="", metavar="NAME", help="Who erases, for the audit.")
@click.option("--check", "only_check", is_flag=True, help="Only look again; exit code 1 if anything is left.")
@click.option(
    "--archive", "chosen", type=click.Path(path_type=Path, file_okay=False), help="Folder; else in FIREBREAK_DATA_DIR."
)
def erase(source: str, ref: str, reason: str, actor: str, only_check: bool, chosen: Path | None) -> None:
    """
    Take one incident out of the counts and out of what can be emptied, and prove what is left and until when.

    One JSON line for each place. What waits for a topic's retention is told with the latest instant. The erasure is in
    the topic audit, with a hash of the reference.

    Example: firebreak erase --source met.cad --ref 24-117 --reason "request 12" --by "J. Lee"
    """
    if not only_check and not (reason.strip() and actor.strip()):
        raise UsageError("say --reason and --by: an erasure is kept in the audit")
    if not source or not ref or "|" in source:
        raise UsageError("--source and --ref name the incident; a source has no vertical bar")
    settings = from_env(os.environ)
    eraser = Eraser(settings, chosen if chosen is not None else settings.data_dir / "archive", f"{source}|{ref}")
    before = eraser.state()
    after = before if only_check else _erased(eraser, before, _entry(f"{source}|{ref}", reason, actor))
    for line in proof(before, after, (lambda _place: "looked") if only_check else DONE.__getitem__):
        sys.stdout.write(json.dumps(line) + "\n")
    if only_check and is_left(after.topics, after.row, after.archived or 0):
        sys.exit(1)


def _erased(eraser: Eraser, before: State, entry: AuditEntry) -> State:
    if before.row is None and not before.archived and not any(found.records for _, found in before.topics):
        raise UsageError("no place holds this incident")
    if before.row is not None and before.row.content:
        eraser.withdraw(before.row)
    if before.archived is not None:
        eraser.overwrite()
    eraser.send("audit", entry.actor.encode(), audit_json(entry))
    return eraser.state()


def _entry(incident: str, reason: str, actor: str) -> AuditEntry:
    now, of = _now(), reference(incident)
    return AuditEntry(
        at=now,
        issued_at=now,
        actor=actor,
        region="",
        command_id=f"erase-{of[:16]}-{now}",
        what="ERASE",
        of=of,
        done=True,
        reason="",
        text=reason,
        before={},
        after={},
    )

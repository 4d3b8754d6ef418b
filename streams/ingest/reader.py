"""Files to arrivals, in the order in which they became known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from schemas.errors import Malformed
from schemas.events import Kind, Millis, Reason
from schemas.jsonform import flat_object, notification_from_json
from streams.core.validate import EARLIEST
from streams.ingest.arrival import Arrival, BadRow
from streams.ingest.compiled import LATEST, compile_profile, implausible
from streams.ingest.objects import flattened
from streams.ingest.opening import lines_of
from streams.ingest.profile import Form, Profile, Told
from streams.ingest.tables import Broken, CsvTable

LONGEST = 1 << 20
"""Characters of the longest JSON line that is read at all."""

_known_at = attrgetter("known_at_ms")


def read(paths: Sequence[Path], profile: Profile) -> Iterator[Arrival | BadRow]:
    """
    All rows of *paths*: first those that are no notification, then the arrivals in the order they became known.

    Rows that became known at one instant keep their order, first by file, then within it. The arrivals are held in
    memory until all files are read, so that they can be put in order, and a file that can't be used as a whole is
    refused before the first arrival is given.

    Raises
    ------
    UsageError
        A file as a whole can't be used: one line with file, and line and column where there is one.

    """
    files: list[list[Arrival]] = []
    for path in paths:
        arrivals: list[Arrival] = []
        for found in _rows(path, profile):
            if isinstance(found, BadRow):
                yield found
            else:
                arrivals.append(found)
        arrivals.sort(key=_known_at)
        files.append(_with_revisions(arrivals, profile))
    yield from files[0] if len(files) == 1 else heapq.merge(*files, key=_known_at)


def _rows(path: Path, profile: Profile) -> Iterator[Arrival | BadRow]:
    with lines_of(path) as lines:
        if profile.format is Form.CSV:
            yield from _csv(path, profile, lines)
        else:
            yield from _json(path, profile, lines)


def _csv(path: Path, profile: Profile, lines: Iterator[str]) -> Iterator[Arrival | BadRow]:
    columns, source = profile.columns(), profile.source
    table = CsvTable(path, lines, profile.delimiter, columns)
    position = table.positions(profile.needed(), columns, closed=profile.closed)
    arrival = compile_profile(profile, position).arrival
    for row in table.rows():
        if isinstance(row, Broken):
            yield BadRow(row.reason, row.detail, path.name, row.line, row.raw, source)
            continue
        try:
            yield arrival(row.cells)
        except Malformed as error:
            read = {column: row.cells[position[column]] for column in columns if column in position}
            yield BadRow(Reason(error.reason), error.detail, path.name, row.line, _as_read(read), source)


def _as_read(cells: Mapping[str, str]) -> str:
    """A row as the profile reads it: what it does not read may tell of a person, and is not kept."""
    return msgspec.json.encode(cells).decode()


def _json(path: Path, profile: Profile, lines: Iterable[str]) -> Iterator[Arrival | BadRow]:
    arrival = _own_words if profile.format is Form.NOTIFICATIONS else _by_profile(profile)
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield arrival(line)
        except _Refused as error:
            yield BadRow(Reason(error.reason), error.detail, path.name, number, error.read, profile.source)
        except Malformed as error:
            torn = error.reason == Reason.BAD_JSON and not line.endswith(("\n", "\r"))
            reason = Reason.TRUNCATED if torn else Reason(error.reason)
            detail = f"the file ends within this line: {error.detail}" if torn else error.detail
            yield BadRow(reason, detail, path.name, number, line.rstrip("\r\n")[:LONGEST], profile.source)


class _Refused(Malformed):
    """An object that can be read and is no notification."""

    def __init__(self, cause: Malformed, read: str) -> None:
        super().__init__(cause.reason, cause.detail)
        self.read = read


def _by_profile(profile: Profile) -> Callable[[str], Arrival]:
    columns = profile.columns()
    compiled = compile_profile(profile, {column: index for index, column in enumerate(columns)})

    def arrival(line: str) -> Arrival:
        cells = flattened(_short_enough(line), columns, closed=profile.closed)
        try:
            return compiled.arrival(cells)
        except Malformed as error:
            read = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
            raise _Refused(error, _as_read(read)) from error

    return arrival


def _short_enough(line: str) -> str:
    if len(line) > LONGEST:
        raise Malformed(Reason.OVERSIZED, f"the line has more than {LONGEST} characters")
    return line


def _own_words(line: str) -> Arrival:
    """A notification as our own JSON has it; where it does not say when it left the source, its next best time."""
    notification = notification_from_json(flat_object(_short_enough(line).encode()))
    if notification.kind == Kind.HEARTBEAT:
        raise Malformed(Reason.BAD_VALUE, "kind is HEARTBEAT: the clock of a file is the player's")
    if not notification.source or "|" in notification.source or not notification.source_ref:
        raise Malformed(Reason.BAD_VALUE, "source and source_ref must not be empty, and source holds no bar")
    times = (
        notification.published_at,
        notification.recorded_at,
        notification.reported_at,
        notification.occurred_at,
    )
    at = next((at for at in times if at is not None), None)
    if at is None:
        raise Malformed(Reason.NO_TIME, "nothing says when it became known")
    if not EARLIEST <= at < LATEST:
        raise implausible(at)
    return Arrival(at, notification._replace(published_at=at))


def _with_revisions(arrivals: list[Arrival], profile: Profile) -> list[Arrival]:
    """The same arrivals, in order, each with its revision if it is told by order or time."""
    if profile.revision is None or profile.revision.told_by is Told.COLUMN:
        return arrivals
    by_time = profile.revision.told_by is Told.KNOWN_AT
    newest: dict[str, Millis] = {}
    renew = "kind" not in profile.fields
    numbered: list[Arrival] = []
    for known_at, notification in arrivals:
        identity = notification.incident_id
        before = newest.get(identity, 0)
        # two revisions of one instant stay two
        revision = newest[identity] = max(known_at, before + 1) if by_time else before + 1
        kind = Kind.UPDATED.value if renew and before else notification.kind
        numbered.append(Arrival(known_at, notification._replace(revision=revision, kind=kind)))
    return numbered

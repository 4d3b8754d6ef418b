"""What is in ``incidents.rejected``, read to its present end, and shown without harm to a terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from schemas.connection import KafkaSettings
from schemas.errors import Malformed
from schemas.events import Millis, Rejection
from schemas.jsonform import iso
from schemas.wire import Wire
from streams.ingest.reading import messages
from streams.ingest.sending import Place

RAW = "incidents.raw"
"""Topic that a rejection names if the stream refused it; one that ``ingest`` refused names a file."""

_BYTES_A_ROW = 16
_ROWS = 32


class Found(NamedTuple):
    """One rejection and where it stands; ``number`` is what people call it by: partition, dash, offset."""

    partition: int
    offset: int
    at: Millis
    rejection: Rejection

    @property
    def number(self) -> str:
        """Name for command lines."""
        return f"{self.partition}-{self.offset}"

    @property
    def source(self) -> str:
        """The source; where the value could not be read, as the key has it."""
        if self.rejection.source or self.rejection.key is None:
            return self.rejection.source
        source, bar, _ = self.rejection.key.decode("utf-8", "backslashreplace").partition("|")
        return source if bar else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rejections are meant: all that no condition excludes; an empty one excludes nothing."""

    reasons: Collection[str] = ()
    sources: Collection[str] = ()
    numbers: Collection[str] = ()
    since: Millis | None = None
    until: Millis | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is excluded."""
        return not (self.reasons or self.sources or self.numbers) and self.since is None and self.until is None

    def matches(self, found: Found) -> bool:
        """Whether a rejection is meant."""
        return (
            (not self.reasons or found.rejection.reason in self.reasons)
            and (not self.sources or found.source in self.sources)
            and (not self.numbers or found.number in self.numbers)
            and (self.since is None or found.at >= self.since)
            and (self.until is None or found.at < self.until)
        )


def rejections(kafka: KafkaSettings, place: Place, undecoded: Callable[[str], None]) -> Iterator[Found]:
    """
    All committed rejections that the topic holds now, partition by partition as they come.

    Parameters
    ----------
    kafka
        The connection.
    place
        The topic.
    undecoded
        Called with the number of a record that is no rejection.

    Raises
    ------
    UsageError
        The broker does not answer, or refuses.

    """
    decode = Wire.builtin().rejection.decode
    for message in messages(kafka, place, range(place.partitions)):
        partition, offset = message.partition() or 0, message.offset() or 0
        try:
            rejection = decode(message.value() or b"")
        except Malformed:
            undecoded(f"{partition}-{offset}")
            continue
        yield Found(partition, offset, message.timestamp()[1], rejection)


def described(found: Found) -> Iterator[tuple[str, str]]:
    """Everything about one rejection as labelled lines that are safe to print."""
    rejection = found.rejection
    yield "number", found.number
    yield "reason", rejection.reason
    yield "detail", printable(rejection.detail)
    yield "source", printable(found.source)
    place = f"{rejection.partition}-{rejection.offset}" if rejection.topic == RAW else f"line {rejection.offset}"
    yield "came from", f"{printable(rejection.topic)} {place}"
    yield "received", iso(rejection.received_at)
    yield "key", "none" if rejection.key is None else printable(rejection.key.decode("utf-8", "backslashreplace"))
    yield "value", "none" if rejection.value is None else f"{len(rejection.value):,} bytes"
    for line in decoded(rejection.value or b""):
        yield "", line


def decoded(value: bytes) -> Iterator[str]:
    """The value in the clearest form that it can be read in: fields, JSON, text, or bytes."""
    fields = _fields(value)
    if fields is not None:
        for name, said in fields.items():
            if said not in (None, ""):
                yield f"{printable(name)} = {printable(str(said))}"
        return
    text = _text(value)
    if text is not None:
        yield from (printable(line) for line in text.splitlines()[:_ROWS])
        return
    for start in range(0, min(len(value), _BYTES_A_ROW * _ROWS), _BYTES_A_ROW):
        row = value[start : start + _BYTES_A_ROW]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:06x}  {row.hex(' '):<{_BYTES_A_ROW * 3 - 1}}  {shown}"


def _fields(value: bytes) -> Mapping[str, object] | None:
    if value[:1] == b"{":
        try:
            return msgspec.json.decode(value, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    try:
        return Wire.builtin().notification.decode(value)._asdict()
    except Malformed:
        return None


def _text(value: bytes) -> str | None:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text and "\x00" not in text else None


def printable(text: str) -> str:
    """Text with all escaped that could move a cursor, change a colour or turn the direction of reading."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

"""
The journal of an owned partition: its stage's rows, and the marker that says how far its input has been taken in.

Rows and marker are written in the same transaction as the outputs, so they agree with them always. A row's key is its
name in UTF-8 and its value MessagePack; the marker has a key that no row can have. The topic is compacted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import cast

import msgspec

from streams.core.stage import Marker, Row, RowValue
from streams.log import JournalRecord

MARKER_KEY = b"\0marker"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """
    The marker of a partition.

    ``next`` is the input offset from which reading goes on; ``partitions`` are the partition counts that rows and
    marker rest on, by topic; ``stage`` is the stage's own part.
    """

    row_format: int
    next: int
    partitions: dict[str, int]
    stage: dict[str, object]

    def marker(self) -> Marker:
        """The stage's own part, as the stage made it."""
        return cast("Marker", self.stage)


class LazyRows(MutableMapping[str, RowValue]):
    """Rows of a journal by key, kept as bytes until they are looked at."""

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return map(bytes.decode, self._rows)

    def __getitem__(self, key: str) -> RowValue:
        return decode_row(self._rows[key.encode()])

    def __setitem__(self, key: str, value: RowValue) -> None:
        self._rows[key.encode()] = encode_row(value)

    def __delitem__(self, key: str) -> None:
        del self._rows[key.encode()]


class Snapshot(msgspec.Struct, frozen=True):
    """What a journal partition holds: the newest value of every row, and the newest marker (None if never written)."""

    rows: Mapping[bytes, bytes]
    position: Position | None

    def lazily(self) -> LazyRows:
        """The rows as their stage made them, each decoded when it is looked at."""
        return LazyRows(dict(self.rows))


_position_decoder = msgspec.msgpack.Decoder(Position)


def encode_row(value: RowValue) -> bytes:
    """Bytes of a row's value."""
    return _encoder.encode(value)


def decode_row(value: bytes) -> RowValue:
    """
    Value of a row, with the nested tuples that it was made of.

    >>> decode_row(encode_row((1, ("a", b"b", ()), None)))
    (1, ('a', b'b', ()), None)
    """
    # the decoder makes lists of arrays, but tuples where they are the key of a map
    return cast("RowValue", next(iter(_decoder.decode(b"\x81" + value + b"\xc0"))))


def encode_position(row_format: int, next_offset: int, partitions: Mapping[str, int], stage: Marker) -> bytes:
    """Bytes of a marker."""
    return _encoder.encode(
        Position(row_format=row_format, next=next_offset, partitions=dict(partitions), stage=dict(stage))
    )


def entries(rows: Iterable[Row]) -> Iterator[JournalRecord]:
    """Key and value of each row; a deleted row is a tombstone."""
    for key, value in rows:
        yield key.encode(), None if value is None else _encoder.encode(value)


def fold(chunks: Iterable[Sequence[JournalRecord]]) -> Snapshot:
    """Read a journal partition, oldest record first, into the state that it stands for."""
    rows: dict[bytes, bytes] = {}
    marker: bytes | None = None
    for chunk in chunks:
        for key, value in chunk:
            if value is None:
                rows.pop(key, None)
            elif key == MARKER_KEY:
                marker = value
            else:
                rows[key] = value
    return Snapshot(rows, None if marker is None else _position_decoder.decode(marker))

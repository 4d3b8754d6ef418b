"""
The cache in Redis: rows by table, in generations, and a bounded stream of what changed.

A generation is built beside the one that is read and becomes it in one step. A row is taken only if its version, the
offset it came from, is newer than that of the row there, so the same record twice or late does no harm. The stream
``live`` outlives generations: it names a row once for each version, also when a generation is built anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.environment import Secret
from schemas.errors import FirebreakError

TIMEOUT = 0.5
"""Seconds for a connection, and for an answer: who waits longer is better told that Redis is away."""
LIVE = 5_000
"""Entries kept of the stream of changes, about."""

_UPSERT = """
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local there = redis.call('HGET', KEYS[3], ARGV[1])
if there and tonumber(there) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
if ARGV[3] == '1' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[4]) else redis.call('HDEL', KEYS[2], ARGV[1]) end
local told = redis.call('HGET', KEYS[4], ARGV[1])
if not told or tonumber(told) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[2])
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'table', ARGV[5], 'row', ARGV[1])
end
return 1
"""


_HOLD = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class Lost(FirebreakError):
    """The generation is gone from Redis: it has to be built anew."""


class Row(NamedTuple):
    """One version of a row; a value of None takes the row away."""

    table: str
    key: bytes
    version: int
    value: bytes | None


def connected(url: Secret) -> redis.Redis:
    """Give a client that fails within a second; whoever calls decides whether to try again."""
    return redis.Redis.from_url(
        url.reveal(), socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
    )


class Store:
    """
    The cache of one topic prefix; every method raises ``redis.RedisError`` where Redis does not do its part.

    Parameters
    ----------
    client
        As :func:`connected` makes it.
    prefix
        First part of the topics' names, so that two systems may share a Redis.
    tables
        Names of the tables there are.

    """

    def __init__(self, client: redis.Redis, prefix: str, tables: Sequence[str]) -> None:
        self._client = client
        self._prefix = f"fb:{prefix}"
        self._tables = tuple(tables)

    def hold(self, writer: str, seconds: int) -> bool:
        """Be the one who writes, for so long from now; False while somebody else is."""
        return bool(self._client.eval(_HOLD, 1, f"{self._prefix}:writer", writer, seconds))

    def begin(self) -> int:
        """Begin a generation, empty; give its number."""
        number = self._client.incr(f"{self._prefix}:last")
        self._client.set(self._name(number, "there"), 1)
        return number

    def put(self, generation: int, rows: Sequence[Row]) -> int:
        """
        Put rows in, each if it is newer; give how many were.

        Raises
        ------
        Lost
            The generation is not there any more.

        """
        pipeline = self._client.pipeline(transaction=False)
        for row in rows:
            names = (
                self._name(generation, "there"),
                self._name(generation, row.table),
                self._name(generation, f"{row.table}:versions"),
                self._told(row.table),
                f"{self._prefix}:live",
            )
            kept = "0" if row.value is None else "1"
            pipeline.eval(_UPSERT, len(names), *names, row.key, row.version, kept, row.value or b"", row.table, LIVE)
        answers = cast("list[int]", pipeline.execute())
        if -1 in answers:
            raise Lost("the generation is gone from Redis")
        return sum(answers)

    def check(self, generation: int) -> None:
        """
        Do nothing while the generation is there.

        Raises
        ------
        Lost
            It is not there any more.

        """
        if not self._client.exists(self._name(generation, "there")):
            raise Lost("the generation is gone from Redis")

    def show(self, generation: int) -> None:
        """Have readers read this generation from now on, and delete those before it."""
        before = self.shown() or 1
        pipeline = self._client.pipeline(transaction=True)
        pipeline.set(f"{self._prefix}:generation", generation)
        for table in self._tables:
            # a topic that was made anew counts its offsets from 0 again
            pipeline.copy(self._name(generation, f"{table}:versions"), self._told(table), replace=True)
        for number in range(before, generation):
            pipeline.delete(*self._names(number))
        pipeline.execute()

    def shown(self) -> int | None:
        """Give the generation that readers read; None while there is none, and nothing is known."""
        number = cast("bytes | None", self._client.get(f"{self._prefix}:generation"))
        return None if number is None else int(number)

    def rows(self, table: str) -> dict[bytes, bytes] | None:
        """Give the rows that readers read; None while nothing is known."""
        generation = self.shown()
        if generation is None:
            return None
        return cast("dict[bytes, bytes]", self._client.hgetall(self._name(generation, table)))

    def row(self, table: str, key: bytes) -> bytes | None:
        """Give one row that readers read; None where there is none."""
        generation = self.shown()
        if generation is None:
            return None
        return cast("bytes | None", self._client.hget(self._name(generation, table), key.decode()))

    def newest(self) -> bytes:
        """Give the id of the newest entry of the stream of changes."""
        entries = cast("list[tuple[bytes, object]]", self._client.xrevrange(f"{self._prefix}:live", count=1))
        return entries[0][0] if entries else b"0-0"

    def keeps(self, after: bytes) -> bool:
        """Whether the stream still has everything after an entry."""
        entries = cast("list[tuple[bytes, object]]", self._client.xrange(f"{self._prefix}:live", after, count=1))
        return after == b"0-0" or (bool(entries) and entries[0][0] == after)

    def changes(self, after: bytes = b"0-0") -> list[tuple[bytes, str, bytes]]:
        """Give what changed after an entry of the stream: its id, the table and the key of the row."""
        entries = cast(
            "list[tuple[bytes, dict[bytes, bytes]]]", self._client.xrange(f"{self._prefix}:live", b"(" + after)
        )
        return [(number, entry[b"table"].decode(), entry[b"row"]) for number, entry in entries]

    def _names(self, generation: int) -> list[str]:
        tables = [self._name(generation, name) for table in self._tables for name in (table, f"{table}:versions")]
        return [self._name(generation, "there"), *tables]

    def _name(self, generation: int, what: str) -> str:
        return f"{self._prefix}:{generation}:{what}"

    def _told(self, table: str) -> str:
        return f"{self._prefix}:told:{table}"

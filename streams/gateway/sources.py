"""Who may send what, and how fast: a small YAML file of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from schemas import tokens
from schemas.errors import UsageError
from schemas.events import Millis
from schemas.jsonform import instant

RATE, BURST = 100.0, 2_000.0
"""Notifications a second that a token may send in the long run, and at once."""


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    sources: tuple[str, ...]
    expires: str
    rate: float = RATE
    burst: float = BURST


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: dict[str, _Token]


@dataclass(slots=True)
class Sender:
    """One token: the sources that it may speak for, and what is left of its allowance (a token bucket)."""

    name: str
    digest: bytes
    sources: frozenset[str]
    expires: Millis
    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: float = field(default=-1.0)
    _seen: float = 0.0

    def take(self, number: int) -> float:
        """Take an allowance for so many notifications; give 0, or the seconds after which there is one."""
        now = self.clock()
        full = self.burst if self._left < 0 else min(self.burst, self._left + (now - self._seen) * self.rate)
        self._seen = now
        if number <= full:
            self._left = full - number
            return 0.0
        self._left = full
        return (number - full) / self.rate

    def may(self, source: str) -> bool:
        """Whether it speaks for a source; ``met.*`` stands for all that begin with ``met.``."""
        return any(source == each or (each.endswith("*") and source.startswith(each[:-1])) for each in self.sources)


class Senders:
    """All tokens."""

    def __init__(self, known: Mapping[str, Sender]) -> None:
        self.known = known

    @classmethod
    def read(cls, path: Path) -> Senders:
        """
        Read a file.

        Raises
        ------
        UsageError
            One line that says what is wrong.

        """
        try:
            told = msgspec.yaml.decode(path.read_bytes(), type=_File)
            return cls({name: _sender(name, each) for name, each in told.tokens.items()})
        except OSError as wrong:
            raise UsageError(f"{path} can't be read: {wrong.strerror}") from wrong
        except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
            raise UsageError(f"{path.name}: {wrong}") from wrong

    def of(self, token: str, now: Millis) -> Sender | None:
        """The sender that a token is of, None if of none, or no more; all are compared."""
        digest, found = tokens.digest(token), None
        for each in self.known.values():
            if tokens.same(each.digest, digest) and now < each.expires:
                found = each
        return found


def _sender(name: str, told: _Token) -> Sender:
    if not told.sources or told.rate <= 0 or told.burst < 1:
        raise ValueError(f"token {name}: it needs sources, a rate above 0 and a burst of 1 or more")
    return Sender(name, tokens.kept(told.sha256), frozenset(told.sources), instant(told.expires), told.rate, told.burst)

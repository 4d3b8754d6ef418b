"""What a fault has led to, in figures and in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """What a fault has led to."""

    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    silence_s: float = 0.0
    peak_mb: float = 0.0
    words: list[str] = field(default_factory=list)
    """What is wrong."""
    notes: dict[str, object] = field(default_factory=dict)
    """Further figures."""

    @property
    def passed(self) -> bool:
        return not (self.lost or self.doubled or self.repeats or self.words)

    def demand(self, holds: object, otherwise: str) -> None:
        """Fail with *otherwise* unless it *holds*."""
        if not holds:
            self.words.append(otherwise)


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """Note how long something took."""
    begun = time.monotonic()
    yield
    figures.notes[name] = round(time.monotonic() - begun, 1)

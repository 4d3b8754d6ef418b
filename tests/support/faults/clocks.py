"""
A wall clock that is wrong, for one worker: ``python -m support.faults.clocks worker --stage count``.

FIREBREAK_TEST_CLOCK names a file that says by how many seconds; it may change at any time. The monotonic clock goes on
undisturbed, as that of a machine does whose time is set.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

VARIABLE = "FIREBREAK_TEST_CLOCK"

_right = time.time


class FalseClock:
    """A wall clock so many seconds off."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """Put the clock forward, or back, from the right time."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds}", "ascii")
        aside.rename(self._file)

    def environment(self) -> dict[str, str]:
        """What the worker must be started with."""
        return {VARIABLE: str(self._file)}


def main() -> None:
    offset = Path(os.environ[VARIABLE])
    # before anything else is imported: some keep the function
    patch.object(time, "time", lambda: _right() + int(offset.read_text("ascii"))).start()
    from streams import cli  # noqa: PLC0415 - the clock must be wrong first

    cli.main()


if __name__ == "__main__":
    main()

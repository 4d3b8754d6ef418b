"""A clock that is wrong, for one process: the wall clock only, as a machine's is when it is set."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Self

WHERE = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")


def _library() -> str:
    found = [str(path) for each in WHERE for path in Path("/").glob(each.removeprefix("/"))]
    return found[0] if found else ""


class FalseClock:
    """The wall clock of whoever gets :meth:`environment`, so many seconds off."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="firebreak-clock-")
        self._file = Path(self._folder.name) / "offset"
        self.set(0)

    @staticmethod
    def available() -> bool:
        """Whether the library is there."""
        return bool(_library())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def set(self, seconds: int) -> None:
        """Put the clock forward, or back, from the right time."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+d}\n", "ascii")
        aside.rename(self._file)

    def environment(self) -> dict[str, str]:
        """What a process must be started with."""
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            # the monotonic clock of a real machine does not jump
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

"""A disk that is soon full."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Self

from support.faults.bench import NotHere

PIECE = b"\0" * 65_536


class SmallDisk:
    """So many megabytes in memory, mounted as a folder of its own."""

    def __init__(self, megabytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="firebreak-disk-"))
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        size = f"size={self._megabytes}m"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.folder)], capture_output=True, text=True, check=False
        )
        if mounted.returncode != 0:
            self.folder.rmdir()
            raise NotHere(f"a small disk needs the right to mount one, as root has: {mounted.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        # lazily: a process that was killed a moment ago may still hold a file
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("ab", buffering=0) as filler:
            for piece in (PIECE, b"\0"):
                try:
                    while True:
                        filler.write(piece)
                except OSError:
                    continue

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

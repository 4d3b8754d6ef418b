"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def put_in_place(aside: Path, target: Path) -> None:
    """Put what was written *aside* in the place of *target*, so that the disk holds the one or the other."""
    _settle(aside)
    aside.rename(target)
    _settle(target.parent)


def _settle(path: Path) -> None:
    """Have the disk hold it before anything rests on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

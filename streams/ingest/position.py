"""How far a file has been sent, so that a broken run can go on; losing it costs repeats, which change nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b, file_digest
from pathlib import Path

from schemas.errors import UsageError
from streams.ingest.profile import Profile


class Position:
    """
    A small file that holds a number.

    Parameters
    ----------
    folder
        Where it is kept.
    fingerprint
        Of all that decides the order of the rows and where they go; another one is another file.

    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._path = folder / f"{fingerprint}.json"

    def load(self) -> int:
        """Rows that are known to be sent; 0 if nothing is known."""
        try:
            sent = json.loads(self._path.read_text(encoding="utf-8"))["sent"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return sent if isinstance(sent, int) and sent > 0 else 0

    def save(self, sent: int) -> None:
        """
        Remember that so many rows are sent.

        Raises
        ------
        UsageError
            The folder can't be written to.

        """
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"sent": sent}), encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            raise UsageError(f"{self._path} can't be written: {error.strerror}; see FIREBREAK_DATA_DIR") from error

    def forget(self) -> None:
        """All is sent."""
        self._path.unlink(missing_ok=True)


def fingerprint(paths: Sequence[Path], profile: Profile, topic: str) -> str:
    """
    What the position belongs to: content of the files, in order, profile and topic.

    Raises
    ------
    UsageError
        A file can't be read.

    """
    digest = blake2b(repr((profile, topic)).encode(), digest_size=16)
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
    return digest.hexdigest()

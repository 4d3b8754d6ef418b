"""Messages as lines of a file, or on the terminal: for trials, for other programs, and as a last resort."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from consumers.notify.cap import cap
from consumers.notify.channels.base import Delivered, Later, Parcel, Result
from consumers.notify.channels.webhook import CAP
from schemas.jsonform import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that grows by one line of JSON a message; with ``format: cap`` a folder that gets one document each."""

    path: Path
    format: str = "json"
    _one: threading.Lock = field(default_factory=threading.Lock)

    def send(self, parcel: Parcel) -> Result:
        """Write it, and be sure that it is on the disk."""
        try:
            if self.format == CAP:
                self.path.mkdir(parents=True, exist_ok=True)
                name = f"{parcel.made_at}-{parcel.delivery_id.replace('|', '-').replace('/', '_')}.xml"
                _durably(self.path / name, cap(parcel), os.O_TRUNC)
            else:
                with self._one:
                    _durably(self.path, line(parcel), os.O_APPEND)
        except OSError as error:
            return Later(f"{self.path}: {error.strerror}")
        return Delivered()


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The standard output."""

    format: str = "text"

    def send(self, parcel: Parcel) -> Result:
        """Print it."""
        text = parcel.text
        sys.stdout.write(f"{iso(parcel.sent_at)} {text.first_line}\n{text.body}\n")
        sys.stdout.flush()
        return Delivered()


def line(parcel: Parcel) -> bytes:
    """One message as JSON, with its line end."""
    text, subject = parcel.text, parcel.subject
    told = {
        "at": iso(parcel.sent_at),
        "delivery_id": parcel.delivery_id,
        "what": subject.what,
        "why": subject.why,
        "number": subject.number,
        "repeat": subject.repeat,
        "alerts": [event.alert_id for event in parcel.events],
        "first_line": text.first_line,
        "text": text.body,
    }
    return msgspec.json.encode(told) + b"\n"


def _durably(path: Path, octets: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o640)
    try:
        os.write(descriptor, octets)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

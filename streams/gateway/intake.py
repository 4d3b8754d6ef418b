"""What a request's body holds: notifications, or why one of them is none. Pure, and bounded in every direction."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from schemas.errors import FirebreakError, Malformed
from schemas.events import Notification, Reason
from schemas.jsonform import flat_object, notification_from_json
from streams.gateway.sources import Sender

LARGEST_BODY = 1 << 20
"""Bytes that are sent, packed or not."""
LARGEST_PLAIN = 8 << 20
"""Bytes of a body that was packed."""
MOST = 1_000
"""Notifications of one request."""
LARGEST = 64 * 1024
"""Bytes of one notification."""
FORBIDDEN = "forbidden_source"
_Raws = msgspec.json.Decoder(list[msgspec.Raw])


class Unreadable(FirebreakError):
    """The body as a whole can't be used; ``status`` is HTTP's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Refused:
    """A notification that is not taken: its place in the request, the reason as a code, and in words."""

    index: int
    reason: str
    detail: str


def unpacked(body: bytes, encoding: str) -> bytes:
    """
    The plain body.

    Raises
    ------
    Unreadable
        It is packed otherwise than said, or unpacks to too much.

    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise Unreadable(415, f"Content-Encoding {encoding[:40]!r} is not known: gzip or none")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpack.decompress(body, LARGEST_PLAIN + 1)
    except zlib.error as wrong:
        raise Unreadable(400, "the body is no gzip") from wrong
    if len(plain) > LARGEST_PLAIN:
        raise Unreadable(413, f"the body unpacks to more than {LARGEST_PLAIN} bytes")
    if not unpack.eof:
        raise Unreadable(400, "the gzip of the body is cut off")
    return plain


def parts(body: bytes, content_type: str) -> list[bytes]:
    """
    Each notification's own bytes.

    ``application/json`` is one object or an array of them, ``application/x-ndjson`` one object a line.

    Raises
    ------
    Unreadable
        The body is neither, or holds too many.

    """
    if content_type == "application/x-ndjson":
        found = [line for line in body.splitlines() if line.strip()]
    elif content_type == "application/json":
        found = _of_json(body)
    else:
        raise Unreadable(415, "Content-Type is application/json or application/x-ndjson")
    if not found:
        raise Unreadable(400, "the body holds no notification")
    if len(found) > MOST:
        raise Unreadable(413, f"{len(found)} notifications; at most {MOST} a request")
    return found


def _of_json(body: bytes) -> list[bytes]:
    if not body.lstrip().startswith(b"["):
        return [body] if body.strip() else []
    try:
        return [bytes(each) for each in _Raws.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as wrong:
        raise Unreadable(400, "the body is no JSON array") from wrong


def read(found: list[bytes], sender: Sender) -> Iterator[Notification | Refused]:
    """Each part as a notification that this sender may send, or why not."""
    for index, octets in enumerate(found):
        try:
            yield _notification(octets, sender)
        except Malformed as bad:
            yield Refused(index, bad.reason, bad.detail)
        except PermissionError as wrong:
            yield Refused(index, FORBIDDEN, str(wrong))


def _notification(octets: bytes, sender: Sender) -> Notification:
    if len(octets) > LARGEST:
        raise Malformed(Reason.OVERSIZED, f"{len(octets)} bytes; at most {LARGEST}")
    try:
        made = notification_from_json(flat_object(octets))
    except RecursionError as wrong:
        raise Malformed(Reason.BAD_VALUE, "nested too deeply") from wrong
    if not made.source or not made.source_ref or "|" in made.source:
        raise Malformed(Reason.BAD_VALUE, "source and source_ref are needed, and no | in source")
    if not sender.may(made.source):
        raise PermissionError("this token does not speak for that source")
    return made

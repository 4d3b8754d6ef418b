"""Tokens of programs: shown once, kept as digests, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets

BEGIN = "fbk_"


def made() -> tuple[str, str]:
    """A token, and the SHA-256 of it that a file keeps."""
    token = BEGIN + secrets.token_urlsafe(32)
    return token, digest(token).hex()


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def kept(text: str) -> bytes:
    """
    A digest as a file has it.

    Raises
    ------
    ValueError
        It is none.

    """
    found = bytes.fromhex(text)
    if len(found) != hashlib.sha256().digest_size:
        raise ValueError("sha256 has 64 hexadecimal digits")
    return found


def same(one: bytes, other: bytes) -> bool:
    """Whether two digests are the same, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one, other)

"""What generated code calls beside its straight path: rare forms of numbers, caches, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

from schemas.codegen.shapes import LONG_LIMIT
from schemas.errors import Malformed
from schemas.events import Reason

REMEMBERED = 16_384
"""A cache is emptied when it holds so many entries: what comes from outside must not fill the memory."""

LONGEST = 512
"""Runs of more bytes are not remembered."""

_SHIFTS = tuple(range(7, 70, 7))

Unreadable = (IndexError, KeyError, struct.error, UnicodeDecodeError)
"""What generated decoders raise beside :class:`Malformed`; :func:`malformed` says what it means."""


def malformed(record: str, error: Exception) -> Malformed:
    """The refusal that an error of a generated decoder stands for."""
    if isinstance(error, UnicodeDecodeError):
        return Malformed(Reason.CORRUPT, f"{record}: a string is not UTF-8")
    if isinstance(error, KeyError):
        return Malformed(Reason.CORRUPT, f"{record}: byte {error.args[0]} is no symbol of its enum")
    return Malformed(Reason.TRUNCATED, f"{record}: the bytes end before the record does")


def long_at(octets: bytes, at: int) -> tuple[int, int]:
    """Zig-zag number at *at*, and where it ends; refuses more than 64 bits and padded forms."""
    byte = octets[at]
    at += 1
    number = byte & 127
    if byte > 127:
        for shift in _SHIFTS:
            byte = octets[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                break
        if not 0 < byte < 128 or number >> 64:
            raise Malformed(Reason.CORRUPT, "a number is padded or has more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def extent_at(octets: bytes, at: int) -> tuple[int, int]:
    """Start and end of the string or bytes whose length stands at *at*."""
    length, at = long_at(octets, at)
    if length < 0:
        raise Malformed(Reason.CORRUPT, "a length is negative")
    return at, at + length


def count_at(octets: bytes, at: int) -> tuple[int, int]:
    """Number of items of the one block of an array, and where they begin."""
    count, at = long_at(octets, at)
    if count < 0:
        raise Malformed(Reason.CORRUPT, "an array comes in sized blocks")
    return count, at


def no_such_branch(byte: int) -> Malformed:
    """Refusal of a union index."""
    return Malformed(Reason.CORRUPT, f"byte {byte} is neither null nor a value")


def no_truth(byte: int) -> Malformed:
    """Refusal of a boolean."""
    return Malformed(Reason.CORRUPT, f"byte {byte} is neither true nor false")


def more_blocks() -> Malformed:
    """Refusal of an array in several blocks."""
    return Malformed(Reason.CORRUPT, "an array comes in several blocks")


def out_of_range(name: str, value: int) -> Malformed:
    """Refusal of a number."""
    return Malformed(Reason.BAD_VALUE, f"{name} {value} is out of range")


def too_long(name: str, limit: int, octets: bytes, end: int) -> Malformed:
    """Refusal of a string that ends at *end*."""
    if end > len(octets):
        return Malformed(Reason.TRUNCATED, f"the bytes end within {name}")
    return Malformed(Reason.BAD_VALUE, f"{name} has more than {limit} bytes")


def unlike(record: str, meaning: str) -> Malformed:
    """Refusal of bytes that do not stand for what must be here."""
    return Malformed(Reason.CORRUPT, f"{record}: not {meaning}")


def wrong_end(record: str, size: int, end: int) -> Malformed:
    """Refusal of a record that ends elsewhere than its bytes."""
    if end > size:
        return Malformed(Reason.TRUNCATED, f"{record}: the bytes end before the record does")
    return Malformed(Reason.CORRUPT, f"{record}: {size - end} bytes are left over")


class Seen(dict[bytes, object]):
    """Decoded runs by their bytes."""

    def __init__(self, decode: Callable[[bytes, int], object]) -> None:
        super().__init__()
        self._decode = decode

    def __missing__(self, octets: bytes) -> object:
        value = self._decode(octets, 0)
        if len(octets) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[octets] = value
        return value


class Written(dict[object, bytes]):
    """Encoded runs by their values."""

    def __init__(self, encode: Callable[[object], bytes]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, values: object) -> bytes:
        octets = self._encode(values)
        if len(octets) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[values] = octets
        return octets


class Stamps(dict[bytes, int]):
    """
    The upper half of instants, by its bytes.

    An instant of our time takes six bytes of seven bits; the upper three change every 17 minutes. The value is ready
    to have the lower three bytes added as they are: their high bits are taken off in advance. 0 means that the
    instant is not of six bytes, and is to be read the slow way.
    """

    def __missing__(self, upper: bytes) -> int:
        if len(upper) < 3 or upper[0] < 128 or upper[1] < 128 or not 0 < upper[2] < 128:
            return 0
        if len(self) >= REMEMBERED:
            self.clear()
        high = (upper[0] & 127) << 21 | (upper[1] & 127) << 28 | upper[2] << 35
        value = self[upper] = high - (128 + (128 << 7) + (128 << 14))
        return value


class Steady(dict[bytes, int | None]):
    """Instants that come again and again, by their six bytes; None if they are of fewer or more."""

    def __missing__(self, octets: bytes) -> int | None:
        try:
            value, end = long_at(octets, 0)
        except IndexError:
            return None
        if end != 6:
            return None
        if len(self) >= REMEMBERED:
            self.clear()
        self[octets] = value
        return value


@cache
def last_pairs() -> list[bytes]:
    """The numbers below 2**14 as the end of a varint: one or two bytes."""
    return [bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(16_384)]


@cache
def inner_pairs() -> list[bytes]:
    """The numbers below 2**14 as two bytes of a varint that goes on."""
    return [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(16_384)]


def long_bytes(value: int, minimum: int = -LONG_LIMIT, maximum: int = LONG_LIMIT - 1) -> bytes:
    """Zig-zag varint; ValueError for a number out of range."""
    if not minimum <= value <= maximum:
        raise ValueError(f"{value} is not from {minimum} to {maximum}")
    rest = value << 1 ^ value >> 63
    octets = bytearray()
    while rest > 127:
        octets.append(rest & 127 | 128)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)


def octets_bytes(octets: bytes) -> bytes:
    """Bytes with their length before them."""
    return long_bytes(len(octets)) + octets

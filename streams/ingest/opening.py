"""Files as lines of text: gzip by name, UTF-8 and nothing else, and one clear line for what can't be read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from schemas.errors import UsageError

BOM = "\ufeff"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def lines_of(path: Path) -> Iterator[Iterator[str]]:
    """
    The lines of a file with their ends, without a byte order mark.

    Raises
    ------
    UsageError
        At entry or while the lines are read: the file can't be opened, is empty, is not gzip although its name says
        so, ends within its gzip stream, or holds a byte that is not UTF-8.

    """
    try:
        with _opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8", errors="strict", newline="") as text:
            yield _without_mark(path, text)
    except UnicodeDecodeError as error:
        raise UsageError(_where_not_utf8(path)) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{path} {_why_no_gzip(path)}") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or error}") from error


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def _without_mark(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    first = next(text, "").removeprefix(BOM)
    if not first:
        raise UsageError(f"{path} is empty")
    yield first
    yield from text


def _why_no_gzip(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            return "is damaged or cut off within its gzip stream: fetch it again"
    return "is not gzip, although its name says so: rename it, or fetch it again"


def _where_not_utf8(path: Path) -> str:
    before = 0
    with _opened(path) as binary:
        for number, line in enumerate(binary, 1):
            if number == 1 and line.startswith(_UTF_16):
                return f"{path} is UTF-16: save it as UTF-8"
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte, at = line[error.start], before + error.start
                return f"{path} line {number}: byte {at} (0x{byte:02x}) is not UTF-8: save the file as UTF-8"
            before += len(line)
    return f"{path} is not UTF-8: save it as UTF-8"

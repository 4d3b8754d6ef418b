"""Rows of a file with one JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from schemas.errors import Malformed
from schemas.events import Reason

_MISSING = object()


def flattened(line: str, columns: Sequence[str], *, closed: bool) -> list[str]:
    """
    Text of each column in one object, "" where it has none.

    A column is a key, or a path through objects and arrays: ``geometry.coordinates.0``.

    >>> flattened('{"id": 7, "geo": {"at": [1.5, null]}}', ["id", "geo.at.0", "geo.at.1", "x"], closed=False)
    ['7', '1.5', '', '']

    Raises
    ------
    Malformed
        It is no object, has a key that no column names although the profile is *closed*, or a value is not plain.

    """
    content = _object(line)
    if closed:
        stranger = next((key for key in content if key not in columns), None)
        if stranger is not None:
            raise Malformed(Reason.BAD_VALUE, f"{stranger[:40]!r} is not known to the profile")
    return [_text(column, content) for column in columns]


def _object(line: str) -> Mapping[str, object]:
    try:
        content: object = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise Malformed(Reason.BAD_JSON, f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise Malformed(Reason.BAD_JSON, f"expected an object, found {type(content).__name__}")
    return content


def _text(column: str, content: Mapping[str, object]) -> str:
    value = content.get(column, _MISSING)
    if value is _MISSING:
        value = _at_path(column, content)
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            raise Malformed(Reason.BAD_VALUE, f"{column} is neither text, number, true, false nor null")


def _at_path(path: str, content: object) -> object:
    for key in path.split("."):
        if isinstance(content, dict):
            content = content.get(key)
        elif isinstance(content, list) and key.isdecimal() and int(key) < len(content):
            content = content[int(key)]
        else:
            return None
    return content

"""Rules compiled to functions from a row to the value of one field, as its schema wants it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from string import Formatter
from zoneinfo import ZoneInfo

from schemas.codegen.shapes import Choice, Maybe, Real, Shape, Text, Truth, Whole
from schemas.errors import Malformed
from schemas.events import Kind, Notification, Reason
from schemas.layouts import shape
from streams.ingest.profile import Constant, Rule
from streams.ingest.times import time_parser

Row = Sequence[str]
Value = str | int | float | bool | None
Getter = Callable[[Row], Value]
Convert = Callable[[str], Value]
"""From text, "" where the source is silent; raises Malformed."""

_REMEMBERED = 8_192
_COORDINATES = frozenset({"longitude", "latitude"})
_NOT_EMPTY = frozenset({"source", "source_ref", "scheme"})
_WHOLE = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")
"""Spreadsheets write a column of whole numbers with gaps as 1.0."""
_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "t", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "0"), False),
}


def silent(field: str) -> Value:
    """The value of a field of which the source says nothing."""
    if field == "kind":
        return Kind.REPORTED.value
    part = shape("Notification").part(field)
    default = Notification._field_defaults.get(field, None if isinstance(part.shape, Maybe) else "")
    return str(default) if isinstance(default, str) else default


def compile_rule(field: str, rule: Rule, position: Mapping[str, int], zone: ZoneInfo) -> Getter | Value:
    """
    A function for what differs from row to row, or the value that all rows have.

    Parameters
    ----------
    field
        Name of the notification's field.
    rule
        How it is told.
    position
        Where in a row each column stands; a column that is not there may be read by optional rules only.
    zone
        Of times, unless the rule has its own.

    Raises
    ------
    ValueError
        A constant is not what the field can hold.

    """
    convert = _converter(field, rule, ZoneInfo(rule.zone) if rule.zone is not None else zone)
    if rule.value is not None:
        return _constant(rule.value, convert)
    for constant in (*(rule.map or {}).values(), *(rule.match or {}).values(), rule.otherwise):
        if constant is not None:
            _constant(constant, convert)
    if not all(column in position for column in rule.columns):
        return silent(field)
    translate = _translated(rule, convert)
    if rule.column is not None and _is_plain_number(field, rule):
        return _plain_number(position[rule.column], translate)
    if not _is_varied(field):
        translate = lru_cache(_REMEMBERED)(translate)
    text = _text(rule, position)
    return lambda row: translate(text(row))


def _is_plain_number(field: str, rule: Rule) -> bool:
    return isinstance(_shape(field), Real) and rule.pattern is None and rule.map is None and rule.match is None


def _is_varied(field: str) -> bool:
    """Whether hardly two rows say the same, so that remembering what was said is of no use."""
    found = _shape(field)
    return isinstance(found, Real) or (isinstance(found, Whole) and found.stamp) or field == "source_ref"


def _constant(constant: Constant, convert: Convert) -> Value:
    try:
        return convert(_word(constant))
    except Malformed as error:
        raise ValueError(f"{constant!r}: {error.detail}") from error


def _shape(field: str) -> Shape:
    found = shape("Notification").part(field).shape
    return found.item if isinstance(found, Maybe) else found


def _text(rule: Rule, position: Mapping[str, int]) -> Callable[[Row], str]:
    whole = _column(position[rule.column]) if rule.column is not None else _template(rule.template or "", position)
    if rule.pattern is None:
        return whole
    search = re.compile(rule.pattern).search

    def part(row: Row) -> str:
        found = search(whole(row))
        if found is None:
            return ""
        return " ".join(group for group in found.groups() if group) if found.re.groups else found[0]

    return part


def _column(index: int) -> Callable[[Row], str]:
    return lambda row: row[index].strip()


def _template(template: str, position: Mapping[str, int]) -> Callable[[Row], str]:
    parts = [(literal, name) for literal, name, _, _ in Formatter().parse(template)]
    form = "".join(literal.replace("{", "{{").replace("}", "}}") + ("{}" if name else "") for literal, name in parts)
    indexes = [position[name] for _, name in parts if name]
    put_together = form.format
    if len(indexes) == 1:
        only = indexes[0]
        return lambda row: put_together(row[only]).strip()
    pick = itemgetter(*indexes)
    return lambda row: put_together(*pick(row)).strip()


def _plain_number(index: int, convert: Convert) -> Getter:
    def number(row: Row) -> Value:
        try:
            return float(row[index])
        except ValueError:
            return convert(row[index].strip())

    return number


def _converter(field: str, rule: Rule, zone: ZoneInfo) -> Convert:
    label = _label(field, rule)
    typed = _typed(field, label, rule.format, zone)
    empty = silent(field)

    def convert(text: str) -> Value:
        if text:
            return typed(text)
        if field in _NOT_EMPTY:
            raise Malformed(Reason.MISSING_FIELD, f"{label} is empty")
        return empty

    return convert


def _translated(rule: Rule, convert: Convert) -> Convert:
    words = {text: _word(value) for text, value in (rule.map or {}).items()}
    otherwise = None if rule.otherwise is None else _word(rule.otherwise)
    if rule.map is not None:
        return lambda text: convert(words.get(text, text if otherwise is None else otherwise))
    if rule.match is not None:
        searches = [(re.compile(pattern).search, _word(value)) for pattern, value in rule.match.items()]
        fallback = otherwise or ""
        return lambda text: convert(next((word for search, word in searches if search(text)), fallback))
    return convert


def _word(value: Constant) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label(field: str, rule: Rule) -> str:
    """How messages name the field; what it says is never repeated, for it may tell of a person."""
    columns = ", ".join(rule.columns)
    return field if columns in {"", field} else f"{field} (column {columns})"


def _typed(field: str, label: str, form: str, zone: ZoneInfo) -> Convert:
    match _shape(field):
        case Choice() as choice:
            return _symbol(label, choice)
        case Truth():
            return lambda text: _truth(label, text)
        case Whole(stamp=True):
            return _instant(label, form, zone)
        case Whole() as whole:
            return lambda text: _whole(label, whole, text)
        case Real():
            reason = Reason.BAD_COORDINATES if field in _COORDINATES else Reason.BAD_VALUE
            return lambda text: _real(label, reason, text)
        case Text() as limits:
            return lambda text: _words(label, limits, text, barred="|" if field == "source" else "")
    raise ValueError(f"{field} can't be told by a file")


def _symbol(label: str, choice: Choice) -> Convert:
    known = {symbol: symbol for symbol in choice.symbols if symbol != Kind.HEARTBEAT}

    def symbol(text: str) -> Value:
        found = known.get(text.upper())
        if found is None:
            raise Malformed(Reason.BAD_VALUE, f"{label} is none of {', '.join(known)}")
        return found

    return symbol


def _truth(label: str, text: str) -> Value:
    found = _TRUTH.get(text.lower())
    if found is None:
        raise Malformed(Reason.BAD_VALUE, f"{label} is neither true nor false")
    return found


def _instant(label: str, form: str, zone: ZoneInfo) -> Convert:
    parse = time_parser(form, zone)

    def instant(text: str) -> Value:
        try:
            return parse(text)
        except (ValueError, OverflowError) as error:
            raise Malformed(Reason.BAD_VALUE, f"{label} is no time of format {form}") from error

    return instant


def _whole(label: str, limits: Whole, text: str) -> Value:
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise Malformed(Reason.BAD_VALUE, f"{label} is no whole number")
    number = int(found[1])
    if not limits.minimum <= number <= limits.maximum:
        raise Malformed(Reason.BAD_VALUE, f"{label} is not from {limits.minimum} to {limits.maximum}")
    return number


def _real(label: str, reason: Reason, text: str) -> Value:
    try:
        return float(text)
    except ValueError as error:
        raise Malformed(reason, f"{label} is no number") from error


def _words(label: str, limits: Text, text: str, *, barred: str) -> str:
    if limits.max_bytes is not None and len(text.encode()) > limits.max_bytes:
        raise Malformed(Reason.BAD_VALUE, f"{label} has more than {limits.max_bytes} bytes")
    if barred and barred in text:
        raise Malformed(Reason.BAD_VALUE, f"{label} holds a vertical bar, which ends the source in keys")
    return sys.intern(text)

"""
Typed settings from environment variables: a frozen dataclass says what there is, one function reads it.

A field is declared with :func:`setting`; its variable is the prefix and the field's name in capitals, and a field that
is such a dataclass itself adds its own name (``kafka.brokers`` is ``FIREBREAK_KAFKA_BROKERS``). A :data:`SECRET` may
come from a file instead, named by the variable with ``_FILE`` behind it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from schemas.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ValueT = TypeVar("ValueT")
EnumT = TypeVar("EnumT", bound=Enum)
SettingsT = TypeVar("SettingsT", bound="DataclassInstance")

PREFIX = "FIREBREAK_"
FROM_FILE = "_FILE"


class Secret:
    """A text that shows itself only to who asks for it: not in ``repr``, messages, logs or formatted strings."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        """Refuse to be written anywhere."""
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Kind(Generic[ValueT]):
    """A kind of value: its name in the documentation, and how a text becomes one (``ValueError`` says why not)."""

    name: str
    parse: Callable[[str], ValueT]


class Declared(NamedTuple):
    """One setting as it stands in the documentation; ``default`` is the text that one would write."""

    variable: str
    kind: str
    default: str
    about: str


class _Setting(Generic[ValueT]):
    def __init__(self, kind: Kind[ValueT], default: str, about: str) -> None:
        self.kind = kind
        self.default = default
        self.about = about


def setting(kind: Kind[ValueT], default: str, about: str) -> ValueT:
    """
    Declare a field of a settings dataclass.

    Parameters
    ----------
    kind
        What the text of the variable becomes.
    default
        The text that holds where the variable is not set.
    about
        One line for the documentation.

    """
    return field(default=kind.parse(default), metadata={"setting": _Setting(kind, default, about)})


def nested(settings: type[ValueT]) -> ValueT:
    """Declare a field that is a settings dataclass itself."""
    return field(default_factory=settings, metadata={"nested": settings})


def read(
    settings: type[SettingsT], environ: Mapping[str, str], *, prefix: str = PREFIX, others: Collection[str] = ()
) -> SettingsT:
    """
    Read the settings from *environ*; an empty variable counts as one that is not set.

    Parameters
    ----------
    settings
        The dataclass.
    environ
        The environment, which is not changed.
    prefix
        Of the variables that are ours.
    others
        Longer prefixes that belong to somebody else.

    Raises
    ------
    UsageError
        A variable of ours is not known, or its value can't be used: one line that names the variable.

    """
    _refuse_unknown(settings, environ, prefix, tuple(others))
    return _read(settings, environ, prefix)


def declared(settings: type[DataclassInstance], prefix: str = PREFIX) -> Iterator[Declared]:
    """Every setting of the dataclass, in its order."""
    for each in fields(settings):
        variable = prefix + each.name.upper()
        if (inner := _nested(each)) is not None:
            yield from declared(inner, variable + "_")
        elif (found := _setting(each)) is not None:
            yield Declared(variable, found.kind.name, found.default, found.about)


def variables(settings: type[DataclassInstance], prefix: str = PREFIX) -> frozenset[str]:
    """Names of all variables that may be set, those of secrets' files among them."""
    found = list(declared(settings, prefix))
    files = (each.variable + FROM_FILE for each in found if each.kind == SECRET.name)
    return frozenset((*(each.variable for each in found), *files))


def _read(settings: type[SettingsT], environ: Mapping[str, str], prefix: str) -> SettingsT:
    values: dict[str, object] = {}
    for each in fields(settings):
        variable = prefix + each.name.upper()
        if (inner := _nested(each)) is not None:
            values[each.name] = _read(inner, environ, variable + "_")
        elif (found := _setting(each)) is not None and (text := _text(variable, found, environ)):
            values[each.name] = _parsed(variable, found, text)
    return settings(**values)


def _nested(each: Field[object]) -> type[DataclassInstance] | None:
    return cast("type[DataclassInstance] | None", each.metadata.get("nested"))


def _setting(each: Field[object]) -> _Setting[object] | None:
    return cast("_Setting[object] | None", each.metadata.get("setting"))


def _text(variable: str, found: _Setting[object], environ: Mapping[str, str]) -> str:
    plain = environ.get(variable, "")
    path = environ.get(variable + FROM_FILE, "") if found.kind is SECRET else ""
    if not path:
        return plain
    if plain:
        raise UsageError(f"{variable} and {variable}{FROM_FILE} are both set: keep one of them")
    try:
        text = Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{variable}{FROM_FILE}: {path} can't be read: {_why(error)}") from error
    if not text:
        raise UsageError(f"{variable}{FROM_FILE}: {path} is empty")
    return text


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"


def _parsed(variable: str, found: _Setting[object], text: str) -> object:
    try:
        return found.kind.parse(text)
    except ValueError as error:
        shown = "its value" if found.kind is SECRET else repr(text)
        raise UsageError(f"{variable}: {shown} is no {found.kind.name}: {error}") from error


def _refuse_unknown(
    settings: type[DataclassInstance], environ: Mapping[str, str], prefix: str, others: tuple[str, ...]
) -> None:
    known = variables(settings, prefix)
    for name in sorted(environ):
        if name.startswith(prefix) and name not in known and not name.startswith(others):
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
            raise UsageError(f"{name} is no setting of firebreak; did you mean {near[0]}?")


def _any_text(text: str) -> str:
    return text


def _instant_of(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)", text.strip())
    if match is None:
        raise ValueError("write a number and its unit, ms, s, m, h or d: 100ms, 5s, 15m")
    unit = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[match[2]]
    span = timedelta(milliseconds=float(match[1]) * unit)
    if not span:
        raise ValueError("it must be longer than nothing")
    return span


def _duration_or_off(text: str) -> timedelta | None:
    return None if text.strip().lower() in {"off", ""} else _instant_of(text)


def _flag(text: str) -> bool:
    answer = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.strip().lower())
    if answer is None:
        raise ValueError("write true or false")
    return answer


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text.strip()) or int(text) == 0:
        raise ValueError("write a whole number from 1")
    return int(text)


def _whole_or_none(text: str) -> int | None:
    return _whole(text) if text.strip() else None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for each in text.split(",") if (part := each.strip()))


def _address(text: str) -> str:
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError("write host:port, for example 127.0.0.1:9092")
    return text.strip()


def _address_or_none(text: str) -> str:
    return _address(text) if text.strip() else ""


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(_address(each) for each in _names(text))
    if not found:
        raise ValueError("write host:port, several separated by commas")
    return found


def _path_or_none(text: str) -> Path | None:
    return Path(text) if text else None


def one_of(kinds: type[EnumT]) -> Kind[EnumT]:
    """One value of a closed set."""
    values = [str(each.value) for each in kinds]

    def parse(text: str) -> EnumT:
        if text not in values:
            near = difflib.get_close_matches(text, values, n=1)
            raise ValueError(f"did you mean {near[0]}?" if near else "choose one of them")
        return kinds(text)

    return Kind(" | ".join(values), parse)


TEXT = Kind("text", _any_text)
SECRET = Kind("secret", Secret)
FLAG = Kind("true or false", _flag)
COUNT = Kind("whole number", _whole)
OPTIONAL_COUNT = Kind("whole number", _whole_or_none)
DURATION = Kind("duration", _instant_of)
DURATION_OR_OFF = Kind("duration or off", _duration_or_off)
NAMES = Kind("names, separated by commas", _names)
ADDRESS = Kind("host:port", _address)
OPTIONAL_ADDRESS = Kind("host:port", _address_or_none)
ADDRESSES = Kind("host:port, separated by commas", _addresses)
OPTIONAL_PATH = Kind("path", _path_or_none)
PATH = Kind("path", Path)

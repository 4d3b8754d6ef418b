"""People, their roles and areas, and the tokens of programs: a small YAML file, or what an identity provider says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import msgspec

from schemas import tokens
from schemas.errors import UsageError
from schemas.events import CommandKind, Millis
from schemas.jsonform import instant

HOUR_MS: Millis = 3_600_000
SNOOZE_OF_OPERATORS: Millis = 4 * HOUR_MS
SILENCE_OF_SUPERVISORS: Millis = 24 * HOUR_MS


class Role(IntEnum):
    """What one may do; each includes those before it."""

    VIEWER = 1
    OPERATOR = 2
    SUPERVISOR = 3
    ADMIN = 4


NEEDS: Mapping[str, Role] = {
    CommandKind.ACKNOWLEDGE: Role.OPERATOR,
    CommandKind.ASSIGN: Role.OPERATOR,
    CommandKind.NOTE: Role.OPERATOR,
    CommandKind.SNOOZE: Role.OPERATOR,
    CommandKind.LINK: Role.OPERATOR,
    CommandKind.UNLINK: Role.OPERATOR,
    CommandKind.CLOSE: Role.SUPERVISOR,
    CommandKind.REOPEN: Role.SUPERVISOR,
    CommandKind.SILENCE: Role.SUPERVISOR,
    CommandKind.UNSILENCE: Role.SUPERVISOR,
    CommandKind.PLAN: Role.SUPERVISOR,
}
"""The least role for each command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who asks; ``areas`` are codes of the areas that they act for, empty for all."""

    name: str
    role: Role
    areas: frozenset[str] = field(default_factory=frozenset)

    @property
    def trusted(self) -> bool:
        """Whether they may see protected groups by the fine level."""
        return self.role >= Role.OPERATOR

    def may(self, kind: str, areas: Iterable[str] = ()) -> bool:
        """Whether they may give a command about areas, told with those that they lie in."""
        within = not self.areas or all(self.areas.intersection(each.split("|")) for each in areas)
        return kind in NEEDS and self.role >= NEEDS[kind] and within


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    areas: tuple[str, ...] = ()


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    role: str
    expires: str
    areas: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    people: dict[str, _Known] = {}
    groups: dict[str, _Known] = {}
    tokens: dict[str, _Token] = {}


@dataclass(frozen=True, slots=True)
class _Holder:
    digest: bytes
    person: Person
    expires: Millis


class People:
    """Who is known."""

    def __init__(
        self, people: Mapping[str, Person], groups: Mapping[str, Person], holders: Mapping[str, _Holder]
    ) -> None:
        self.people, self.groups, self.tokens = people, groups, holders

    @classmethod
    def none(cls) -> People:
        """Nobody."""
        return cls({}, {}, {})

    @classmethod
    def read(cls, path: Path) -> People:
        """
        Read a file.

        Raises
        ------
        UsageError
            One line that says what is wrong.

        """
        try:
            told = msgspec.yaml.decode(path.read_bytes(), type=_File)
            people = {name: _person(name, each) for name, each in told.people.items()}
            groups = {name: _person(name, each) for name, each in told.groups.items()}
            holders = {name: _holder(name, each) for name, each in told.tokens.items()}
        except OSError as wrong:
            raise UsageError(f"{path} can't be read: {wrong.strerror}") from wrong
        except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
            raise UsageError(f"{path.name}: {wrong}") from wrong
        return cls(people, groups, holders)

    def person(self, name: str, groups: Iterable[str] = ()) -> Person | None:
        """Somebody by name, else by the highest of their groups; None for who is not known."""
        if name in self.people:
            return self.people[name]
        found = [self.groups[group] for group in groups if group in self.groups]
        if not found:
            return None
        highest = max(found, key=lambda each: each.role)
        return Person(name=name, role=highest.role, areas=highest.areas)

    def holder(self, token: str, now: Millis) -> Person | None:
        """The program that a token is of; None if of none, or no more."""
        digest = tokens.digest(token)
        found = None
        for holder in self.tokens.values():
            # all are compared, each in constant time
            if tokens.same(holder.digest, digest) and now < holder.expires:
                found = holder.person
        return found


def _person(name: str, told: _Known) -> Person:
    return Person(name=name, role=_role(told.role), areas=frozenset(told.areas))


def _holder(name: str, told: _Token) -> _Holder:
    digest = tokens.kept(told.sha256)
    person = Person(name=f"token:{name}", role=_role(told.role), areas=frozenset(told.areas))
    return _Holder(digest, person, instant(told.expires))


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError as wrong:
        raise ValueError(f"no role {text!r}: there are {', '.join(each.name.lower() for each in Role)}") from wrong

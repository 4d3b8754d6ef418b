"""
Profiles: what a TOML file says of the files of one source.

Each field of a notification is told by a *rule*: a constant, a column, or columns put together, and what is made of
their text. ``docs/connect-a-source.md`` describes every key with examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from string import Formatter
from types import MappingProxyType

import msgspec

from schemas.environment import DURATION
from streams.ingest.times import AUTO

Constant = str | bool | int | float


class Form(Enum):
    """How rows are written: with delimiters, as JSON objects a line, or as JSON notifications in our own words."""

    CSV = "csv"
    JSONL = "jsonl"
    NOTIFICATIONS = "notifications"


class Told(Enum):
    """How the revisions of one incident are told apart."""

    COLUMN = "column"
    ORDER = "order"
    KNOWN_AT = "known_at"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    How one field of a notification is told.

    One of ``value`` (a constant), ``column`` and ``template`` (``"{A}/{B}"``, columns in braces); then, in this order:
    ``pattern`` takes a part of the text (its groups, joined by spaces; no match: the source is silent); ``map``
    translates the texts that it names, others become ``otherwise`` if that is given and stay as they are if not; or
    ``match`` gives the value of the first regular expression found in the text, else ``otherwise``, else silence.
    ``format`` and ``zone`` are for times. A column that is ``optional`` may be missing.
    """

    value: Constant | None = None
    column: str | None = None
    template: str | None = None
    pattern: str | None = None
    map: dict[str, Constant] | None = None
    match: dict[str, Constant] | None = None
    otherwise: Constant | None = None
    format: str = AUTO
    zone: str | None = None
    optional: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads."""
        if self.column is not None:
            return (self.column,)
        return tuple(name for _, name, _, _ in Formatter().parse(self.template or "") if name is not None)


class KnownAt(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a row became known: a time told by a column, else *delay* after the first of *first_of* that it has."""

    first_of: tuple[str, ...] = ()
    delay: str | None = None

    @property
    def lag(self) -> timedelta:
        """The delay as a span."""
        return timedelta() if self.delay is None else DURATION.parse(self.delay)


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    What makes a row this incident: the reference in *column*, else the content of *columns*.

    Rows of equal content are distinct incidents, told apart by their order in the file.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()


class Revision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How revisions are told: by a column, by order in the file, or by when they became known."""

    told_by: Told = Told.ORDER
    column: str | None = None
    optional: bool = False


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    What is to be made of the files of one source.

    ``closed``: a column that no rule reads is a mistake. Without ``revision`` each row is an incident's only one.
    """

    name: str
    description: str
    format: Form = Form.CSV
    delimiter: str | None = None
    closed: bool = False
    zone: str = "UTC"
    fields: Mapping[str, Rule] = MappingProxyType({})
    known_at: KnownAt = KnownAt()
    identity: Identity = Identity()
    revision: Revision | None = None

    def columns(self) -> tuple[str, ...]:
        """All columns that the profile reads, each once."""
        return tuple(dict.fromkeys((*self.needed(), *self._optional())))

    def needed(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        rules = (*self.fields.values(), self.known_at)
        found = [name for rule in rules if not rule.optional for name in rule.columns]
        found += self.identity.columns
        if self.identity.column is not None:
            found.append(self.identity.column)
        if self.revision is not None and self.revision.column is not None and not self.revision.optional:
            found.append(self.revision.column)
        return tuple(dict.fromkeys(found))

    def _optional(self) -> Iterable[str]:
        for rule in (*self.fields.values(), self.known_at):
            if rule.optional:
                yield from rule.columns
        if self.revision is not None and self.revision.column is not None:
            yield self.revision.column

    @property
    def source(self) -> str:
        """The source that all rows have, "" if each names its own."""
        rule = self.fields.get("source")
        return str(rule.value) if rule is not None and rule.value is not None else ""

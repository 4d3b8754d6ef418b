"""
What an incident is: the words of its source mapped to one set of categories, and the groups that count it.

A *scheme* is one source's vocabulary (``mps``, ``chicago``, ...). Its rows map a code to a category of
:data:`CATEGORIES`, to the groups that count it, and to flags that the code itself tells ("DOMESTIC BATTERY" is
domestic whatever the notification's own flag says). A code may end in ``*``: it then stands for every code that begins
so; the longest such prefix wins, an exact code wins over any prefix, and a bare ``*`` is the fallback of the scheme.

Codes and names of schemes are compared without regard to case and to the amount of white space, because that is what
differs between two exports of one system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

STREET_VIOLENCE = "street_violence"
KNIFE_CRIME = "knife_crime"
DOMESTIC_ABUSE = "domestic_abuse"
SEXUAL_VIOLENCE = "sexual_violence"
ROBBERY = "robbery"
FIREARM = "firearm"
HOMICIDE = "homicide"
SHOOTING = "shooting"

SENTINELS = (HOMICIDE, SHOOTING)
"""Groups whose single incident is told at once, without statistics."""

GROUPS = (STREET_VIOLENCE, KNIFE_CRIME, DOMESTIC_ABUSE, SEXUAL_VIOLENCE, ROBBERY, FIREARM, *SENTINELS)
"""The groups that the shared schemes use; a pack may count fewer, or add its own."""

FLAGS = ("domestic", "knife", "firearm", "hate", "youth_victim", "police_generated")
"""Flags that a code may tell; the same as those of a notification."""

SPELLINGS_KEPT = 4096
"""A scheme remembers so many spellings; codes come from outside and must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """
    One kind of incident.

    ``violent``: a knife, firearm or domestic flag makes it count in the group of that flag. ``protected``: its place
    can identify the victim, whatever the flags; a domestic flag protects any category. ``suspected``: that it happened
    at all is not confirmed.
    """

    code: str
    label: str
    violent: bool = False
    protected: bool = False
    suspected: bool = False


def _categories(*categories: Category) -> Mapping[str, Category]:
    return MappingProxyType({category.code: category for category in categories})


CATEGORIES = _categories(
    Category(code="homicide", label="Homicide", violent=True),
    Category(code="violence_injury", label="Violence with injury", violent=True),
    Category(code="violence_no_injury", label="Violence without injury", violent=True),
    Category(code="violence_unspecified", label="Violence of a kind not told", violent=True, protected=True),
    Category(code="knife_injury", label="Injury by knife or sharp object", violent=True),
    Category(code="gunshot_injury", label="Injury by gunshot", violent=True),
    Category(code="robbery_person", label="Robbery of a person", violent=True),
    Category(code="robbery_business", label="Robbery of a business", violent=True),
    Category(code="sexual", label="Sexual offence", violent=True, protected=True),
    Category(code="stalking_harassment", label="Stalking and harassment", violent=True, protected=True),
    Category(code="weapon_possession", label="Possession of a weapon"),
    Category(code="disorder", label="Disorder"),
    Category(code="shots_fired", label="Suspected discharge of a firearm", suspected=True),
    Category(code="other", label="Not violence"),
)
"""By code. ``violence_unspecified`` is for sources that mix kinds, sexual offences among them (data.police.uk)."""


class Meaning(NamedTuple):
    """What a code means: its category, the groups that count it, and the flags it tells."""

    category: str
    groups: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


class Classification(NamedTuple):
    """What an incident is: its category and the groups that count it, sorted."""

    category: str
    groups: tuple[str, ...]


class Unknown(Enum):
    """Why a code has no meaning."""

    SCHEME = "unknown_scheme"
    CODE = "unknown_category"


class Entry(NamedTuple):
    """One row of a scheme; *code* may end in ``*``."""

    scheme: str
    code: str
    meaning: Meaning


def spelling(text: str) -> str:
    """
    The form in which codes are compared.

    >>> spelling("  EMS:  Assault Victim ")
    'ems: assault victim'
    """
    return " ".join(text.split()).casefold()


def is_protected(category: str, *, domestic: bool | None) -> bool:
    """Whether the place of such an incident can identify its victim; so is what we don't know."""
    known = CATEGORIES.get(category)
    return domestic is True or known is None or known.protected


def is_suspected(category: str) -> bool:
    """Whether what is so called is not confirmed to have happened."""
    known = CATEGORIES.get(category)
    return known is not None and known.suspected


def groups_of(meaning: Meaning, *, knife: bool | None, firearm: bool | None, domestic: bool | None) -> frozenset[str]:
    """
    All groups that count an incident: those of its code, and for violence those of its flags.

    A flag is true if the notification or the code says so. Violence flagged domestic is counted as domestic abuse
    *instead of* street violence: the two ask for different interventions, and most domestic violence happens at home,
    so that a rise of one would hide in the other. The other groups stay: a domestic stabbing is domestic abuse and
    knife crime. A flag on what is no violence (a domestic noise complaint) adds nothing.
    """
    groups = set(meaning.groups)
    if not CATEGORIES[meaning.category].violent:
        return frozenset(groups)
    if knife or "knife" in meaning.flags:
        groups.add(KNIFE_CRIME)
    if firearm or "firearm" in meaning.flags:
        groups.add(FIREARM)
    if domestic or "domestic" in meaning.flags:
        groups.add(DOMESTIC_ABUSE)
        groups.discard(STREET_VIOLENCE)
    return frozenset(groups)


class _Scheme:
    """Codes of one source, and the spellings met so far."""

    def __init__(self) -> None:
        self._exact: dict[str, Meaning] = {}
        self._prefixes: dict[str, Meaning] = {}
        self.met: dict[str, Meaning | Unknown] = {}

    def add(self, code: str, meaning: Meaning) -> None:
        spelt = spelling(code)
        if spelt.endswith("*"):
            self._prefixes[spelt[:-1]] = meaning
        else:
            self._exact[spelt] = meaning

    def resolve(self, code: str) -> Meaning | Unknown:
        spelt = spelling(code)
        found: Meaning | Unknown | None = self._exact.get(spelt)
        if found is None:
            matching = (prefix for prefix in self._prefixes if spelt.startswith(prefix))
            longest = max(matching, key=len, default=None)
            found = Unknown.CODE if longest is None else self._prefixes[longest]
        if len(self.met) < SPELLINGS_KEPT:
            self.met[code] = found
        return found


class Taxonomy:
    """
    All schemes of a region.

    Parameters
    ----------
    entries
        Rows of all schemes; of two rows for one code the later one holds.
    groups
        The groups that the region counts; others are left out of every answer.

    """

    def __init__(self, entries: Iterable[Entry], groups: Iterable[str] = GROUPS) -> None:
        self._counted = frozenset(groups)
        self._schemes: dict[str, _Scheme] = {}
        for scheme, code, meaning in entries:
            self._schemes.setdefault(spelling(scheme), _Scheme()).add(code, meaning)
        self._spelt: dict[str, _Scheme] = dict(self._schemes)
        self._classified: dict[tuple[str, str, bool, bool, bool], Classification] = {}

    @property
    def schemes(self) -> tuple[str, ...]:
        """Names of the schemes, sorted."""
        return tuple(sorted(self._schemes))

    def map(self, scheme: str, code: str) -> Meaning | Unknown:
        """
        Meaning of *code* in *scheme*; ``Unknown`` says which of the two is not known.

        >>> taxonomy = Taxonomy([Entry("cad", "ASSAULT*", Meaning("violence_injury", ("street_violence",)))])
        >>> taxonomy.map("cad", "Assault/Knife").category
        'violence_injury'
        >>> taxonomy.map("cad", "THEFT"), taxonomy.map("dac", "THEFT")
        (<Unknown.CODE: 'unknown_category'>, <Unknown.SCHEME: 'unknown_scheme'>)
        """
        known = self._spelt.get(scheme)
        if known is None:
            known = self._schemes.get(spelling(scheme))
            if known is None:
                return Unknown.SCHEME
            if len(self._spelt) < SPELLINGS_KEPT:
                self._spelt[scheme] = known
        found = known.met.get(code)
        return known.resolve(code) if found is None else found

    def groups_for(
        self, meaning: Meaning, knife: bool | None, firearm: bool | None, domestic: bool | None
    ) -> tuple[str, ...]:
        """Groups of :func:`groups_of` that the region counts, sorted."""
        return tuple(sorted(groups_of(meaning, knife=knife, firearm=firearm, domestic=domestic) & self._counted))

    def classify(
        self, scheme: str, code: str, knife: bool | None, firearm: bool | None, domestic: bool | None
    ) -> Classification | Unknown:
        """
        Category and groups of an incident; the same as :meth:`map` then :meth:`groups_for`, remembered.

        What the police generated itself (stop and search, custody) is the caller's to leave out of the groups.
        """
        key = (scheme, code, knife is True, firearm is True, domestic is True)
        known = self._classified.get(key)
        if known is not None:
            return known
        meaning = self.map(scheme, code)
        if isinstance(meaning, Unknown):
            return meaning
        made = Classification(meaning.category, self.groups_for(meaning, knife, firearm, domestic))
        if len(self._classified) < SPELLINGS_KEPT:
            self._classified[key] = made
        return made

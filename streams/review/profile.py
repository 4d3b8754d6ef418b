"""What a table of monthly counts looks like: a small TOML file a profile, built in or one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from schemas.errors import UsageError
from streams.core.taxonomy import Taxonomy, Unknown, spelling

BUILT_IN = Path(__file__).parent / "profiles"


class MonthlyProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    How to read a table.

    ``shape`` is "wide" (a column a month) or "long" (a column that names the month, one that holds the count).
    ``area`` is the column of an area's code or name, ``within`` that of the name of the area around it, ``level`` that
    of the areas in the region; without ``area`` the table is of the whole region. Labels of the column ``category`` are
    given to groups by a scheme of the region pack or by ``groups`` (patterns by group); without it every row counts.
    ``recorded`` is the month in which an incident became known, ``only`` what columns must say for a row to count.
    ``counted_by`` says whether months are those of recording (then nothing recent is missing) or of the incident.
    """

    description: str
    source: str
    licence: str = ""
    shape: str
    level: str = ""
    area: str = ""
    within: str = ""
    category: str = ""
    scheme: str = ""
    month: str = ""
    recorded: str = ""
    counted_by: str = "recording"
    count: str = ""
    only: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    or_else: str = ""
    """Profile for a file that lacks this one's columns."""

    def __post_init__(self) -> None:
        if self.shape not in ("wide", "long"):
            raise ValueError(f"shape is {self.shape!r}: write wide or long")
        if self.shape == "long" and not (self.month and self.count):
            raise ValueError("a long table needs month and count")
        if bool(self.scheme) is bool(self.groups):
            raise ValueError("say either scheme or groups")
        if self.counted_by not in ("recording", "incident"):
            raise ValueError(f"counted_by is {self.counted_by!r}: write recording or incident")
        if bool(self.area) is not bool(self.level):
            raise ValueError("area and level belong together")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        named = (self.area, self.within, self.category, self.month, self.recorded, self.count, *self.only)
        return tuple(name for name in named if name)

    def groups_of(self, label: str, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Groups that count a label."""
        if self.groups:
            spelt = spelling(label)
            return tuple(
                group
                for group, patterns in self.groups.items()
                if any(fnmatchcase(spelt, spelling(pattern)) for pattern in patterns)
            )
        meaning = taxonomy.map(self.scheme, label)
        if isinstance(meaning, Unknown):
            return ()
        return taxonomy.groups_for(meaning, knife=None, firearm=None, domestic=None)


def built_in() -> tuple[str, ...]:
    """Names of the profiles that come with firebreak."""
    return tuple(sorted(path.stem for path in BUILT_IN.glob("*.toml")))


def read_profile(name_or_file: str) -> MonthlyProfile:
    """
    A profile by its name or file.

    Raises
    ------
    UsageError
        There is none, or it makes no sense.

    """
    path = BUILT_IN / f"{name_or_file}.toml" if name_or_file in built_in() else Path(name_or_file)
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), MonthlyProfile)
    except OSError as wrong:
        known = ", ".join(built_in())
        raise UsageError(f"no profile {name_or_file}: neither built in ({known}) nor a file") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, ValueError, RecursionError) as wrong:
        raise UsageError(f"profile {path.name}: {wrong}") from wrong


def fitting(profile: MonthlyProfile, header: Collection[str], file: str) -> MonthlyProfile:
    """
    The profile, or the one it names for other files, by the columns of a file.

    Raises
    ------
    UsageError
        The file has not the columns of either.

    """
    missing = [name for name in profile.columns if name not in header]
    if not missing:
        return profile
    if profile.or_else:
        return fitting(read_profile(profile.or_else), header, file)
    raise UsageError(f"{file}: no column {missing[0]!r}; is it a file of another profile?")

"""Profiles from TOML files: those that come with firebreak and a user's own, and what in them has no meaning."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from schemas.errors import UsageError
from schemas.events import Notification
from streams.ingest.compiled import compile_profile
from streams.ingest.profile import Form, Profile, Rule, Told
from streams.ingest.times import time_parser

StructT = TypeVar("StructT", bound=msgspec.Struct)

TOLD_APART = frozenset({"source_ref", "revision", "published_at"})
"""Fields that ``[identity]``, ``[revision]`` and ``[known_at]`` give."""
DERIVED_FROM = ("recorded_at", "reported_at", "occurred_at")
NEEDED = ("source", "category", "scheme")


def built_in() -> Mapping[str, str]:
    """Names of the profiles that come with firebreak, and what each is for."""
    found = {name: _parsed(file, name).description for name, file in _files().items()}
    return MappingProxyType(found)


def load_profile(name: str) -> Profile:
    """
    A profile that comes with firebreak, by name, or a file ending in ``.toml``.

    Raises
    ------
    UsageError
        There is none, or it says something that has no meaning: one line with file and key.

    """
    known = _files()
    if name in known:
        return _parsed(known[name], name)
    if not name.endswith(".toml"):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, or write FILE.toml"
        raise UsageError(f"no profile {name}: {hint}")
    return _parsed(Path(name), Path(name).stem)


def _files() -> dict[str, Traversable]:
    folder = files(__package__) / "profiles"
    found = sorted((file.name.removesuffix(".toml"), file) for file in folder.iterdir() if file.name.endswith(".toml"))
    return dict(found)


def _parsed(file: Traversable | Path, name: str) -> Profile:
    shown = str(file) if isinstance(file, Path) else file.name
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{shown} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: byte {error.start} is not UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{shown}: no TOML: {error}") from error
    return profile_from(content, shown, name)


def profile_from(content: Mapping[str, object], shown: str, name: str) -> Profile:
    """
    A profile from parsed TOML; *shown* is what messages call its file, *name* its name if it has none of its own.

    Raises
    ------
    UsageError
        It says something that has no meaning: one line with *shown* and the key.

    """
    plain = {key: value for key, value in content.items() if key != "fields"}
    profile = _struct(Profile, {"name": name, "description": "", **plain}, shown, "")
    fields = content.get("fields", {})
    if not isinstance(fields, dict):
        raise UsageError(f"{shown}: fields: expected a table of fields")
    rules = {field: _struct(Rule, rule, shown, f"fields.{field}") for field, rule in fields.items()}
    profile = msgspec.structs.replace(profile, fields=MappingProxyType(rules))
    for key, why in _mistakes(profile):
        raise UsageError(f"{shown}: {key}: {why}")
    if profile.format is not Form.NOTIFICATIONS:
        _try(profile, shown)
    return profile


def _try(profile: Profile, shown: str) -> None:
    try:
        compile_profile(profile, {column: index for index, column in enumerate(profile.columns())})
    except UsageError as error:
        raise UsageError(f"{shown}: {error}") from error


def _struct(kind: type[StructT], content: object, shown: str, key: str) -> StructT:
    try:
        return msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(" - at `$")
        where = ".".join(part for part in (key, path.rstrip("`").lstrip(".")) if part)
        why = re.sub(r"^Object contains unknown field `(.*)`", r"unknown key \1", why).replace("`", "")
        raise UsageError(f"{shown}: {where}: {why}" if where else f"{shown}: {why}") from error


def _mistakes(profile: Profile) -> Iterator[tuple[str, str]]:
    """What has no meaning: key and why. What the values must be is found when the rules are compiled."""
    if profile.delimiter is not None and len(profile.delimiter) != 1:
        yield "delimiter", "write one character"
    if not _is_zone(profile.zone):
        yield "zone", f"{profile.zone} is no IANA time zone such as Europe/London"
    if profile.format is Form.NOTIFICATIONS:
        if profile.fields:
            yield "fields", "notifications come in our own fields; use format jsonl to name others"
        return
    for field in NEEDED:
        if field not in profile.fields:
            yield f"fields.{field}", "missing: every notification needs it"
    for field, rule in profile.fields.items():
        yield from _field_mistakes(field, rule)
    yield from _known_at_mistakes(profile)
    yield from _identity_mistakes(profile)


def _field_mistakes(field: str, rule: Rule) -> Iterator[tuple[str, str]]:
    key = f"fields.{field}"
    if field in TOLD_APART:
        yield key, "is told by [identity], [revision] or [known_at]"
    elif field not in Notification._fields:
        near = difflib.get_close_matches(field, Notification._fields, n=1)
        yield key, "no field of a notification" + (f"; did you mean {near[0]}?" if near else "")
    if sum(each is not None for each in (rule.value, rule.column, rule.template)) != 1:
        yield key, "needs one of value, column and template"
    yield from rule_mistakes(key, rule)


def rule_mistakes(key: str, rule: Rule) -> Iterator[tuple[str, str]]:
    """What in a rule can't be read: its key, and why."""
    if rule.map is not None and rule.match is not None:
        yield key, "has both map and match: keep one of them"
    if rule.otherwise is not None and rule.map is None and rule.match is None:
        yield key, "otherwise is of no use without map or match"
    if rule.zone is not None and not _is_zone(rule.zone):
        yield f"{key}.zone", f"{rule.zone} is no IANA time zone such as Europe/London"
    for part, text in (("pattern", rule.pattern), *(("match", each) for each in rule.match or ())):
        if text is not None and (why := _no_expression(text)):
            yield f"{key}.{part}", f"{text!r} is no regular expression: {why}"
    if rule.template is not None and (why := _no_template(rule)):
        yield f"{key}.template", why
    try:
        time_parser(rule.format, ZoneInfo("UTC"))
    except ValueError as error:
        yield f"{key}.format", str(error)


def _no_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        return str(error)
    return ""


def _no_template(rule: Rule) -> str:
    try:
        return "" if all(rule.columns) and rule.columns else "name columns in braces: {PrimaryType}/{Description}"
    except ValueError as error:
        return str(error)


def _known_at_mistakes(profile: Profile) -> Iterator[tuple[str, str]]:
    rule = profile.known_at
    if rule.column is None and not rule.first_of:
        yield "known_at", "say when a row became known: a column, or first_of with fields to derive it from"
    if rule.value is not None or rule.template is not None:
        yield "known_at", "takes column or first_of"
    for field in rule.first_of:
        if field not in DERIVED_FROM or field not in profile.fields:
            yield "known_at.first_of", f"{field} is no time among the fields; choose {', '.join(DERIVED_FROM)}"
    try:
        _ = rule.lag
    except ValueError as error:
        yield "known_at.delay", str(error)
    yield from rule_mistakes("known_at", rule)


def _identity_mistakes(profile: Profile) -> Iterator[tuple[str, str]]:
    if profile.identity.column is None and not profile.identity.columns:
        yield "identity", "name the column with the reference, or the columns that make a row this incident"
    revision = profile.revision
    if revision is not None and (revision.told_by is Told.COLUMN) is (revision.column is None):
        yield "revision", 'column goes with told_by = "column", and only with that'


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True

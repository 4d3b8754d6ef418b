"""A profile compiled against the columns of a file: from a row to a notification and when it became known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from schemas.errors import Malformed, UsageError
from schemas.events import Kind, Millis, Notification, Reason
from streams.core.validate import EARLIEST
from streams.ingest.arrival import Arrival
from streams.ingest.fields import Getter, Row, Value, compile_rule, silent
from streams.ingest.profile import KnownAt, Profile, Rule, Told

LATEST: Millis = 4_102_444_800_000
"""2100-01-01: a file that became known later has a broken clock, and playing it would never end."""

_DIGEST = 10
_FIELDS = Notification._fields
_KIND, _REF, _REVISION, _CATEGORY = (_FIELDS.index(each) for each in ("kind", "source_ref", "revision", "category"))
_PUBLISHED = _FIELDS.index("published_at")
_WITH_CONTENT = frozenset({Kind.REPORTED.value, Kind.UPDATED.value, Kind.RECLASSIFIED.value})
_SECOND = timedelta(milliseconds=1)

_KnownAtGetter = Callable[[Row, list[Value]], Millis]
_RefGetter = Callable[[Row], str]


class Compiled(NamedTuple):
    """One file's way from rows to notifications; the references of one file are numbered, so each file has its own."""

    constants: tuple[Value, ...]
    getters: tuple[tuple[int, Getter], ...]
    ref: _RefGetter
    known_at: _KnownAtGetter

    def arrival(self, row: Row) -> Arrival:
        """
        The notification that a row is, and when it became known.

        Raises
        ------
        Malformed
            It is none: why.

        """
        values = list(self.constants)
        for index, get in self.getters:
            values[index] = get(row)
        if not values[_CATEGORY] and values[_KIND] in _WITH_CONTENT:
            raise Malformed(Reason.MISSING_FIELD, "category is empty")
        values[_REF] = self.ref(row)
        values[_PUBLISHED] = known_at = self.known_at(row, values)
        return Arrival(known_at, Notification._make(cast("Iterable[str]", values)))


def compile_profile(profile: Profile, position: Mapping[str, int]) -> Compiled:
    """
    Compile *profile* for rows whose columns stand at *position*; all that it needs must be there.

    Raises
    ------
    UsageError
        A constant is not what its field can hold: key and reason.

    """
    zone = ZoneInfo(profile.zone)
    constants = [silent(field) for field in _FIELDS]
    constants[_REVISION] = 1
    getters: list[tuple[int, Getter]] = []
    rules = dict(profile.fields)
    if profile.revision is not None and profile.revision.told_by is Told.COLUMN:
        rules["revision"] = Rule(column=profile.revision.column, optional=profile.revision.optional)
    for field, rule in rules.items():
        found = _compiled(f"fields.{field}", field, rule, position, zone)
        if callable(found):
            getters.append((_FIELDS.index(field), found))
        else:
            constants[_FIELDS.index(field)] = found
    ref = _ref(profile, position, zone)
    return Compiled(tuple(constants), tuple(getters), ref, _known_at(profile.known_at, position, zone))


def _compiled(key: str, field: str, rule: Rule, position: Mapping[str, int], zone: ZoneInfo) -> Getter | Value:
    try:
        return compile_rule(field, rule, position, zone)
    except ValueError as error:
        raise UsageError(f"{key}: {error}") from error


def _ref(profile: Profile, position: Mapping[str, int], zone: ZoneInfo) -> _RefGetter:
    identity = profile.identity
    derived = _derived_ref([position[column] for column in identity.columns]) if identity.columns else None
    if identity.column is None:
        assert derived is not None, "a profile without reference has identifying columns"  # noqa: S101 - checked
        return derived
    at = position[identity.column]
    convert = cast("_RefGetter", compile_rule("source_ref", Rule(column=identity.column), position, zone))
    if derived is None:
        return convert
    return lambda row: convert(row) if row[at].strip() else derived(row)


def _derived_ref(indexes: list[int]) -> _RefGetter:
    """
    A short hash of what identifies a row, and which of the rows of that content in this file it is, from the second on.

    So rows of equal content are distinct incidents, and the same file again gives the same references.
    """
    pick = itemgetter(*indexes) if len(indexes) > 1 else (lambda row, at=indexes[0]: (row[at],))
    seen: dict[bytes, int] = {}

    def ref(row: Row) -> str:
        digest = blake2b("\x1f".join(pick(row)).encode(), digest_size=_DIGEST).digest()
        number = seen[digest] = seen.get(digest, 0) + 1
        return digest.hex() if number == 1 else f"{digest.hex()}.{number}"

    return ref


def _known_at(rule: KnownAt, position: Mapping[str, int], zone: ZoneInfo) -> _KnownAtGetter:
    told = None if rule.column is None else _compiled("known_at", "published_at", rule, position, zone)
    read = told if callable(told) else None
    candidates = [_FIELDS.index(field) for field in rule.first_of]
    lag = rule.lag // _SECOND

    def known_at(row: Row, values: list[Value]) -> Millis:
        at = cast("Millis | None", read(row)) if read is not None else None
        if at is None:
            first = next((values[index] for index in candidates if values[index] is not None), None)
            if first is None:
                raise Malformed(Reason.NO_TIME, "nothing says when it became known")
            at = cast("Millis", first) + lag
        if EARLIEST <= at < LATEST:
            return at
        raise implausible(at)

    return known_at


def implausible(at: Millis) -> Malformed:
    """Why no file can have become known at *at*."""
    if at >= LATEST:
        return Malformed(Reason.FUTURE_TIME, "known after the year 2100")
    if EARLIEST // 1000 <= at < LATEST // 1000:
        return Malformed(
            Reason.SECONDS_FOR_MILLISECONDS, "known in 1970: the time looks like seconds, not milliseconds"
        )
    return Malformed(Reason.PLACEHOLDER_TIME, "known before 1980: a placeholder")

"""CloudEvents attributes in binary mode, as Kafka headers of the public topics; the value stays plain Avro."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from schemas.events import Alert, AlertEvent, AreaCount, Incident, Millis
from schemas.jsonform import iso

Headers: TypeAlias = list[tuple[str, bytes]]

_VERSION = ("ce_specversion", b"1.0")
_CONTENT = ("content-type", b"application/avro")
_SECONDS_KEPT = 4096
_NOUNS: Mapping[type, str] = MappingProxyType(
    {Incident: "incident", AreaCount: "area", AlertEvent: "alert", Alert: "alert"}
)


def ce_type(record: type, what: str) -> str:
    """
    Event type of a public record: what became of what.

    >>> ce_type(Incident, "ADDED"), ce_type(AreaCount, "COUNTED"), ce_type(Alert, "STATE")
    ('firebreak.incident.added.v1', 'firebreak.area.counted.v1', 'firebreak.alert.state.v1')
    """
    verb = what.lower().replace("_", "")
    return f"firebreak.{_NOUNS[record]}.{verb}.v1"


def origin_id(partition: int, offset: int, index: int) -> str:
    """
    Id of an event by the raw record that it comes from: the same in every attempt, so readers can drop repeats.

    >>> origin_id(3, 1041, 0)
    '3-1041-0'
    """
    return f"{partition}-{offset}-{index}"


class CloudEvents:
    """
    Headers of one sender's events.

    Parameters
    ----------
    source
        URI reference of the sender, for example ``/firebreak/enrich``.

    """

    def __init__(self, source: str) -> None:
        self._source = ("ce_source", source.encode())
        self._types: dict[str, tuple[str, bytes]] = {}
        self._seconds: dict[int, str] = {}

    def headers(self, ce_type: str, ce_id: str, subject: str, time: Millis) -> Headers:
        """Attributes of one event; *subject* is its area, alert or incident, *time* when it happened."""
        kind = self._types.get(ce_type)
        if kind is None:
            kind = self._types[ce_type] = ("ce_type", ce_type.encode())
        return [
            _VERSION,
            ("ce_id", ce_id.encode()),
            self._source,
            kind,
            ("ce_subject", subject.encode()),
            ("ce_time", self._time(time)),
            _CONTENT,
        ]

    def _time(self, at: Millis) -> bytes:
        second, rest = divmod(at, 1000)
        text = self._seconds.get(second)
        if text is None:
            if len(self._seconds) >= _SECONDS_KEPT:
                self._seconds.clear()
            text = self._seconds[second] = iso(second * 1000)[:-4]
        return f"{text}{rest:03d}Z".encode()

"""
An alert in the Common Alerting Protocol 1.2 (OASIS, 1 July 2010), for systems that speak it.

Scope is always Restricted: CAP addresses the public, our readers are staff. An exercise has status Exercise.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from typing import Protocol
from xml.etree import ElementTree as ET

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import What
from consumers.notify.message import Composer, Subject, words
from schemas.events import AlertEvent, Millis, Tense

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SENDER = "firebreak"
_SEVERITIES = {"CRITICAL": "Severe", "ALERT": "Moderate", "WATCH": "Minor"}
_TYPES = {What.RETRACTION: "Cancel", What.END: "Update", What.UPDATE: "Update", What.REMINDER: "Update"}


class Told(Protocol):
    """What CAP needs of a parcel."""

    @property
    def delivery_id(self) -> str:
        """Its identity."""
        ...

    @property
    def subject(self) -> Subject:
        """What is told."""
        ...

    @property
    def composer(self) -> Composer:
        """Words."""
        ...

    @property
    def made_at(self) -> Millis:
        """When it was decided."""
        ...

    @property
    def events(self) -> tuple[AlertEvent, ...]:
        """The alerts."""
        ...


def cap(told: Told) -> bytes:
    """The document; a digest has one ``info`` for each of its alerts."""
    ET.register_namespace("", NAMESPACE)
    alert = ET.Element(_name("alert"))
    exercise = all(event.tense == Tense.EXERCISE for event in told.events)
    original = told.subject.what not in _TYPES
    first = told.events[0]
    for name, text in (
        ("identifier", _identifier(told.delivery_id)),
        ("sender", SENDER),
        ("sent", _time(told.made_at)),
        ("status", "Exercise" if exercise else "Actual"),
        ("msgType", _TYPES.get(told.subject.what, "Alert")),
        ("scope", "Restricted"),
        ("restriction", "For staff of the partnership; " + first.handling.replace("_", "-")),
        ("note", "This may be a repeat." if told.subject.repeat else ""),
        ("references", "" if original else f"{SENDER},{_identifier(_first(told))},{_time(first.opened_at)}"),
    ):
        _put(alert, name, text)
    for event in told.events:
        alert.append(_info(event, told))
    return bytes(ET.tostring(alert, encoding="utf-8", xml_declaration=True))


def _first(told: Told) -> str:
    """Delivery id of the first message about the alert to the same recipient."""
    alert_id, _, rest = told.delivery_id.partition("|")
    return f"{alert_id}|1|{rest.partition('|')[2]}"


def _info(event: AlertEvent, told: Told) -> ET.Element:
    composer, over = told.composer, told.subject.what in {What.END, What.RETRACTION}
    text = composer.text(Subject(what=told.subject.what, why=told.subject.why, event=event))
    info = ET.Element(_name("info"))
    for name, value in (
        ("language", "en-GB"),
        ("category", "Security"),
        ("event", f"{words(event.group)} above normal"),
        ("responseType", "AllClear" if over else "Assess"),
        ("urgency", "Past" if over else "Expected"),
        ("severity", _SEVERITIES[event.severity]),
        ("certainty", "Unlikely" if told.subject.what is What.RETRACTION else "Likely"),
        ("onset", _time(event.opened_at)),
        ("senderName", "firebreak"),
        ("headline", text.first_line),
        ("description", text.body),
        ("web", composer.link(event.alert_id)),
    ):
        _put(info, name, value)
    for name, value in _parameters(event):
        parameter = ET.SubElement(info, _name("parameter"))
        _put(parameter, "valueName", name)
        _put(parameter, "value", value)
    for area in _areas(event, composer.gazetteer):
        info.append(area)
    return info


def _parameters(event: AlertEvent) -> Iterator[tuple[str, str]]:
    yield "alert_id", event.alert_id
    yield "observed", str(event.observed)
    yield "expected", f"{event.expected:.2f}"
    yield "window_hours", str(event.window)
    yield "completeness", f"{event.completeness:.2f}"


def _areas(event: AlertEvent, gazetteer: Gazetteer) -> Iterator[ET.Element]:
    for code in event.areas:
        area = ET.Element(_name("area"))
        _put(area, "areaDesc", gazetteer.name(code))
        geocode = ET.SubElement(area, _name("geocode"))
        _put(geocode, "valueName", "area_code")
        _put(geocode, "value", code)
        yield area


def _put(parent: ET.Element, name: str, text: str) -> None:
    if text:
        ET.SubElement(parent, _name(name)).text = text


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _identifier(delivery_id: str) -> str:
    """Identifiers hold neither spaces nor commas nor ``<`` nor ``&``."""
    return hashlib.sha256(delivery_id.encode()).hexdigest()[:32]


def _time(at: Millis) -> str:
    """CAP wants seconds and an offset, and no Z."""
    return dt.datetime.fromtimestamp(at // 1000, dt.UTC).isoformat()

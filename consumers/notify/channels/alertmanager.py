"""Alertmanager: alerts into one (API v2), or out in the shape of its webhook, which dozens of tools take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from consumers.notify.cases import What
from consumers.notify.channels.base import Parcel, Result
from consumers.notify.channels.http import post
from consumers.notify.message import Composer, Subject, disclosed
from schemas.events import AlertEvent, AlertKind, Millis
from schemas.jsonform import iso

NAME = "FirebreakViolenceAboveNormal"
_JSON = {"content-type": "application/json", "user-agent": "firebreak"}
_OVER = frozenset({AlertKind.ENDED, AlertKind.RETRACTED, AlertKind.CLOSED})
_YEAR_ONE = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """
    An Alertmanager. It forgets an alert that it does not hear of again for ``keep`` ms, and everything at its restart.

    So it is told of all that is open, again and again (:meth:`refresh`).
    """

    url: str
    keep: Millis

    def send(self, parcel: Parcel) -> Result:
        """Tell of the alerts of one message."""
        over = parcel.subject.what in {What.END, What.RETRACTION}
        alerts = [_alert(event, parcel.composer, parcel.sent_at, self.keep, over=over) for event in parcel.events]
        return self._post(alerts)

    def refresh(self, events: Sequence[AlertEvent], composer: Composer, now: Millis) -> Result:
        """Tell of all that is open."""
        shown = [disclosed(event, composer.gazetteer) for event in events]
        return self._post([_alert(event, composer, now, self.keep) for event in shown])

    def _post(self, alerts: list[dict[str, object]]) -> Result:
        return post(f"{self.url.rstrip('/')}/api/v2/alerts", msgspec.json.encode(alerts), _JSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerWebhook:
    """A receiver of Alertmanager's webhooks."""

    url: str

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt."""
        over = parcel.subject.what in {What.END, What.RETRACTION}
        alerts = [_alert(event, parcel.composer, parcel.sent_at, 0, over=over) for event in parcel.events]
        for event, alert in zip(parcel.events, alerts, strict=True):
            alert["status"] = "resolved" if "endsAt" in alert else "firing"
            alert.setdefault("endsAt", _YEAR_ONE)
            alert["fingerprint"] = event.alert_id[:16]
        firing = any(alert["status"] == "firing" for alert in alerts)
        body = {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{NAME}"}}:{parcel.delivery_id}',
            "truncatedAlerts": 0,
            "status": "firing" if firing else "resolved",
            "receiver": "firebreak",
            "groupLabels": {"alertname": NAME},
            "commonLabels": {"alertname": NAME} if len(alerts) > 1 else alerts[0]["labels"],
            "commonAnnotations": {"summary": parcel.text.first_line},
            "externalURL": parcel.composer.link(""),
            "alerts": alerts,
        }
        return post(self.url, msgspec.json.encode(body), _JSON)


def _alert(
    event: AlertEvent, composer: Composer, now: Millis, keep: Millis, *, over: bool = False
) -> dict[str, object]:
    words = composer.text(Subject(what=What.ORIGINAL, why="", event=event))
    found: dict[str, object] = {
        "labels": {
            "alertname": NAME,
            "alert_id": event.alert_id,
            "region": event.region,
            "level": event.level,
            "area": event.area,
            "group": event.group,
            "tense": event.tense,
            # another severity is another alert to Alertmanager; the one before ends when it is not told of again
            "severity": event.severity.lower(),
        },
        "annotations": {
            "summary": words.first_line,
            "description": words.body,
            "areas": ", ".join(event.areas),
        },
        "startsAt": iso(event.opened_at),
        "generatorURL": composer.link(event.alert_id),
    }
    if over or event.kind in _OVER or event.outcome:
        found["endsAt"] = iso(now)
    elif keep:
        found["endsAt"] = iso(now + keep)
    return found

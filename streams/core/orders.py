"""What people ordered and what stays of it: silences, planned events, linked incidents, and the commands obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from typing import cast

from schemas.events import DAY, AlertKind, AlertReason, AuditEntry, Command, CommandKind, Facts, Millis
from streams.core.alert import AlertState, Transition
from streams.core.controller import Answer, Weighing
from streams.core.desk import Refusal, Silence
from streams.core.links import Links
from streams.core.stage import Row, RowValue

CONTROLLER = "firebreak.feedback"
"""Who moves thresholds, in the audit."""
OBEYED: Millis = 28 * DAY
"""So long a repeated command is known for one."""


class Orders:
    """Of the regions behind one inbox partition."""

    def __init__(self, regions: Iterable[str]) -> None:
        self.links = {region: Links(region) for region in regions}
        self._silences: dict[str, Silence] = {}
        self._obeyed: dict[str, Millis] = {}
        self._changed: set[str] = set()
        self._heard: set[str] = set()

    def first_time(self, command: Command, now: Millis) -> bool:
        """Whether the command was not taken in before; it has been from now on, whatever becomes of it."""
        if command.command_id in self._obeyed:
            return False
        self._obeyed[command.command_id] = now
        self._heard.add(command.command_id)
        return True

    def silence(self, silence_id: str, region: str) -> Silence | None:
        """The silence or planned event of that id."""
        found = self._silences.get(silence_id)
        return found if found is not None and found.region == region else None

    def hush(self, silence: Silence) -> None:
        """Take a silence or planned event in."""
        self._silences[silence.silence_id] = silence
        self._changed.add(silence.silence_id)

    def unhush(self, silence_id: str) -> None:
        """End a silence or planned event."""
        del self._silences[silence_id]
        self._changed.add(silence_id)

    def silenced_by(self, alert: AlertState, now: Millis) -> str:
        """Id of the first silence that covers *alert*, "" if none does."""
        return next((each.silence_id for each in self._silences.values() if each.covers(alert, now)), "")

    def forget(self, now: Millis) -> None:
        """Drop what is over."""
        for silence_id in [each.silence_id for each in self._silences.values() if each.until <= now]:
            self.unhush(silence_id)
        for command_id in [each for each, at in self._obeyed.items() if at < now - OBEYED]:
            del self._obeyed[command_id]
            self._heard.add(command_id)
        for links in self.links.values():
            links.forget(now)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for silence_id in sorted(self._changed):
            silence = self._silences.get(silence_id)
            yield Row(f"silence|{silence_id}", None if silence is None else astuple(silence))
        for command_id in sorted(self._heard):
            at = self._obeyed.get(command_id)
            yield Row(f"obeyed|{command_id}", None if at is None else (command_id, at))
        for links in self.links.values():
            yield from links.dirty()
        self._changed.clear()
        self._heard.clear()

    def restore(self, rows: Iterable[Row]) -> list[Row]:
        """Take over the rows that are of this kind; answer the others."""
        others = []
        for row in rows:
            kind, _, rest = row.key.partition("|")
            value = cast("RowValue", row.value)
            if kind == "silence":
                silence = _silence_of(value)
                self._silences[silence.silence_id] = silence
            elif kind == "obeyed":
                command_id, at = cast("tuple[str, int]", value)
                self._obeyed[command_id] = at
            elif kind == "link":
                self.links[rest.partition("|")[0]].restore(value)
            else:
                others.append(row)
        return others


def tie(
    links: Links, alert: AlertState | None, command: Command, named: set[str], now: Millis
) -> tuple[Transition, tuple[str, ...]] | Refusal:
    """
    Link or unlink the incidents of *command*, of which *named* are known; answer transition and whose links changed.

    Incidents are known for as long as an hour that is kept names them.
    """
    if alert is None:
        return Refusal(AlertReason.UNKNOWN_ALERT, f"no alert {command.alert_id or '(none named)'} in {command.region}")
    incidents = tuple(dict.fromkeys(command.incidents))
    linking = command.kind == CommandKind.LINK
    if len(incidents) < (2 if linking else 1):
        return Refusal(AlertReason.BAD_COMMAND, "two incidents are needed" if linking else "an incident is needed")
    if strange := [each for each in incidents if each not in named]:
        return Refusal(AlertReason.BAD_COMMAND, f"no incident {', '.join(strange)} in the last eight days")
    if linking:
        changed = tuple(links.same(incidents[0])) if links.link(incidents, now) else ()
    else:
        changed = tuple(dict.fromkeys(each for one in incidents for each in links.unlink(one, now)))
    if not changed:
        return Refusal(AlertReason.BAD_COMMAND, "they are one event already" if linking else "it is linked with none")
    kind, verb = (AlertKind.LINKED, "one event") if linking else (AlertKind.UNLINKED, "events of their own")
    after = replace(alert, transitions=alert.transitions + 1)
    told = Transition(
        alert=after,
        kind=kind,
        reason=AlertReason.COMMAND,
        changed=f"{', '.join(incidents)}: {verb}",
        cause=command.command_id,
        command=command,
    )
    return told, changed


def audited(command: Command, now: Millis, of: str, before: Facts, after: Facts, refusal: Refusal | None) -> AuditEntry:
    """Entry of the audit for *command* about *of*, taken in at *now*."""
    return AuditEntry(
        at=now,
        issued_at=command.issued_at,
        actor=command.actor,
        region=command.region,
        command_id=command.command_id,
        what=command.kind,
        of=of,
        done=refusal is None,
        reason="" if refusal is None else refusal.detail,
        text=command.text,
        before=before,
        after=after,
    )


def weighed(region: str, pool: str, weighing: Weighing, now: Millis) -> AuditEntry:
    """Entry of the audit for what the controller of a budget made of a week, taken at *now*."""
    return AuditEntry(
        at=now,
        issued_at=now,
        actor=CONTROLLER,
        region=region,
        command_id=f"feedback|{pool or region}|{weighing.week}",
        what="FEEDBACK",
        of=pool or region,
        done=weighing.answer is Answer.MOVED,
        reason="" if weighing.answer is Answer.MOVED else weighing.answer,
        text=weighing.words,
        before={"correction": f"{weighing.before:+.3f}"},
        after={"correction": f"{weighing.after:+.3f}"},
    )


def silence_refused(command: Command) -> Refusal:
    """There is nothing to end."""
    return Refusal(AlertReason.BAD_COMMAND, f"no silence {command.alert_id or '(none named)'} in {command.region}")


def _silence_of(row: RowValue) -> Silence:
    silence_id, region, area, group, until, author, reason, *later = cast(
        "tuple[str, str, str, str, int, str, str, int, bool]", row
    )
    since, planned = cast("tuple[int, bool]", tuple(later) or (0, False))
    return Silence(
        silence_id=silence_id,
        region=region,
        area=area,
        group=group,
        until=until,
        author=author,
        reason=reason,
        since=since,
        planned=planned,
    )

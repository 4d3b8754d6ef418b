"""
Incidents that people say are one event, and count once.

A linked set counts as the first of its incidents that stands: when the source takes that one back, the next counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas.events import DAY, Millis
from streams.core.stage import Row, RowValue

REMEMBERED: Millis = 60 * DAY


class Links:
    """The linked incidents of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._sets: dict[str, tuple[str, ...]] = {}
        """Of each linked incident: all of its set, the one that counts first."""
        self._since: dict[str, Millis] = {}
        self._dirty: set[str] = set()

    def __contains__(self, incident_id: str) -> bool:
        return incident_id in self._sets

    def __bool__(self) -> bool:
        return bool(self._sets)

    def same(self, incident_id: str) -> tuple[str, ...]:
        """All incidents that are one event with *incident_id*, in the order in which they count."""
        return self._sets.get(incident_id, (incident_id,))

    def hidden(self, incident_id: str, stands: Callable[[str], bool]) -> bool:
        """
        Whether *incident_id* is not counted, because one that is the same event is.

        >>> links = Links("R")
        >>> links.link(["a", "b"], 0)
        True
        >>> links.hidden("b", lambda each: True), links.hidden("b", lambda each: each != "a")
        (True, False)
        """
        known = self._sets.get(incident_id)
        return known is not None and any(stands(each) for each in known[: known.index(incident_id)])

    def link(self, incidents: Iterable[str], now: Millis) -> bool:
        """Make one event of *incidents* and all that they were linked with; False if they are that already."""
        first, *others = incidents
        one = list(self.same(first))
        for other in others:
            one += [each for each in self.same(other) if each not in one]
        if tuple(one) == self.same(first):
            return False
        self._put(tuple(one), now)
        return True

    def unlink(self, incident_id: str, now: Millis) -> tuple[str, ...]:
        """Make *incident_id* an event of its own again; answer the set that it was in, () if in none."""
        known = self._sets.pop(incident_id, ())
        if known:
            self._dirty.add(incident_id)
            left = tuple(each for each in known if each != incident_id)
            self._put(left, now)
        return known

    def _put(self, one: tuple[str, ...], now: Millis) -> None:
        for each in one:
            self._dirty.add(each)
            self._since[each] = now
            if len(one) > 1:
                self._sets[each] = one
            else:
                self._sets.pop(each, None)

    def forget(self, now: Millis) -> None:
        """Drop the links of incidents that no window reaches any more."""
        for each in [each for each in self._sets if self._since[each] < now - REMEMBERED]:
            del self._sets[each], self._since[each]
            self._dirty.add(each)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for each in sorted(self._dirty):
            one = self._sets.get(each)
            yield Row(f"link|{self._region}|{each}", None if one is None else (each, one, self._since[each]))
        self._dirty.clear()

    def restore(self, value: RowValue) -> None:
        """Take one row over."""
        incident_id, one, since = value
        assert isinstance(one, tuple | list), "a row of links"  # noqa: S101 - what dirty() wrote
        self._sets[str(incident_id)] = tuple(map(str, one))
        self._since[str(incident_id)] = int(str(since))

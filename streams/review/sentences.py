"""What a review says in words: short, for readers without statistics, never more than the numbers carry."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.disclosure import Cell, Shown
from streams.review.change import Change, Verdict
from streams.review.months import Month, words
from streams.review.review import Places, Review, Trend
from streams.review.season import YEAR
from streams.review.shifts import Shift

NAMES = {
    "street_violence": "Street violence",
    "knife_crime": "Knife crime",
    "knife_injury": "Injury by knife",
    "domestic_abuse": "Domestic abuse",
    "sexual_violence": "Sexual violence",
    "robbery": "Robbery",
    "firearm": "Gun crime",
    "homicide": "Homicide",
    "shooting": "Shootings",
    "stalking_harassment": "Stalking and harassment",
    "violence_against_women": "Violence against women and girls",
}
MAIN = 0.1
"""A shift is one of the main ones if the level changed by at least this share."""
KINDS = ("homicide", "street_violence", "knife_crime", "domestic_abuse", "sexual_violence")
"""What a review of serious violence is expected to tell."""


def name(group: str) -> str:
    """A group as people say it."""
    return NAMES.get(group, group.replace("_", " ").capitalize())


def percent(ratio: float) -> str:
    r"""
    How much more or less, in whole percent.

    >>> percent(1.124), percent(0.83), percent(2.5)
    ('12\xa0% more', '17\xa0% less', '2.5 times as many')
    """
    if ratio >= TWICE:
        return f"{ratio:.1f} times as many"
    return f"{abs(ratio - 1):.0%} {'more' if ratio >= 1 else 'less'}".replace("%", "\u00a0%")


def of_change(change: Change) -> str:
    """What one change means, with how sure."""
    limits = f"between {ratio(change.low)} and {ratio(change.high)}"
    if change.verdict is Verdict.SHORT:
        return "not enough history to compare"
    if change.verdict is Verdict.FEW:
        return "too few to tell a change"
    if change.verdict is Verdict.NONE:
        return f"no evidence of change ({limits} of the year before)"
    return f"{percent(change.ratio)} than the year before (sure to 95 %: {limits} of it)"


def ratio(value: float) -> str:
    r"""
    A ratio for people.

    >>> ratio(0.871), ratio(1.25)
    ('87\xa0%', '125\xa0%')
    """
    return f"{value * 100:.0f}\u00a0%"


def of_trend(trend: Trend, end: Month) -> str:
    """The last year of a group in the region."""
    begin = max(end - YEAR, end - trend.used)
    count = int(trend.counts[: trend.used][-YEAR:].sum())
    return f"{count:,} from {words(begin)} to {words(end - 1)}: {of_change(trend.change)}"


def of_shift(shift: Shift, group: str) -> str:
    r"""
    A level shift, dated and in words.

    >>> s = Shift(24242, 24242, 24243, 0.82, 0.79, 0.85, 13700.0, 11234.0)
    >>> of_shift(s, "robbery")
    'Robbery fell by 18\xa0% in March 2020 (or up to April 2020), from about 13,700 to 11,234 a month'
    """
    moved = "rose" if shift.ratio > 1 else "fell"
    date = words(shift.at)
    if shift.earliest < shift.at:
        date += f" (or as early as {words(shift.earliest)})"
    elif shift.latest > shift.at:
        date += f" (or up to {words(shift.latest)})"
    size = f"{abs(shift.ratio - 1) * 100:.0f}\u00a0%"
    digits = 0 if shift.before >= FEW else 1
    levels = f"from about {shift.before:,.{digits}f} to {shift.after:,.{digits}f} a month"
    return f"{name(group)} {moved} by {size} in {date}, {levels}"


def main_shifts(shifts: Sequence[Shift]) -> list[Shift]:
    """Those that changed the level by a tenth or more."""
    return [shift for shift in shifts if max(shift.ratio, 1 / shift.ratio) >= 1 + MAIN]


def where(places: Places, names: dict[str, str], most: int = 3) -> str:
    """The areas that are surely among the highest, or that nothing is sure."""
    sure = [names[places.areas[k]] for k in places.order if places.top[k] >= SURE_ENOUGH]
    tenth = max(1, round(len(places.areas) * 0.1))
    if not sure:
        return f"which {places.level}s are the highest tenth can't be told for sure"
    rest = f" and {len(sure) - most} more" if len(sure) > most else ""
    return f"surely among the {tenth} highest {places.level}s: {', '.join(sure[:most])}{rest}"


def changed(places: Places) -> str:
    """How many areas changed."""
    up, down = (sum(each.verdict is verdict for each in places.changes) for verdict in (Verdict.UP, Verdict.DOWN))
    if not up and not down:
        return f"no {places.level} changed by more than chance and its usual ups and downs"
    said = [f"{count} {word}" for count, word in ((up, "up"), (down, "down")) if count]
    return f"{' and '.join(said)} of {len(places.areas)} {places.level}s"


def shifted(places: Places) -> str:
    """How many areas had a level shift of their own of late."""
    since = places.spans[0].end - 2 * YEAR
    moved = sum(
        any(shift.at >= since for shift in main_shifts(places.told_shifts(k))) for k in range(len(places.areas))
    )
    return (
        f"A level shift of a tenth or more since {words(since)}: in {moved} of {len(places.areas)} (area-shifts.csv)."
    )


def number(cell: Cell) -> str:
    """A number as it may be told."""
    return f"{cell.number:,}" if cell.shown is Shown.EXACT and cell.number is not None else cell.text


def absent(review: Review) -> list[str]:
    """Kinds of violence that the source does not tell."""
    return [name(kind) for kind in KINDS if kind not in review.panel.groups]


TWICE = 2.0
FEW = 100.0
SURE_ENOUGH = 0.95

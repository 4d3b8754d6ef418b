"""A review as JSON and as tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from streams.review import local
from streams.review.local import significant
from streams.review.months import iso
from streams.review.panel import Counts, Panel
from streams.review.review import Places, Review, Trend
from streams.review.season import YEAR
from streams.review.sentences import of_shift

Json = dict[str, object]


def as_json(review: Review) -> Json:
    """
    Everything that the report says.

    Numbers of areas are those that the audience may be told: ``null`` where a number is banded or hidden. A rate whose
    area has such a number has two significant digits.
    """
    panel, source = review.panel, review.panel.provenance.source
    return {
        "firebreak": version("firebreak-streams"),
        "region": review.region.name,
        "from": iso(panel.first),
        "until": iso(panel.end),
        "audience": review.audience.value,
        "rule": review.audience.rule,
        "command": review.command,
        "sources": [
            {"source": source, "licence": panel.provenance.licence, "file": file, "sha256": digest}
            for file, digest in panel.provenance.files
        ],
        "notes": list(panel.provenance.notes),
        "newest_month": iso(panel.end - 1),
        "excluded_months": [iso(at) for at in panel.excluded],
        "totals": {group: by_year(panel, counts) for group, counts in zip(panel.groups, panel.region, strict=True)},
        "published": {label: by_year(panel, counts) for label, counts in panel.labels.items() if label},
        "series": {trend.group: _series(trend, panel) for trend in review.trends},
        "shifts": [each for trend in review.trends for each in _shifts(trend, source)],
        "area_shifts": [each for places in review.places for each in _area_shifts(places, source)],
        "changes": [each for places in review.places for each in _changes(places, source)],
        "focus": [each for places in review.places for each in _focus(places, review, source)],
        "peaks": [each for places in review.places for each in _peaks(places, source)],
        "concentration": [each for places in review.places for each in _concentration(places, source)],
        "persistence": [_persistence(places, source) for places in review.places],
        "together": [
            {"groups": list(pair), "rank_correlation": round(value, 4), "source": source}
            for pair, value in review.together.items()
        ],
        "seasons": {trend.group: [round(float(f), 4) for f in trend.season.factors] for trend in review.trends},
        "clocks": {group: [int(count) for count in clock] for group, clock in panel.hours.items()},
        "near_repeats": {group: repeat._asdict() for group, repeat in review.repeats.items()},
    }


def by_year(panel: Panel, counts: Counts) -> dict[str, int]:
    """Sums of the months of each calendar year that the panel has."""
    out: dict[str, int] = {}
    for at, count in zip(panel.months, counts, strict=True):
        out[str(at // YEAR)] = out.get(str(at // YEAR), 0) + int(count)
    return out


def _series(trend: Trend, panel: Panel) -> list[Json]:
    rows = []
    for k, at in enumerate(panel.months):
        row: Json = {
            "month": iso(at),
            "count": int(trend.counts[k]),
            "completeness": round(float(trend.complete[k]), 4),
        }
        if k < trend.used:
            row |= {
                "without_season": round(float(trend.adjusted[k]), 2),
                "interval": [round(float(trend.low[k]), 2), round(float(trend.high[k]), 2)],
            }
        rows.append(row)
    return rows


def _shifts(trend: Trend, source: str) -> Iterable[Json]:
    for shift in trend.shifts:
        yield {
            "group": trend.group,
            "month": iso(shift.at),
            "earliest": iso(shift.earliest),
            "latest": iso(shift.latest),
            "direction": "up" if shift.ratio > 1 else "down",
            "ratio": round(shift.ratio, 4),
            "interval": [round(shift.low, 4), round(shift.high, 4)],
            "before": round(shift.before, 2),
            "after": round(shift.after, 2),
            "words": of_shift(shift, trend.group),
            "source": source,
        }


def _area_shifts(places: Places, source: str) -> Iterable[Json]:
    for k, code in enumerate(places.areas):
        for shift in places.told_shifts(k):
            where = {"area": code, "level": places.level, "group": places.group}
            yield {**where, **local.shift_row(shift), "source": source}


def _peaks(places: Places, source: str, *, every: bool = False) -> Iterable[Json]:
    for k, code in enumerate(places.areas):
        months = range(YEAR) if every else (places.months.highest(k),)
        for month in months:
            row = local.peak_row(places.months, k, month, 3 if places.told(k) else 2)
            yield {"area": code, "level": places.level, "group": places.group, **row, "source": source}


def _years(places: Places, source: str) -> Iterable[Json]:
    for code in places.areas:
        for row in local.year_rows(places.spans, code):
            yield {"area": code, "level": places.level, "group": places.group, **row, "source": source}


def _changes(places: Places, source: str) -> Iterable[Json]:
    for k, change in enumerate(places.changes):
        told = places.told(k)
        yield {
            "area": places.areas[k],
            "level": places.level,
            "group": places.group,
            "now": places.now[places.areas[k]].number,
            "before": places.before[places.areas[k]].number,
            "ratio": round(change.ratio, 4) if told else None,
            "interval": [round(change.low, 4), round(change.high, 4)] if told else None,
            "verdict": change.verdict.value,
            "source": source,
        }


def _focus(places: Places, review: Review, source: str) -> Iterable[Json]:
    low, high = places.estimate.interval()
    residents = {area.code: area.population for area in review.region.areas}
    for rank, k in enumerate(places.order, 1):
        digits = 4 if places.told(k) else 2
        people = residents.get(places.areas[k])
        rate = float(places.estimate.mean[k])
        yield {
            "area": places.areas[k],
            "level": places.level,
            "group": places.group,
            "rank": rank,
            "rate": significant(rate, digits),
            "unit": "incidents a year",
            "interval": [significant(float(low[k]), digits), significant(float(high[k]), digits)],
            "per_1000_residents": significant(1000 * rate / people, min(digits, 3)) if people else None,
            "top_tenth_probability": round(float(places.top[k]), 4),
            "source": source,
        }


def _concentration(places: Places, source: str) -> Iterable[Json]:
    for share in places.concentration:
        yield {
            "group": places.group,
            "level": places.level,
            "areas": share.areas,
            "number_of_areas": share.number,
            "harm": round(share.most, 4),
            "harm_of_areas_named_before": None if share.foretold is None else round(share.foretold, 4),
            "source": source,
        }


def _persistence(places: Places, source: str) -> Json:
    values = [round(value, 4) for value in places.persistence]
    return {"group": places.group, "level": places.level, "rank_correlation": values, "source": source}


def write(review: Review, out: Path) -> Json:
    """``review.json``, and its tables as CSV; answers what was written."""
    told = as_json(review)
    (out / "review.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    names = {area.code: area.name for area in review.region.areas}
    series = [{"group": t.group, **row} for t in review.trends for row in _series(t, review.panel)]
    source = review.panel.provenance.source
    _table(out / "trends.csv", series)
    _table(out / "shifts.csv", [each for trend in review.trends for each in _shifts(trend, source)])
    _table(out / "focus.csv", _named((each for p in review.places for each in _focus(p, review, source)), names))
    _table(out / "changes.csv", _named((each for p in review.places for each in _changes(p, source)), names))
    _table(out / "area-shifts.csv", _named((each for p in review.places for each in _area_shifts(p, source)), names))
    _table(out / "peaks.csv", _named((each for p in review.places for each in _peaks(p, source, every=True)), names))
    _table(out / "years.csv", _named((each for p in review.places for each in _years(p, source)), names))
    years = {label: by_year(review.panel, counts) for label, counts in sorted(review.panel.labels.items()) if label}
    _table(out / "published.csv", [{"label": label, **each} for label, each in years.items()])
    return told


def _named(rows: Iterable[Json], names: dict[str, str]) -> Iterator[Json]:
    for row in rows:
        yield {"name": names[str(row["area"])], **row}


def _table(path: Path, rows: Iterable[Json]) -> None:
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)


def _flat(row: Json) -> Json:
    """An interval as two columns."""
    limits = row.get("interval")
    rest = {name: value for name, value in row.items() if name != "interval"}
    return rest | {"low": limits[0], "high": limits[1]} if isinstance(limits, list) else rest

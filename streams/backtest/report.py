"""The report of a backtest: as JSON for programs, as one page of HTML for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.events import AlertEvent
from schemas.jsonform import alert_event_json
from streams.backtest import measures, pictures
from streams.backtest.detectability import Detectable
from streams.backtest.hours import iso_hour
from streams.backtest.plan import WEEKS_A_YEAR
from streams.backtest.run import Result, UnitResult
from streams.backtest.spikes import LENGTHS, SIZES

Json = dict[str, object]


def as_json(result: Result) -> Json:
    """Everything that the report says."""
    plan, calibration = result.plan, result.calibration
    alerts = measures.opened(result.events)
    nominal = sum(calibration.nominal[unit.key] for unit in plan.units)
    realised = len(alerts) / plan.weeks
    return {
        "firebreak": version("firebreak-streams"),
        "region": plan.region.region,
        "from": iso_hour(plan.first),
        "until": iso_hour(plan.end),
        "history_from": iso_hour(plan.hours.first),
        "tick_hours": plan.tick_hours,
        "seed": plan.seed,
        "calibration": calibration.version,
        "null_years": result.years,
        "asked_alerts_per_week": round(plan.budget.of(plan.units), 4),
        "nominal_alerts_per_week": round(nominal, 4),
        "realised_alerts_per_week": round(realised, 4),
        "realised_of_nominal": round(realised / nominal, 4) if nominal else None,
        "alerts": len(alerts),
        "inhibited": sum(bool(event.inhibited_by) for event in result.events if event.kind == "OPENED"),
        "longest_alert_days": round(measures.longest_open_days(result.events, plan.end), 2),
        "not_scored": {"sentinels": list(plan.hours.sentinels), "incidents_of_no_area": plan.hours.unplaced},
        "units": [_unit(result, unit) for unit in result.units],
    }


def _unit(result: Result, one: UnitResult) -> Json:
    unit, plan, calibration = one.unit, result.plan, result.calibration
    alerts = measures.opened(result.events, unit)
    daily = one.stretch.expected.mean(axis=1, dtype=np.float64) * 24.0
    quiet, middle, busy = measures.thirds(alerts, unit, daily)
    area_years = len(unit.areas) * plan.weeks / WEEKS_A_YEAR
    seen = [outcome for outcome in one.outcomes if outcome.extra >= measures.ENOUGH]
    return {
        "key": unit.key,
        "level": unit.level,
        "group": unit.group,
        "areas": len(unit.areas),
        "incidents": int(one.stretch.counts.sum(dtype=np.int64)),
        "threshold": calibration.thresholds[unit.key],
        "nominal_alerts_per_week": round(calibration.nominal[unit.key], 4),
        "realised_alerts_per_week": round(len(alerts) / plan.weeks, 4),
        "alerts": len(alerts),
        "alerts_per_area_year": round(len(alerts) / area_years, 4),
        "alerts_of_an_area": {"quietest_third": quiet, "middle_third": middle, "busiest_third": busy},
        "alerts_by_week": measures.by_week(alerts, plan.first, plan.end),
        "rates": measures.rates(one.stretch.scores, unit, calibration),
        "daily_counts": one.coverage.rows(),
        "spikes": {
            "all": measures.found(one.outcomes),
            "five_or_more_extra": measures.found(seen),
            "one_area": measures.found([o for o in seen if o.areas == 1]),
            "several_areas": measures.found([o for o in seen if o.areas > 1]),
            "by_size_and_length": measures.found_table(one.outcomes) if one.outcomes else [],
        },
        "detectability": [detectable_row(each) for each in one.detectables],
    }


def detectable_row(one: Detectable) -> Json:
    """One area of the map of detectability."""
    return {
        "area": one.area,
        "incidents_a_day": one.daily,
        "multiplier": {f"{length}h": rho for length, rho in one.multiplier.items()},
        "extra_incidents": {f"{length}h": extra for length, extra in one.extra.items()},
    }


def write(result: Result, out: Path, names: dict[str, str]) -> Json:
    """Write all files of a backtest into the folder *out*; answer what the report says. *names*: of areas, by code."""
    out.mkdir(parents=True, exist_ok=True)
    _write_scores(result.units, out)
    _write_alerts(result.events, out / "alerts.jsonl")
    report = as_json(result)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "report.html").write_text(page(report, result, names), encoding="utf-8")
    return report


def _write_scores(units: Sequence[UnitResult], out: Path) -> None:
    """``scores.npz`` of the first level, ``scores.<level>.npz`` of a second one."""
    levels = list(dict.fromkeys(one.unit.level for one in units))
    for number, level in enumerate(levels):
        of_level = [one for one in units if one.unit.level == level]
        tables = {f"score_{one.unit.group}": one.stretch.scores for one in of_level} if len(of_level) > 1 else {}
        np.savez_compressed(
            out / ("scores.npz" if number == 0 else f"scores.{level}.npz"),
            areas=np.array(of_level[0].unit.areas),
            start=np.array(iso_hour(of_level[0].stretch.first)),
            score=of_level[0].stretch.scores,
            **tables,  # type: ignore[arg-type]  # arrays by name
        )


def _write_alerts(events: Sequence[AlertEvent], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{alert_event_json(event)}\n" for event in events)


def page(report: Json, result: Result, names: dict[str, str]) -> str:
    """The report as one page that needs nothing but itself."""
    environment = Environment(
        loader=PackageLoader("streams.backtest"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    units = [
        {
            "unit": one.unit,
            "weeks": pictures.weeks(measures.opened(result.events, one.unit), result, one.unit),
            "rates": pictures.rates(measures.rates(one.stretch.scores, one.unit, result.calibration), one.unit, result),
            "spikes": pictures.spikes(measures.found_table(one.outcomes)) if one.outcomes else "",
            "power": pictures.detectability(one.detectables) if one.detectables else "",
            "detectables": sorted(one.detectables, key=lambda each: -each.daily),
        }
        for one in result.units
    ]
    template = environment.get_template("report.html")
    return template.render(
        report=report, units=units, names=names, lengths=LENGTHS, sizes=SIZES, result=result, shade=pictures.shade
    )

"""
``make dashboards``: the dashboards of ``boards.yml`` as Grafana reads them, into ``dashboards/``.

Made with Grafana's own Foundation SDK, so that a wrong word is an error here and not an empty picture there. What is
committed in ``dashboards/`` is what this makes; a check says when it is stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NotRequired, TypeAlias, TypedDict, cast

import yaml
from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import Dashboard, DataSourceRef, VariableRefresh

HERE = Path(__file__).parent
FOLDER = HERE / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
MATCHERS = {"MINE": 'job=~"$job", instance=~"$instance"'}
MATCHERS["REGION"] = f'{MATCHERS["MINE"]}, region=~"$region"'

Variable: TypeAlias = "dashboard.DatasourceVariable | dashboard.QueryVariable"


class Panel(TypedDict):
    """One picture, as ``boards.yml`` tells it."""

    title: str
    about: str
    unit: str
    width: NotRequired[int]
    number: NotRequired[bool]
    queries: Mapping[str, str]


class Row(TypedDict):
    """Pictures under one heading."""

    title: str
    panels: list[Panel]


class Board(TypedDict):
    """One dashboard."""

    uid: str
    title: str
    about: str
    by_region: NotRequired[bool]
    rows: list[Row]


def boards() -> list[Board]:
    """Give what ``boards.yml`` tells."""
    return cast("list[Board]", yaml.safe_load((HERE / "boards.yml").read_text("utf-8"))["boards"])


def text(board: Board) -> str:
    """Give a board as JSON."""
    return JSONEncoder(sort_keys=True, indent=2).encode(built(board)) + "\n"


def file_of(board: Board) -> Path:
    """Where it is committed."""
    return FOLDER / f"{board['uid'].removeprefix('firebreak-')}.json"


def built(board: Board) -> Dashboard:
    """Give a board as Grafana's model."""
    made = dashboard.Dashboard(board["title"]).uid(board["uid"]).description(board["about"]).tags(["firebreak"])
    made = made.readonly().refresh("30s").time("now-6h", "now").timezone("browser")
    for variable in _variables(by_region=board.get("by_region", False)):
        made = made.with_variable(variable)
    for row in board["rows"]:
        made = made.with_row(dashboard.Row(row["title"]))
        for panel in row["panels"]:
            made = made.with_panel(_number(panel) if panel.get("number") else _lines(panel))
    return made.build()


def _variables(*, by_region: bool) -> Iterator[Variable]:
    yield dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    yield _choice("job", "Job", 'label_values(up{job=~"firebreak.*"}, job)')
    yield _choice("instance", "Process", 'label_values(up{job=~"$job"}, instance)')
    if by_region:
        yield _choice("region", "Region", "label_values(firebreak_clock_timestamp_seconds, region)")


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True).include_all(True).all_value(".+")


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    made = timeseries.Panel().title(panel["title"]).description(panel["about"]).datasource(SOURCE)
    made = made.unit(panel["unit"]).min(0).height(8).span(panel.get("width", 12)).fill_opacity(8)
    made = made.legend(legend.show_legend(any(panel["queries"])))  # without words there is nothing to show
    made = made.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    for target in _targets(panel):
        made = made.with_target(target)
    return made


def _number(panel: Panel) -> stat.Panel:
    made = stat.Panel().title(panel["title"]).description(panel["about"]).datasource(SOURCE)
    made = made.unit(panel["unit"]).height(4).span(panel.get("width", 12))
    for target in _targets(panel):
        made = made.with_target(target)
    return made


def _targets(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for letter, (legend, expr) in zip("ABCDEF", panel["queries"].items(), strict=False):
        made = prometheus.Dataquery().expr(expression(expr)).legend_format(legend or "__auto")
        yield made.ref_id(letter).datasource(SOURCE)


def expression(short: str) -> str:
    """Give an expression with its matchers in full."""
    for word, matchers in MATCHERS.items():
        short = short.replace("{" + word, "{" + matchers)
    return short


def main() -> None:
    """Write all boards."""
    FOLDER.mkdir(exist_ok=True)
    for board in boards():
        file_of(board).write_text(text(board), "utf-8")


if __name__ == "__main__":
    main()

"""Dashboards without Grafana: fresh, of known words, in order, in PromQL, and about metrics that are told."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from support.metrics import series
from support.missing import missing

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
COUNTERS = re.compile(r"\w+_total\b")


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("boards", GRAFANA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loaded(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def panels(board: Any) -> Iterator[Any]:
    yield from (panel for panel in board["panels"] if panel["type"] != "row")


def queries(board: Any) -> Iterator[str]:
    yield from (target["expr"] for panel in panels(board) for target in panel["targets"])


def unknown_words(board: Any) -> bool:
    """Whether something is lost when the board is read and written by the model of Grafana's SDK."""
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(copy.deepcopy(board))))
    return bool(again != board)


def faults(board: Any) -> list[str]:
    """What is wrong with a board, a line each; the rules are those of Grafana's dashboard linter."""
    found = [] if board.get("editable") is False else ["may be edited"]
    names = {each["name"] for each in board["templating"]["list"]}
    found += [f"has no choice of {name}" for name in {"datasource", "job", "instance"} - names]
    for panel in panels(board):
        found += [f"{panel.get('title', '?')}: {fault}" for fault in _panel_faults(panel)]
    return found


def _panel_faults(panel: Any) -> Iterator[str]:
    for word in ("title", "description"):
        if not panel.get(word):
            yield f"no {word}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    for target in panel["targets"]:
        expr = target["expr"]
        if re.search(r"\[\d+[sm]\]", expr) and "increase(" not in expr:
            yield "a rate over a fixed time"
        if any(not re.search(rf"(rate|increase)\(\s*{name}", expr) for name in COUNTERS.findall(expr)):
            yield "a bare counter"
        if expr.count('job=~"$job"') != len(re.findall(r"\{", expr)):
            yield "a selector without job"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_board_is_what_its_list_of_panels_makes(path: Path) -> None:
    module = builder()

    assert {module.file_of(board): module.text(board) for board in module.boards()}[path] == path.read_text("utf-8")


def test_every_list_of_panels_is_a_committed_board() -> None:
    module = builder()

    assert sorted(module.file_of(board) for board in module.boards()) == FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_board_has_no_word_that_grafana_does_not_know(path: Path) -> None:
    assert not unknown_words(loaded(path))


@pytest.mark.parametrize("word", ["refersh", "tittle"])
def test_a_planted_word_is_found(word: str) -> None:
    board = loaded(FILES[0])
    board[word] = "30s"

    assert unknown_words(board)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_board_keeps_the_rules(path: Path) -> None:
    assert faults(loaded(path)) == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ('rate(firebreak_stream_records_total{job=~"$job"}[5m])', "a rate over a fixed time"),
        ('firebreak_stream_records_total{job=~"$job"}', "a bare counter"),
        ("firebreak_kafka_up{}", "a selector without job"),
    ],
)
def test_a_planted_fault_of_a_query_is_found(expr: str, fault: str) -> None:
    board = loaded(FILES[0])
    next(panels(board))["targets"][0]["expr"] = expr

    assert any(fault in line for line in faults(board))


def in_promql(expressions: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Write expressions as recording rules and have them read by Prometheus' own parser."""
    rules = [
        {"record": f"check:{number}", "expr": expr.replace("$__rate_interval", "1m")}
        for number, expr in enumerate(expressions)
    ]
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    try:
        return subprocess.run(("promtool", "check", "rules", str(path)), capture_output=True, text=True, check=False)
    except FileNotFoundError as why:
        missing(why)


def test_every_query_is_promql(tmp_path: Path) -> None:
    done = in_promql([expr for path in FILES for expr in queries(loaded(path))], tmp_path)

    assert done.returncode == 0, done.stderr


def test_a_query_with_an_open_bracket_is_found(tmp_path: Path) -> None:
    assert in_promql(["sum(rate(firebreak_stream_records_total[$__rate_interval])"], tmp_path).returncode == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_board_asks_for_metrics_that_a_process_tells(path: Path) -> None:
    asked = {name for expr in queries(loaded(path)) for name in re.findall(r"(?<![:\w])firebreak_\w+", expr)}

    assert asked
    assert asked <= series()


def test_a_board_that_a_rule_leads_to_is_there() -> None:
    rules = yaml.safe_load((GRAFANA.parent / "prometheus" / "rules" / "firebreak.rules.yml").read_text("utf-8"))
    led_to = {
        rule["annotations"]["dashboard_url"].removeprefix("/d/")
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert led_to
    assert led_to <= {loaded(path)["uid"] for path in FILES}

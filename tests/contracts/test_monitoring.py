"""Rules, routes and runbooks: judged by Prometheus' own tools, and against what the processes really tell."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.metrics import series
from support.missing import missing

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "firebreak.rules.yml"
CASES = DEPLOY / "prometheus" / "tests" / "firebreak.test.yml"
ROUTES = DEPLOY / "alertmanager" / "alertmanager.yml"


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(name) is None:
        missing(FileNotFoundError(f"this check needs {name}: run deploy/ci/install.sh as root"))
    return subprocess.run((name, *arguments), capture_output=True, text=True, check=False)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


NAMED = [rule for rule in alerts() if "alert" in rule]


def test_rules_have_no_fault() -> None:
    done = tool("promtool", "check", "rules", "--lint=all", str(RULES))

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_would_start_with_its_configuration() -> None:
    done = tool("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_quiet_and_fires_when_it_should() -> None:
    done = tool("promtool", "test", "rules", str(CASES))

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_is_quiet_and_one_that_fires() -> None:
    tested: dict[str, set[bool]] = {}
    for case in yaml.safe_load(CASES.read_text("utf-8"))["tests"]:
        for each in case["alert_rule_test"]:
            tested.setdefault(each["alertname"], set()).add(bool(each["exp_alerts"]))

    assert {name for name, kinds in tested.items() if kinds == {True, False}} == {
        rule["alert"] for rule in NAMED if rule["alert"] != "Watchdog"
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [("> 10\n", "> 1000\n"), ("for: 2m", "for: 2h"), ("severity: critical", "severity: warning"), ("stand ", "lie ")],
)
def test_a_planted_change_of_a_rule_is_found_by_its_case(old: str, new: str, tmp_path: Path) -> None:
    for folder, path in (("rules", RULES), ("tests", CASES)):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    planted = tmp_path / "rules" / RULES.name
    text = planted.read_text("utf-8")
    assert old in text
    planted.write_text(text.replace(old, new), "utf-8")

    assert tool("promtool", "test", "rules", str(tmp_path / "tests" / CASES.name)).returncode == 1


def test_a_planted_fault_of_syntax_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "rules.yml"
    planted.write_text(RULES.read_text("utf-8").replace("by (stage) (rate", "by (stage (rate", 1), "utf-8")

    assert tool("promtool", "check", "rules", str(planted)).returncode == 1


@pytest.mark.parametrize("rule", NAMED, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_grave_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Watchdog|Firebreak[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in rule["annotations"]["summary"], "a summary is the same each time"
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (DEPLOY.parent / page).read_text("utf-8"), re.MULTILINE)
    assert rule["alert"] in headings
    assert anchor == rule["alert"].lower()


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    headings = re.findall(r"^## (\w+)$", (DEPLOY / "runbooks" / "alerts.md").read_text("utf-8"), re.MULTILINE)

    assert set(headings) == {rule["alert"] for rule in NAMED}


def test_rules_ask_for_metrics_that_a_process_tells() -> None:
    asked = {name for rule in alerts() for name in re.findall(r"(?<![:\w])firebreak_\w+", rule["expr"])}

    assert asked
    assert asked <= series()


def test_routes_have_no_fault() -> None:
    done = tool("amtool", "check-config", str(ROUTES))

    assert done.returncode == 0, done.stdout + done.stderr


def receivers() -> Iterator[tuple[str, str, str]]:
    for rule in NAMED:
        severity = rule["labels"]["severity"]
        yield (
            rule["alert"],
            severity,
            {"critical": "on-call", "warning": "working-day"}.get(severity, "dead-mans-switch"),
        )


@pytest.mark.parametrize(("alert", "severity", "receiver"), list(receivers()))
def test_an_alert_reaches_who_should_act(alert: str, severity: str, receiver: str) -> None:
    labels = (f"alertname={alert}", f"severity={severity}")
    done = tool(
        "amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={receiver}", *labels
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_mistake_in_the_routes_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "alertmanager.yml"
    planted.write_text(ROUTES.read_text("utf-8").replace("receiver: on-call", "receiver: nobody"), "utf-8")

    assert tool("amtool", "check-config", str(planted)).returncode == 1


def test_what_inhibits_and_is_inhibited_are_alerts() -> None:
    names = {rule["alert"] for rule in NAMED}
    for rule in yaml.safe_load(ROUTES.read_text("utf-8"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(re.findall(r"\bFirebreak\w+", matcher)) <= names

"""The page of promises names tests that are there, and its table is that of the rows that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from support.faults import brokers, inputs, network, parts, processes, scale
from support.faults.bench import ROWS
from support.faults.table import BEGIN, END, HEAD, table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FAMILIES = (brokers, inputs, network, parts, processes, scale)
MIXED = "mixed run"


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_a_test() -> None:
    promises = PAGE.partition("## Promises")[2].partition("## Under faults")[0].split("\n**")[1:]

    assert len(promises) == 6
    assert [promise.splitlines()[0] for promise in promises if not NAMED.search(promise)] == []


def test_every_test_that_is_named_exists() -> None:
    missing = [f"{file}::{test}" for file, test in NAMED.findall(PAGE) if test not in functions(ROOT / file)]

    assert missing == []


def test_the_table_has_a_row_for_every_fault_and_all_have_passed() -> None:
    lines = PAGE.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]

    assert {row[0] for row in rows} == {*ROWS, MIXED}
    assert [row for row in rows if row[1] != row[2] or row[3:6] != ["0", "0", "0"]] == []


def test_a_table_adds_up_runs_and_keeps_the_worst() -> None:
    run = {"fault": "x", "lost": 1, "doubled": 0, "repeats": 2, "silence_s": 1.0, "peak_mb": 90.0, "passed": True}

    made = table([run, {**run, "silence_s": 3.0, "passed": False}])

    assert made == f"{HEAD}| x | 2 | 1 | 2 | 0 | 4 | 3.0 | 90 |\n"

"""``make faults-table``: the figures of ``faults.jsonl`` as the table of ``docs/reliability.md`` and the README."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "docs" / "reliability.md", ROOT / "README.md")
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"
HEAD = """\
| fault | runs | passed | lost | doubled | repeats | longest silence, s | most memory of a worker, MB |
|---|---|---|---|---|---|---|---|
"""


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """One row a fault, over all its runs: sums of what must be zero, the worst of the rest."""
    runs: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        runs[line["fault"]].append(line)
    return HEAD + "".join(_row(fault, each) for fault, each in runs.items())


def _row(fault: str, runs: list[Mapping[str, Any]]) -> str:
    passed = sum(run["passed"] for run in runs)
    lost, doubled, repeats = (sum(run.get(name, 0) for run in runs) for name in ("lost", "doubled", "repeats"))
    silence = max(run.get("silence_s", 0.0) for run in runs)
    peak = max(run.get("peak_mb", 0.0) for run in runs)
    figures = (len(runs), passed, lost, doubled, repeats, f"{silence:.1f}", f"{peak:.0f}")
    return f"| {fault} | {' | '.join(map(str, figures))} |\n"


def main(file: Path) -> None:
    """Put the table into the pages."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for each in PAGES:
        page = each.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        each.write_text(f"{before}{BEGIN}\n{table(lines)}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""``python -m support.contracts``: every check of ``tests/contracts``, a line each, and at the end their number."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).parents[1] / "contracts"


class Lines:
    """Reporter: a line a check."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of one check when it is over, or when it could not begin."""
        if report.when != "call" and report.passed:
            return
        name = report.nodeid.rpartition("tests/contracts/")[2].replace("::test_", ": ").replace("_", " ")
        self._count(report)
        sys.stdout.write(f"{'ok' if report.passed else report.outcome:8}{name}{_why(report)}\n")

    def _count(self, report: pytest.TestReport) -> None:
        self.passed += report.passed
        self.failed += report.failed
        self.skipped += report.skipped

    def pytest_sessionfinish(self) -> None:
        """Tell how many there were."""
        rest = "".join(
            f", {count} {what}" for count, what in ((self.failed, "failed"), (self.skipped, "skipped")) if count
        )
        sys.stdout.write(f"{self.passed + self.failed + self.skipped} checks{rest}\n")


def _why(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return f"\n        {told}" if report.skipped else "\n" + told


if __name__ == "__main__":
    options = ["-p", "no:terminal", "-o", "addopts=--import-mode=importlib --strict-markers"]
    sys.exit(pytest.main([*options, str(CHECKS), *sys.argv[1:]], plugins=[Lines()]))

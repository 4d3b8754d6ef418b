"""The console script as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(
    *arguments: str, environ: dict[str, str] | None = None, within: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """What the command says, and its exit code; none of the caller's own settings reach it."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        env={**inherited, **(environ or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )


def firebreak(*arguments: str, within: float = 600.0) -> str:
    """What a command says that must succeed."""
    ended = run(*arguments, within=within)
    assert ended.returncode == 0, f"exit code {ended.returncode}: {ended.stderr[-2000:]}"
    return ended.stdout

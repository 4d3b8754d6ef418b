from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.waiting import until

from schemas.errors import UsageError
from schemas.settings import from_env
from streams.up import consumers_of
from streams.workers import Workers

SCRIPT = """
import sys, time
print(*sys.argv[1:], flush=True)
sys.exit(2) if sys.argv[1] == "flawed" else time.sleep(600)
"""


def test_consumers_run_where_what_they_need_is_configured() -> None:
    assert consumers_of(from_env({})) == ()
    assert consumers_of(from_env({"FIREBREAK_ROUTES": "routes.yaml"})) == ("notifier",)
    assert consumers_of(from_env({"FIREBREAK_REDIS_URL": "redis://r"})) == ("projector", "console")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pretends.py").write_text(SCRIPT, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "pretends"


def test_stages_and_consumers_are_started_by_their_commands_and_again_when_they_end(
    module: str, tmp_path: Path
) -> None:
    assert sys.executable
    with Workers({}, logs=tmp_path, module=module, also=("notifier",)) as running:
        until(lambda: (tmp_path / "notifier.log").is_file() and (tmp_path / "notifier.log").read_text() == "notifier\n")
        running._processes["notifier"].kill()
        running._processes["notifier"].wait()
        running.supervise()
        until(lambda: (tmp_path / "notifier.log").read_text() == "notifier\n" * 2)

    assert running.names == ("enrich-1", "count-1", "detect-1", "notifier")
    assert (tmp_path / "detect-1.log").read_text() == "worker --stage detect\n"


def test_a_consumer_that_refuses_its_settings_ends_all_with_what_to_type(module: str) -> None:
    with Workers({}, module=module, also=("flawed",)) as running:
        running._processes["flawed"].wait()
        with pytest.raises(UsageError, match="`firebreak flawed` says why"):
            running.supervise()

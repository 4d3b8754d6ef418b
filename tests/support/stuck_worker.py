"""The worker command whose input, once read, goes nowhere: ``python -m support.stuck_worker worker --stage enrich``."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

from streams import cli, watchdog, worker
from streams.batch import Batch
from streams.ownership import Ownership


async def _never(_self: Ownership, _batch: Batch) -> None:
    await asyncio.Event().wait()


def _impatient(*given: Any, **named: Any) -> watchdog.Watchdog:
    return watchdog.Watchdog(*given, **named, stalls=watchdog.Stalls(looks=3), every=0.5)


def main() -> None:
    patch.object(Ownership, "deliver", _never).start()
    patch.object(worker, "Watchdog", _impatient).start()
    cli.main()


if __name__ == "__main__":
    main()

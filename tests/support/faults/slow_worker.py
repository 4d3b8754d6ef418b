"""
The worker command, in which one event takes long: ``python -m support.faults.slow_worker worker --stage enrich``.

FIREBREAK_TEST_SLOW says how long, in seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from unittest.mock import patch

from streams import cli
from streams.core.enrich import Enrich, RawNotification
from streams.core.stage import Output, Record

SLOW = "SLOW"
"""Source of the one event."""

_apply = Enrich.apply


def _slowly(self: Enrich, record: Record) -> Iterable[Output]:
    value = record.value
    if isinstance(value, RawNotification) and value.notification.source == SLOW:
        time.sleep(float(os.environ["FIREBREAK_TEST_SLOW"]))
    return _apply(self, record)


def main() -> None:
    patch.object(Enrich, "apply", _slowly).start()
    cli.main()


if __name__ == "__main__":
    main()

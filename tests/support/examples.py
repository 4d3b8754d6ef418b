"""The examples beside the schemas, as values."""

from __future__ import annotations

import json
from typing import Any

from support.records import AVRO

from schemas.events import Alert, AlertEvent, AreaCount
from schemas.jsonform import values
from schemas.layouts import shape

_MADE = {each.__name__: each for each in (AreaCount, AlertEvent, Alert)}


def example(name: str) -> Any:
    """``example("Alert.open")`` is the value that ``Alert.open.example.json`` tells of."""
    record = name.partition(".")[0]
    given: Any = json.loads((AVRO / f"{name}.example.json").read_text("utf-8"))
    made: Any = _MADE[record]
    return made(**values(shape(record), given))

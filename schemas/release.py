"""``python -m schemas.release``: keep a copy of every schema that has changed since it was last released."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from schemas.definitions import RECORD_NUMBERS, releases, schema


def release(record: str) -> Path | None:
    """Write the current schema of *record* as its next release; None if it is released already."""
    current, earlier = schema(record), releases(record)
    if earlier and json.loads(earlier[-1].read_text("utf-8")) == current:
        return None
    path = Path(__file__).parent / "released" / f"{record}.{len(earlier) + 1}.avsc"
    path.write_text(json.dumps(current, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


if __name__ == "__main__":
    for written in filter(None, map(release, RECORD_NUMBERS)):
        sys.stdout.write(f"released {written.name}\n")

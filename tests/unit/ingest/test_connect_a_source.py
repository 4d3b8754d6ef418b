"""The guide's example does what the guide says."""

from __future__ import annotations

import re
from pathlib import Path

from support.files import told_apart

from schemas.jsonform import instant
from streams.ingest.loading import built_in, load_profile

GUIDE = (Path(__file__).parents[3] / "docs" / "connect-a-source.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_is_read_as_it_is_told(tmp_path: Path) -> None:
    table, chosen = tmp_path / "calls.csv", tmp_path / "mine.toml"
    table.write_text(block("csv"), "utf-8")
    chosen.write_text(block("toml"), "utf-8")

    arrivals, bad = told_apart([table], load_profile(str(chosen)))

    assert bad == []
    found = [arrival.notification for arrival in arrivals]
    assert [(n.source_ref, n.kind, n.category, n.victims, n.knife) for n in found] == [
        ("CAD-1041", "REPORTED", "Violence/Assault", 1, True),
        ("CAD-1041", "UPDATED", "Violence/Stabbing", 2, True),
        ("CAD-1042", "REPORTED", "Violence/Assault", None, None),
        ("CAD-1042", "CANCELLED", "", None, None),
    ]
    assert found[0].occurred_at == instant("2025-11-25T23:40:00Z")
    assert [n.revision for n in found] == [arrival.known_at_ms for arrival in arrivals]


def test_every_profile_is_in_the_guide() -> None:
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", GUIDE.split("## Profiles that come")[1], re.MULTILINE)) == set(
        built_in()
    )

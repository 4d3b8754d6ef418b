from __future__ import annotations

from pathlib import Path

import pytest

from consumers.gazetteer import Gazetteer
from schemas.errors import UsageError
from streams.regions.loader import load


def test_the_built_in_pack_has_the_names_parents_and_zone_that_the_stages_read() -> None:
    gazetteer, region = Gazetteer.load(["london"]), load("london")

    words = gazetteer.regions["london"]
    assert words.names == {area.code: area.name for area in region.areas}
    assert words.parents == {area.code: area.parent or "" for area in region.areas}
    assert (words.zone.key, words.levels) == (region.zone, tuple(region.levels))


def test_a_place_is_named_with_what_it_lies_in_and_a_time_with_its_zone() -> None:
    gazetteer = Gazetteer.load(["london"])
    ward = next(code for code, parent in gazetteer.regions["london"].parents.items() if parent == "E09000012")

    assert gazetteer.place([ward]) == f"{gazetteer.name(ward)} (Hackney)"
    assert gazetteer.place(["E09000012", "x", "y", "z"]) == "Hackney, x, y and 1 more"
    assert gazetteer.time("london", 1_782_000_000_000) == "Sun 21 Jun 01:00 BST"
    assert gazetteer.time("elsewhere", 1_782_000_000_000) == "Sun 21 Jun 00:00 UTC"


@pytest.mark.parametrize(("manifest", "why"), [(None, "neither built in nor a folder"), ("zone = 1", "region check")])
def test_a_pack_that_can_not_be_read_is_one_clear_line(tmp_path: Path, manifest: str | None, why: str) -> None:
    if manifest is not None:
        (tmp_path / "region.toml").write_text(manifest, "utf-8")

    with pytest.raises(UsageError, match=why):
        Gazetteer.load([str(tmp_path)])

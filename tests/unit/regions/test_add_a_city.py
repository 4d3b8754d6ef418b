"""What ``docs/add-a-city.md`` tells holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from regions.folders import write_pack

from streams.core.taxonomy import CATEGORIES, FLAGS, GROUPS, Meaning
from streams.regions.loader import load

PAGE = Path(__file__).parents[3] / "docs" / "add-a-city.md"


def block(language: str, beginning: str) -> str:
    """The first fenced block of a language that begins so."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(next(text for found, text in blocks if found == language and text.startswith(beginning)))


@pytest.mark.parametrize("word", [*CATEGORIES, *GROUPS, *FLAGS])
def test_every_word_of_the_taxonomy_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE.read_text("utf-8")


def test_the_examples_on_the_page_are_a_sound_pack(tmp_path: Path) -> None:
    areas = "code,name,level,parent,longitude,latitude\nA,,area,,,\nW,,ward,A,,\n"
    nothing = {"boundaries": None, "neighbours": None, "calendar": None}
    manifest, scheme = block("toml", "name ="), block("", "scheme,code")

    region = load(write_pack(tmp_path, manifest=manifest, areas=areas, scheme=scheme, **nothing))

    assert region.own_budgets == {"leeds|ward|knife_crime": 0.5}
    assert region.taxonomy.map("cad", "assault with bottle") == Meaning("violence_injury", ("street_violence",))

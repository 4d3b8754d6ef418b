"""A position decides the area; how far off it may be is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from regions.folders import collection, feature, ring, write_pack
from support.builders import notification

from schemas.events import Quality
from streams.core.places import PackPlaces
from streams.regions.loader import load

AREAS = collection(feature("W1", ring(0, 50, 1, 51)), feature("W3", ring(1, 50, 2, 51)))


@pytest.mark.parametrize(
    ("code", "precision_m", "quality"),
    [
        (None, None, ()),
        (None, 999, ()),
        (None, 1000, (Quality.PLACE_IMPRECISE,)),
        ("STRANGE", 50, (Quality.UNKNOWN_AREA_CODE,)),
        ("STRANGE", 5000, (Quality.UNKNOWN_AREA_CODE, Quality.PLACE_IMPRECISE)),
        ("W1", 5000, ()),
    ],
)
def test_a_position_that_may_lie_in_the_next_area_is_marked_where_no_code_decides(
    tmp_path: Path, code: str | None, precision_m: int | None, quality: tuple[str, ...]
) -> None:
    places = PackPlaces([load(write_pack(tmp_path, boundaries=AREAS))])

    found = places.situate(notification(area_code=code, longitude=0.5, latitude=50.5, precision_m=precision_m))

    assert (found.ward, found.quality) == ("W1", quality)

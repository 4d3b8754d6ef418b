from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from streams.core.geography import AlertBudget, Area, Locator, Occasion, Place, Region
from streams.core.taxonomy import Taxonomy
from streams.regions.loader import load

Ring = Sequence[tuple[float, float]]


def region(*areas: Area, levels: tuple[str, ...] = ("borough", "ward"), **given: Any) -> Region:
    """A region of *areas*, without neighbours, calendar and boundaries unless said otherwise."""
    fields: dict[str, Any] = {
        "name": "r",
        "zone": "Europe/London",
        "day_starts": 6,
        "levels": levels,
        "groups": ("street_violence", "homicide"),
        "sentinels": ("homicide",),
        "budget": AlertBudget(alerts_per_week=7.0),
        "areas": areas,
        "neighbours": {},
        "occasions": (),
        "taxonomy": Taxonomy([]),
    }
    return Region(**(fields | given))


def borough(code: str, **given: Any) -> Area:
    return Area(code=code, name=given.pop("name", code), level="borough", **given)


def ward(code: str, parent: str, **given: Any) -> Area:
    return Area(code=code, name=given.pop("name", code), level="ward", parent=parent, **given)


def square(west: float, south: float, side: float = 1.0) -> BaseGeometry:
    return shapely.box(west, south, west + side, south + side)


@pytest.fixture(scope="module")
def london() -> Region:
    return load("london")


@pytest.fixture(scope="module")
def locator(london: Region) -> Locator:
    return Locator(london)


def inside(rings: Sequence[Ring], x: float, y: float) -> bool:
    """Even-odd rule over all rings: an oracle that knows no geometry library."""
    odd = False
    for ring in rings:
        for (x1, y1), (x2, y2) in itertools.pairwise(ring):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
                odd = not odd
    return odd


def rings(polygon: BaseGeometry) -> list[Ring]:
    parts = shapely.get_parts(polygon)
    return [list(ring.coords) for part in parts for ring in (part.exterior, *part.interiors)]


def test_random_points_of_london_lie_where_counting_crossings_puts_them(london: Region, locator: Locator) -> None:
    outlines = {code: rings(polygon) for code, polygon in sorted(london.boundaries.items())}
    random = np.random.default_rng(7)
    points = np.column_stack([random.uniform(-0.53, 0.36, 1500), random.uniform(51.27, 51.71, 1500)]).tolist()

    found = [locator.locate(x, y) for x, y in points]

    expected = [next((code for code, outline in outlines.items() if inside(outline, x, y)), None) for x, y in points]
    assert [place.area if place else None for place in found] == expected
    assert len({code for code in expected if code}) >= 30


def brute_force(region: Region, level: str, x: float, y: float) -> str | None:
    """First code whose polygon has the point, its border included."""
    point = shapely.Point(x, y)
    codes = (code for code in region.unit_areas(level) if code in region.boundaries)
    return next((code for code in codes if region.boundaries[code].covers(point)), None)


def test_every_corner_of_london_belongs_to_the_first_borough_that_has_it(london: Region, locator: Locator) -> None:
    corners = sorted(
        {position for polygon in london.boundaries.values() for ring in rings(polygon) for position in ring}
    )

    found = [locator.locate(x, y) for x, y in corners[::5]]

    assert [place.area if place else None for place in found] == [
        brute_force(london, "borough", x, y) for x, y in corners[::5]
    ]


@settings(max_examples=300)
@given(edge=st.integers(0, 6000), along=st.floats(0, 1), off=st.sampled_from([0.0, 1e-12, -1e-12, 1e-9, -1e-9, 1e-5]))
def test_points_on_and_beside_borders_lie_where_asking_all_polygons_puts_them(
    london: Region, locator: Locator, edge: int, along: float, off: float
) -> None:
    outlines = [ring for _, polygon in sorted(london.boundaries.items()) for ring in rings(polygon)]
    edges = [pair for ring in outlines for pair in itertools.pairwise(ring)]
    (x1, y1), (x2, y2) = edges[edge % len(edges)]
    x, y = x1 + along * (x2 - x1) + off, y1 + along * (y2 - y1) - off

    place = locator.locate(x, y)

    assert (place.area if place else None) == brute_force(london, "borough", x, y)


@settings(max_examples=200)
@given(
    squares=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=6),
    points=st.lists(st.tuples(st.integers(-1, 22), st.integers(-1, 22)), min_size=1, max_size=20),
    depth=st.integers(0, 5),
)
def test_any_squares_even_overlapping_ones_are_found_at_any_grid_size(
    squares: list[tuple[int, int, int]], points: list[tuple[int, int]], depth: int
) -> None:
    polygons = {f"A{number}": square(x, y, side) for number, (x, y, side) in enumerate(squares)}
    made = region(*map(borough, polygons), boundaries=polygons)

    found = [Locator(made, depth=depth).locate(x / 2, y / 2) for x, y in points]

    assert [place.area if place else None for place in found] == [
        brute_force(made, "borough", x / 2, y / 2) for x, y in points
    ]


def test_a_hole_and_a_second_part_are_respected() -> None:
    ringed = shapely.union(shapely.difference(square(0, 0, 4), square(1, 1, 2)), square(10, 0))
    locator = Locator(region(borough("A"), boundaries={"A": ringed}))

    assert locator.locate(0.5, 0.5) == Place("A", "", "")
    assert locator.locate(2.0, 2.0) is None
    assert locator.locate(10.5, 0.5) == Place("A", "", "")
    assert locator.locate(7.0, 0.5) is None


@pytest.mark.parametrize(
    ("x", "y"), [(float("nan"), 51.5), (-0.1, float("nan")), (float("inf"), 0.0), (0.0, -float("inf")), (1e300, 1e300)]
)
def test_a_position_that_is_no_number_is_nowhere(locator: Locator, x: float, y: float) -> None:
    assert locator.locate(x, y) is None


def test_where_wards_are_drawn_a_point_gives_ward_and_borough() -> None:
    drawn = {"B": square(0, 0, 2), "W1": square(0, 0), "W2": square(1, 0)}
    made = region(borough("B"), ward("W1", "B", vintage="2025"), ward("W2", "B"), boundaries=drawn)

    locator = Locator(made)

    assert locator.locate(0.5, 0.5) == Place("B", "W1", "2025")
    assert locator.locate(0.5, 1.5) == Place("B", "", "")
    assert locator.locate(5.0, 5.0) is None


def test_without_boundaries_only_codes_locate() -> None:
    locator = Locator(region(borough("B"), ward("W", "B")))

    assert locator.locate(0.0, 51.5) is None
    assert locator.locate_code("W") == Place("B", "W", "")


def test_a_code_of_either_level_a_foreign_code_and_a_unique_name_are_understood() -> None:
    made = region(
        borough("B1", name="Brent"),
        borough("B2", name="Ealing"),
        ward("W1", "B1", name="Abbey"),
        ward("W2", "B2", name="Abbey"),
        ward("W3", "B2", name="Acton"),
        ward("W4", "B2", name="Brent"),
        crosswalk={"L9": "W3"},
    )
    locate = Locator(made).locate_code

    assert locate("B1") == Place("B1", "", "")
    assert locate(" w1 ") == Place("B1", "W1", "")
    assert locate("l9") == Place("B2", "W3", "")
    assert locate("ACTON") == Place("B2", "W3", "")
    assert locate("Abbey") is None
    assert locate("brent") == Place("B1", "", "")
    assert locate("E99") is None
    assert locate("") is None


def test_a_name_that_is_another_area_s_code_is_read_as_the_code() -> None:
    made = region(borough("ONE", name="TWO"), borough("TWO", name="THREE"), levels=("borough",))

    assert Locator(made).locate_code("two") == Place("TWO", "", "")


def test_neighbours_are_told_as_numbers_of_sorted_areas() -> None:
    made = region(borough("C"), borough("A"), borough("B"), neighbours={"A": ("C", "B"), "C": ("B",)})

    assert made.unit_areas("borough") == ("A", "B", "C")
    assert made.neighbour_indexes("borough") == ((2, 1), (), (1,))


def test_an_occasion_of_a_borough_is_one_of_each_of_its_wards_and_that_of_a_ward_one_of_its_borough() -> None:
    made = region(
        borough("B1"),
        borough("B2"),
        ward("W1", "B1"),
        ward("W2", "B1"),
        ward("W3", "B2"),
        occasions=(
            Occasion(start_ms=0, end_ms=1, kind="all"),
            Occasion(start_ms=1, end_ms=2, kind="town", area="B1"),
            Occasion(start_ms=2, end_ms=3, kind="match", area="W1"),
            Occasion(start_ms=2, end_ms=3, kind="match", area="W2"),
        ),
    )

    coarse = [(period.kind, period.area) for period in made.periods("borough")]
    fine = [(period.kind, period.area) for period in made.periods("ward")]

    assert coarse == [("all", None), ("town", 0), ("match", 0)]
    assert fine == [("all", None), ("town", 0), ("town", 1), ("match", 0), ("match", 1)]


def test_sentinels_are_not_scored_and_own_budgets_are_named_by_unit() -> None:
    made = region(borough("B"), budget=AlertBudget(alerts_per_week=7.0, own={("borough", "street_violence"): 2.0}))

    assert made.scored_groups == ("street_violence",)
    assert made.own_budgets == {"r|borough|street_violence": 2.0}
    assert made.partition_level == "borough"
    assert made.ward_level == "ward"

from __future__ import annotations

import math

import shapely
from hypothesis import given
from hypothesis import strategies as st

from streams.core.geography import Area
from streams.regions.neighbours import NEAREST, derived_neighbours, distance_km

DEGREES = st.tuples(st.floats(-170, 170), st.floats(-80, 80))


def area(code: str, longitude: float | None = None, latitude: float | None = None) -> Area:
    return Area(code=code, name=code, level="beat", longitude=longitude, latitude=latitude)


def chord_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The same distance by vectors from the centre of the earth."""
    vectors = []
    for longitude, latitude in (one, other):
        x, y = math.radians(longitude), math.radians(latitude)
        vectors.append((math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)))
    return 2 * 6371.0088 * math.asin(min(1.0, math.dist(*vectors) / 2))


@given(DEGREES, DEGREES)
def test_distance_is_that_along_the_great_circle(one: tuple[float, float], other: tuple[float, float]) -> None:
    assert math.isclose(distance_km(one, other), chord_km(one, other), rel_tol=1e-6, abs_tol=1e-4)


@given(st.lists(DEGREES, min_size=1, max_size=15, unique=True))
def test_without_borders_the_nearest_come_first(points: list[tuple[float, float]]) -> None:
    areas = [area(f"A{number:02}", *point) for number, point in enumerate(points)]

    near = derived_neighbours(areas, {})

    where = {a.code: (a.longitude or 0.0, a.latitude or 0.0) for a in areas}
    for code, others in near.items():
        away = [distance_km(where[code], where[other]) for other in others]
        left = [distance_km(where[code], where[other]) for other in where.keys() - {code, *others}]
        assert away == sorted(away)
        assert len(others) == min(NEAREST, len(areas) - 1)
        assert code not in others
        assert max(away, default=0.0) <= min(left, default=math.inf)


def test_who_shares_a_border_comes_before_who_is_merely_near() -> None:
    polygons = {
        "long": shapely.box(0, 0, 10, 1),
        "next": shapely.box(0, 1, 10, 2),
        "islet": shapely.box(5, 2.3, 5.2, 2.5),
    }
    areas = [area(code, shape.centroid.x, shape.centroid.y) for code, shape in polygons.items()]
    far = shapely.box(9.9, -9, 10, 0)

    near = derived_neighbours([*areas, area("far", 9.95, -4.5)], polygons | {"far": far})

    assert near["long"] == ("next", "far", "islet")
    assert near["islet"] == ("next", "long", "far")


def test_edges_that_are_a_hand_apart_are_one_border_and_corners_count() -> None:
    polygons = {
        "a": shapely.box(0, 0, 1, 1),
        "b": shapely.box(1 + 1e-6, 0, 2, 1),
        "c": shapely.box(1, 1, 2, 2),
        "d": shapely.box(1.1, 1.1 - 3.0, 2, 2 - 3.0),
    }

    near = derived_neighbours([area(code) for code in polygons], polygons)

    assert near == {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b"), "d": ()}


def test_areas_without_position_and_border_have_no_neighbours() -> None:
    assert derived_neighbours([area("a"), area("b", 0.0, 0.0), area("c", 1.0, 0.0)], {}) == {
        "a": (),
        "b": ("c",),
        "c": ("b",),
    }


def test_all_that_share_a_border_are_kept_however_many() -> None:
    around = {f"n{number:02}": shapely.box(number, 1, number + 1, 2) for number in range(12)}
    polygons = {"long": shapely.box(0, 0, 12, 1)} | around
    areas = [area(code, shape.centroid.x, shape.centroid.y) for code, shape in polygons.items()]

    assert set(derived_neighbours(areas, polygons)["long"]) == set(around)

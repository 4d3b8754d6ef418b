"""What the three stages need of the region packs of a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.events import UNKNOWN_AREA, WHOLE_LEVEL, Notification, Quality, Reason
from streams.core.count import RegionRoute
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Unit
from streams.core.enrich import Situation
from streams.core.geography import Locator, Place, Region
from streams.core.regionplan import RegionPlan
from streams.core.taxonomy import Classification, Unknown
from streams.core.validate import Refused


class PackPlaces:
    """
    The region packs, as the first stage sees them.

    A code that a region knows decides; else the position; else the incident is in no area. A code whose area was split
    is decided among its successors by the position; without one that lies in them the incident is in the area that all
    of them lie in. What no region can place belongs to the first region, whose schemes it is read with.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        self._home = regions[0].name
        self._locators = [(region.name, Locator(region)) for region in regions]
        self._taxonomies = {region.name: region.taxonomy for region in regions}
        self._by_code: dict[str, Situation | None] = {}

    def situate(self, notification: Notification) -> Situation:
        """Region, area and ward of the notification's place."""
        code, longitude, latitude = notification.area_code, notification.longitude, notification.latitude
        if code:
            known = self._coded(code)
            if known is not None:
                return known if longitude is None else known._replace(quality=())
            apart = self._split(code, longitude, latitude)
            if apart is not None:
                return apart
        if longitude is None or latitude is None:
            return self._nowhere(Quality.UNKNOWN_AREA_CODE if code else Quality.LOCATION_MISSING)
        for region, locator in self._locators:
            place = locator.locate(longitude, latitude)
            if place is not None:
                return _situation(region, place, _weak(code, notification.precision_m))
        return self._nowhere(Quality.OUTSIDE_REGION)

    def _split(self, code: str, longitude: float | None, latitude: float | None) -> Situation | None:
        for region, locator in self._locators:
            split = locator.split(code)
            if split is None:
                continue
            if longitude is not None and latitude is not None:
                place = locator.locate(longitude, latitude)
                if place in split.among:
                    return _situation(region, place, ())
            if split.certain is None:
                return Situation(region, UNKNOWN_AREA, "", "", _UNSURE)
            return _situation(region, split.certain, _UNSURE)
        return None

    def _coded(self, code: str) -> Situation | None:
        if code in self._by_code:
            return self._by_code[code]
        found = None
        for region, locator in self._locators:
            place = locator.locate_code(code)
            if place is not None:
                found = _situation(region, place, (Quality.AREA_CODE_ONLY,))
                break
        if len(self._by_code) < _CODES_KEPT:
            self._by_code[code] = found
        return found

    def _nowhere(self, why: Quality) -> Situation:
        return Situation(self._home, UNKNOWN_AREA, "", "", (why,))

    def classify(self, region: str, notification: Notification) -> Classification | Refused:
        """Category and groups in the words of *region*'s pack."""
        n = notification
        found = self._taxonomies[region].classify(n.scheme, n.category, n.knife, n.firearm, n.domestic)
        if isinstance(found, Classification):
            return found
        if found is Unknown.SCHEME:
            return Refused(Reason.UNKNOWN_SCHEME, f"no scheme {n.scheme!r} in region {region}")
        return Refused(Reason.UNKNOWN_CATEGORY, f"scheme {n.scheme} has no category {n.category!r}")


WHOLE = Settings(joint=0.0, multipliers=(1.2, 1.6, 2.3, 3.5))
"""Of a whole region: no share of the prior goes to neighbours that it has not, and its rises are small ones."""

_UNSURE = (Quality.AREA_CODE_ONLY, Quality.UNKNOWN_AREA_CODE)
"""Of a code alone, and of no area of today."""

COARSE_M = 1000
"""A ward of a city is one or two kilometres across: a position that is further off may well lie in the next one."""

_CODES_KEPT = 65_536
"""Codes come from outside and must not fill the memory."""


def _weak(code: str | None, precision_m: int | None) -> tuple[str, ...]:
    """What is weak about a place that a position tells."""
    unknown = (Quality.UNKNOWN_AREA_CODE,) if code else ()
    return (*unknown, Quality.PLACE_IMPRECISE) if precision_m is not None and precision_m >= COARSE_M else unknown


def _situation(region: str, place: Place, quality: tuple[str, ...]) -> Situation:
    return Situation(region, place.area, place.ward, place.vintage, quality)


def routes(regions: Iterable[Region], inbox_of: Mapping[str, int]) -> dict[str, RegionRoute]:
    """What the second stage needs; *inbox_of* gives each region's inbox partition."""
    return {
        region.name: RegionRoute(region.partition_level, region.ward_level, inbox_of[region.name]) for region in regions
    }


def plan_of(region: Region) -> RegionPlan:
    """What the third stage needs: a unit for each level (the whole region last) and scored group."""
    units = tuple(
        Unit(
            region=region.name,
            level=level,
            group=group,
            areas=region.unit_areas(level),
            neighbours=region.neighbour_indexes(level),
            zone=region.zone,
            day_starts=region.day_starts,
            periods=region.periods(level),
            settings=WHOLE if level == WHOLE_LEVEL else Settings(),
        )
        for level in region.unit_levels
        for group in region.scored_groups
    )
    return RegionPlan(
        region=region.name,
        level=region.partition_level,
        parents=region.parents,
        units=units,
        sentinels=tuple(group for group in region.groups if group in region.sentinels),
        alerts_per_week=region.budget.alerts_per_week,
        own_budgets=region.own_budgets,
        feedback=region.budget.feedback,
    )

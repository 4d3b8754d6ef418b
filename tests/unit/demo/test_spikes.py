"""Where spikes are put, and when one counts as found."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from support.alerts import ONSET, opened

from schemas.events import DAY, HOUR, AlertKind, AlertReason
from streams.demo.rates import published_rates
from streams.demo.rhythm import shape
from streams.demo.spikes import LEAST_EXTRA, Spike, Tally, choose_spikes, tally
from streams.demo.town import Town, town_of
from streams.regions.loader import load

MONDAY = 1_772_409_600_000
SPIKE = Spike(area="B", group="robbery", onset=ONSET, end=ONSET + 6 * HOUR, factor=4.0)


@cache
def town() -> Town:
    return town_of(load("london"), published_rates(), np.random.default_rng(1))


@pytest.mark.parametrize("seed", range(5))
def test_spikes_are_apart_large_enough_and_over_in_time(seed: int) -> None:
    last = MONDAY + 12 * DAY
    spikes = choose_spikes(town(), MONDAY, last, 8, np.random.default_rng(seed))

    assert len({spike.area for spike in spikes}) == len(spikes) == 8
    for spike in spikes:
        hours = (spike.end - spike.onset) // HOUR
        usual = town().hourly(spike.group)[town().areas.index(spike.area)].sum()
        assert (spike.factor - 1) * usual * shape(spike.onset, hours, town().zone).sum() >= LEAST_EXTRA
        assert spike.onset >= MONDAY
        assert spike.over <= last


def test_a_span_too_short_for_a_spike_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        choose_spikes(town(), MONDAY, MONDAY + DAY, 1, np.random.default_rng(1))


def test_the_groups_rate_is_what_the_taxonomy_counts() -> None:
    assert town().hourly("robbery").sum() * 8766 == pytest.approx(
        sum(rate.incidents for rate in published_rates() if rate.category.startswith("robbery"))
    )
    assert town().hourly("knife_crime").sum() * 8766 == pytest.approx(sum(rate.knife for rate in published_rates()))


def test_an_alert_of_the_group_in_the_area_finds_the_spike() -> None:
    assert tally([SPIKE], [opened()], MONDAY, SPIKE.over) == Tally(injected=1, found=1, alerts=1, false_alerts=0)


@pytest.mark.parametrize("clock", [ONSET, SPIKE.end + HOUR, SPIKE.end + DAY])
def test_an_alert_until_a_day_after_the_end_finds_the_spike(clock: int) -> None:
    assert tally([SPIKE], [opened(clock=clock)], MONDAY, SPIKE.over).found == 1


@pytest.mark.parametrize("clock", [ONSET - HOUR, SPIKE.over + HOUR])
def test_an_alert_before_or_long_after_is_false(clock: int) -> None:
    judged = tally([SPIKE], [opened(clock=clock)], MONDAY, SPIKE.over + DAY)

    assert judged == Tally(injected=1, found=0, alerts=1, false_alerts=1)


def test_an_alert_of_another_group_in_the_spike_is_neither_found_nor_false() -> None:
    judged = tally([SPIKE], [opened(group="knife_crime")], MONDAY, SPIKE.over)

    assert judged == Tally(injected=1, found=0, alerts=1, false_alerts=0)


def test_an_area_that_joins_an_alert_is_found() -> None:
    elsewhere = opened(area="A", areas=("A",), clock=ONSET - HOUR)
    joined = opened(kind=AlertKind.UPDATED, reason=AlertReason.NEW_AREA, area="A", areas=("A", "B"))

    judged = tally([SPIKE], [elsewhere, joined], MONDAY, SPIKE.over)

    assert judged == Tally(injected=1, found=1, alerts=1, false_alerts=1)


def test_a_homicide_is_told_without_statistics_and_is_not_false() -> None:
    told = opened(group="homicide", area="C", areas=("C",), reason=AlertReason.SENTINEL)

    assert tally([], [told], MONDAY, SPIKE.over) == Tally(injected=0, found=0, alerts=1, false_alerts=0)


def test_a_spike_is_given_until_its_end_and_what_was_before_is_not_counted() -> None:
    judged = tally([SPIKE], [opened(clock=MONDAY - DAY)], MONDAY, SPIKE.end - HOUR)

    assert judged == Tally(injected=0, found=0, alerts=0, false_alerts=0)


def test_a_spike_that_is_not_found_by_its_end_is_injected_all_the_same() -> None:
    assert tally([SPIKE], [], MONDAY, SPIKE.end) == Tally(injected=1, found=0, alerts=0, false_alerts=0)


def test_a_spike_found_before_its_end_is_injected_already() -> None:
    assert tally([SPIKE], [opened()], MONDAY, ONSET + 4 * HOUR).injected == 1

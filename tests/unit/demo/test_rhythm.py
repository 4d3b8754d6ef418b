"""When the made-up violence happens."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from streams.demo.rhythm import HOURS, MONTHS, WEEKDAYS, shape

LONDON = ZoneInfo("Europe/London")


def hours_from(at: dt.datetime, hours: int) -> list[float]:
    found: list[float] = shape(int(at.timestamp()) * 1000, hours, "Europe/London").tolist()
    return found


@pytest.mark.parametrize("month", [1, 7])
def test_a_day_has_the_hours_of_the_local_clock_the_weekday_and_the_month(month: int) -> None:
    midnight = dt.datetime(2026, month, 17, tzinfo=LONDON)

    assert hours_from(midnight, 24) == pytest.approx(
        [MONTHS[month - 1] * WEEKDAYS[midnight.weekday()] * share * 24 for share in HOURS]
    )


def test_july_is_busier_than_february_and_ten_at_night_than_six_in_the_morning() -> None:
    # the same weekday of the two months
    february = hours_from(dt.datetime(2026, 2, 7, tzinfo=LONDON), 24)
    july = hours_from(dt.datetime(2026, 7, 4, tzinfo=LONDON), 24)

    assert sum(july) / sum(february) == pytest.approx(1.129 / 0.918, abs=0.001)
    assert july[22] > 3.5 * july[6]


def test_a_year_s_hours_are_a_mean_hour_on_average() -> None:
    assert np.mean(hours_from(dt.datetime(2026, 1, 1, tzinfo=LONDON), 8760)) == pytest.approx(1.0, abs=0.003)

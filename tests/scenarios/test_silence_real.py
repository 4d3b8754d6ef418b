"""When a live feed fell silent: nine months of dispatches, whose outages can be seen in the file itself."""

from __future__ import annotations

import datetime as dt

from support.files import real, rows_of

from consumers.observe.arrivals import SILENT, Arrivals

HOUR = 3_600_000


def published() -> list[int]:
    """When each dispatch was published, in ms, sorted; local times, which here need only be in order."""
    times = (row["timeStamp"] for row in rows_of(real("montgomery-county-911-2015-2016.csv.gz")))
    return sorted(int(dt.datetime.fromisoformat(f"{each}+00:00").timestamp() * 1000) for each in times)


def test_every_outage_is_noticed_within_minutes_and_hardly_a_lull_is_taken_for_one() -> None:
    arrivals, outages, lulls, noticed = Arrivals(), 0, 0, []
    for at in published():
        if arrivals.last is not None and at - arrivals.last > 10 * 60_000:
            silent = arrivals.missing(at) >= SILENT
            if at - arrivals.last >= 2 * HOUR:
                outages += 1
                noticed.append(
                    next(m for m in range(24 * 60) if arrivals.missing(arrivals.last + m * 60_000) >= SILENT)
                )
                assert silent
            else:
                lulls += silent
        arrivals.heard(at)

    assert outages == 5
    assert max(noticed) <= 120
    assert lulls <= 9, "once a month"

"""Facts of real files that a counter must survive: incidents withdrawn and back, ids told anew, columns cut short."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from regions.packs import PACKS
from support.enriching import WIRE, enriched
from support.files import DATA, real, rows_of

from schemas.events import Change, Incident
from streams.ingest.arrival import Arrival
from streams.ingest.loading import load_profile
from streams.ingest.reader import read
from streams.regions.loader import load
from streams.review.months import month
from streams.review.profile import read_profile
from streams.review.reading import read_monthly

SHOOTINGS = "philadelphia-shootings-revisions-2020-2025.csv.gz"
TOLD = ("occurred_local", "victims", "fatal", "lat", "lon", "police_district")


@pytest.fixture(scope="module")
def arrivals() -> list[Arrival]:
    return [
        each for each in read([real(SHOOTINGS)], load_profile("philadelphia-revisions")) if isinstance(each, Arrival)
    ]


def standing(incident: Incident) -> tuple[object, ...]:
    """All that is counted of an incident and what it was judged by; how late the news was is another matter."""
    counted = (incident.region, incident.area, incident.ward, incident.groups, incident.hour, incident.victims)
    return (*counted, incident.category, incident.time_rule, incident.vintage, incident.tense)


def histories() -> dict[str, list[dict[str, str]]]:
    """Publications about each incident, in order, by another reader."""
    by_incident: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows_of(real(SHOOTINGS)):
        by_incident[row["incident_id"]].append(row)
    return by_incident


def back_as_they_were() -> set[str]:
    """Incidents with three publications, the last of which gives back all that the withdrawal took."""
    return {
        number
        for number, rows in histories().items()
        if [row["event"] for row in rows[1:]] == ["withdrawn", "reappeared"]
        and all(rows[0][name] == rows[2][name] for name in TOLD)
    }


def test_an_incident_withdrawn_and_reinstated_is_what_it_was(arrivals: list[Arrival], tmp_path: Path) -> None:
    chosen = back_as_they_were()
    PACKS["philadelphia"](DATA, tmp_path / "pack")
    records = enriched(
        (each for each in arrivals if each.notification.source_ref in chosen), load(str(tmp_path / "pack"))
    )
    states: dict[str, list[tuple[bytes | None, Incident]]] = defaultdict(list)
    for record in records:
        incident = WIRE.decode_incident(record.value or b"", whole=True)
        states[incident.incident_id].append((record.key, incident))

    assert len(states) == len(chosen) > 50
    for (key, first), (_, gone), (key_again, again) in states.values():
        assert gone.change == Change.WITHDRAWN
        assert (key_again, standing(again)) == (key, standing(first))


def test_an_incident_is_known_by_its_number_and_not_by_its_row(arrivals: list[Arrival]) -> None:
    published = {number: len(rows) for number, rows in histories().items()}
    ids: dict[str, set[str]] = defaultdict(set)
    for each in arrivals:
        ids[each.notification.source_ref or ""].add(each.notification.incident_id)

    assert sum(count > 1 for count in published.values()) > 3_000, "many are published more than once"
    assert all(len(each) == 1 for each in ids.values())
    assert len(set().union(*ids.values())) == len(ids)


def test_a_month_cut_short_at_the_edge_of_a_rolling_file_is_left_out_and_said_to_be() -> None:
    name = "london-mps-ward-monthly-2024-2026.csv.gz"
    months: dict[str, int] = defaultdict(int)
    for row in rows_of(real(name)):
        for month_of, value in row.items():
            if month_of.isdigit():
                months[month_of] += int(value)
    assert months["202402"] < 0.05 * months["202403"]

    panel = read_monthly(
        [real(name)], read_profile("mps-ward-monthly"), load("london"), month("2024-02"), month("2026-03")
    )

    assert panel.first == month("2024-03")
    assert any("2024-02 is left out" in note for note in panel.provenance.notes), panel.provenance.notes


def test_the_table_of_small_areas_has_no_sexual_offences() -> None:
    kinds = {row["major_category"] for row in rows_of(real("london-mps-lsoa-monthly-2024-2026.csv.gz"))}

    assert len(kinds) == 10
    assert not any("SEXUAL" in kind or "RAPE" in kind for kind in kinds)


def test_nothing_is_counted_as_a_sexual_offence_from_the_table_of_small_areas() -> None:
    file, profile = real("london-mps-lsoa-monthly-2024-2026.csv.gz"), read_profile("mps-lsoa-monthly")

    panel = read_monthly([file], profile, load("london"), month("2024-03"), month("2026-03"))

    assert panel.counts.sum() > 0
    assert not any(
        "sexual" in group or "rape" in group for group in panel.groups if panel.region[panel.groups.index(group)].any()
    )


def test_today_above_mean_and_two_deviations_is_a_noise_machine_in_chicago() -> None:
    """Why a budget is kept: four kinds of crime in 77 areas, day by day against the 28 days before."""
    kinds, first, days, past = ("BATTERY", "ASSAULT", "ROBBERY", "CRIM SEXUAL ASSAULT"), dt.date(2018, 1, 1), 243, 28
    counts = np.zeros((len(kinds), 78, days))
    for row in rows_of(real("chicago-crimes-2018-jan-aug.csv.gz")):
        if row["PrimaryType"] in kinds and row["CommunityArea"]:
            day = (dt.date.fromisoformat(row["Date"][:10]) - first).days
            counts[kinds.index(row["PrimaryType"]), int(row["CommunityArea"]), day] += 1
    windows = np.lib.stride_tricks.sliding_window_view(counts[:, 1:, :-1], past, axis=2)

    fired = counts[:, 1:, past:] > windows.mean(axis=3) + 2 * windows.std(axis=3)

    assert 14 < fired.sum() / (days - past) < 20

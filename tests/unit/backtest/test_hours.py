"""Hours files: what they hold comes back, and what is wrong in one is told in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.pasts import AREAS, START, past, write_lines, write_pack

from schemas.errors import UsageError
from schemas.events import HOUR, HourCount
from streams.backtest.hours import hour_of, iso_hour, read_hours, write_hours
from streams.core.geography import Region
from streams.regions.loader import load


@pytest.fixture
def town(tmp_path: Path) -> Region:
    return load(write_pack(tmp_path / "pack"))


def test_counts_come_back_and_hours_without_a_line_are_zero(tmp_path: Path) -> None:
    made = past(tmp_path, days=40)

    hours = read_hours(made.file, load(made.pack))

    table = hours.between(("borough", "street_violence"), START, made.end)
    assert (table == made.counts).all()
    assert hours.between(("borough", "street_violence"), made.end, made.end + 5).sum() == 0
    beyond = hours.between(("borough", "street_violence"), START - 3, made.end + 2)
    assert beyond.shape == (6, made.counts.shape[1] + 5)
    assert (beyond[:, 3:-2] == made.counts).all()


def test_hours_may_be_written_in_any_zone_and_order_with_further_columns(tmp_path: Path, town: Region) -> None:
    lines = ["street_violence,2,2024-05-01T03:00+01:00,borough,3,B", "street_violence,1,2024-05-01T00:00Z,,,A"]
    file = write_lines(tmp_path / "h.csv", lines, "group,incidents,hour,level,victims,area")

    hours = read_hours(file, town)

    table = hours.counts["borough", "street_violence"]
    assert (hours.first, hours.hours) == (hour_of("2024-05-01"), 3)
    assert {(AREAS[a], int(h)): int(table[a, h]) for a, h in np.argwhere(table)} == {("A", 0): 1, ("B", 2): 2}


def test_sentinels_and_incidents_of_no_area_are_told_apart(tmp_path: Path, town: Region) -> None:
    lines = ["A,street_violence,2024-05-01,1", "A,homicide,2024-05-01,1", "UNKNOWN,street_violence,2024-05-01,4"]

    hours = read_hours(write_lines(tmp_path / "h.csv", lines), town)

    assert list(hours.counts) == [("borough", "street_violence")]
    assert (hours.sentinels, hours.unplaced) == (("homicide",), 4)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Z,street_violence,2024-05-01,1", "row 3, column area: 'Z' is no area of region town"),
        ("A,knifes,2024-05-01,1", "row 3, column group: 'knifes' is no group of region town"),
        (
            "A,street_violence,2024-05-01T00:30Z,1",
            "row 3, column hour: '2024-05-01T00:30Z' is not the start of an hour",
        ),
        ("A,street_violence,yesterday,1", "row 3, column hour: 'yesterday' is not the start of an hour"),
        ("A,street_violence,2024-05-01,-1", "row 3, column incidents"),
        ("B,street_violence,2024-05-01,1.5", "row 3, column incidents: '1.5' is not a whole number"),
        ("A,street_violence,2024-05-01,70000", "row 3, column incidents: 70000 is not between"),
        ("A,street_violence,2024-05-01", "row 3: 3 cells, but the header has 4"),
        ("A,street_violence,2024-04-30T23:00Z,1", "area A, group street_violence, hour 2024-04-30T23:00:00Z is there"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, town: Region, line: str, told: str) -> None:
    file = write_lines(tmp_path / "h.csv", ["A,street_violence,2024-04-30T23:00Z,2", line])

    with pytest.raises(UsageError, match=r"^[^\n]+$") as mistake:
        read_hours(file, town)

    assert told in str(mistake.value)


def test_a_level_that_is_not_that_of_the_area_is_refused(tmp_path: Path, town: Region) -> None:
    file = write_lines(tmp_path / "h.csv", ["A,street_violence,2024-05-01,1,ward"], "area,group,hour,incidents,level")

    with pytest.raises(UsageError, match="column level: 'ward': A is a borough"):
        read_hours(file, town)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"area,hour,incidents\n", "column group is missing"),
        (b"", "column area is missing; the header is empty"),
        (b"area,group,hour,incidents\n", "holds no counts"),
        (b"area,group,hour,incidents\n\xff,b,c,d\n", "byte 0xff is not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, town: Region, content: bytes, told: str) -> None:
    (tmp_path / "h.csv").write_bytes(content)

    with pytest.raises(UsageError, match=told):
        read_hours(tmp_path / "h.csv", town)


def test_a_torn_gzip_file_is_told(tmp_path: Path, town: Region) -> None:
    whole = write_lines(tmp_path / "h.csv.gz", ["A,street_violence,2024-05-01,1"] * 500).read_bytes()
    (tmp_path / "h.csv.gz").write_bytes(whole[:-9])

    with pytest.raises(UsageError, match=r"h\.csv\.gz can't be read"):
        read_hours(tmp_path / "h.csv.gz", town)


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, town: Region, name: str) -> None:
    counts = [
        HourCount(0, 0, "ACTUAL", "town", "borough", area, "street_violence", (START + hour) * HOUR, number, number, ())
        for area, hour, number in (("B", 5, 2), ("A", 9, 1), ("A", 2, 0))
    ]

    write_hours(tmp_path / name, counts)

    table = read_hours(tmp_path / name, town)
    assert (table.first, table.hours) == (START + 5, 5)
    assert table.counts["borough", "street_violence"].sum(axis=1).tolist() == [1, 2, 0, 0, 0, 0]


def test_hours_are_named_in_utc() -> None:
    assert iso_hour(START) == "2024-02-05T06:00:00Z"

"""Files that are not as they should be: what is refused as a whole, what is refused row by row, what is read anyway."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.files import profile, told_apart

from schemas.errors import UsageError
from streams.ingest import reader
from streams.ingest.arrival import Arrival
from streams.ingest.profile import Profile

HEADER = "when,what,where\n"
GOOD = "2020-01-01,a,x\n"

Seen = tuple[list[str], list[tuple[str, int]]]


def file_of(folder: Path, content: str | bytes, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: str | bytes, chosen: Profile | None = None, name: str = "f.csv") -> Seen:
    """Categories of the arrivals; reason and line of the rest."""
    arrivals, bad = told_apart([file_of(folder, content, name)], chosen or profile())
    return [arrival.notification.category for arrival in arrivals], [(row.reason.value, row.line) for row in bad]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + GOOD + GOOD,
        HEADER + GOOD + GOOD.strip(),
        "\ufeff" + HEADER + GOOD + GOOD,
        (HEADER + GOOD + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD + GOOD).replace("\n", "\r"),
        (HEADER + GOOD + GOOD).replace(",", ";"),
        (HEADER + GOOD + GOOD).replace(",", "\t"),
        (HEADER + GOOD + GOOD).replace(",", "|"),
        HEADER + "\n" + GOOD + "\n\n" + GOOD + "\n",
        "more, where ,what,when\n1,x,a,2020-01-01\n2,x,a, 2020-01-01 \n",
        'when,what,"where"\n"2020-01-01",a,"x\ny"\n2020-01-01,a,"x, ""y"""\n',
    ],
)
def test_ways_of_writing_a_table_are_told_by_its_header(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == (["a", "a"], [])


def test_gzip_is_told_by_the_name(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress((HEADER + GOOD).encode()), name="f.csv.gz") == (["a"], [])


def test_a_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER) == ([], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "f.csv is empty"),
        ("\n2020,a,x\n", "f.csv line 1: expected a header with the names of the columns"),
        ('when,"what\n', "f.csv line 1: the header can't be read: unexpected end of data"),
        ("when,whta,where\n", "f.csv line 1: no column what: did you mean whta?"),
        ("when,kind,where\n", "f.csv line 1: no column what: there are when, kind, where"),
        ("when,what,what,where\n", "f.csv line 1: column what is there twice"),
        (
            (HEADER + GOOD + "2020-01-01,caf\xe9,x\n").encode("latin-1"),
            "f.csv line 3: byte 45 (0xe9) is not UTF-8: save the file as UTF-8",
        ),
        ((HEADER + GOOD).encode("utf-16"), "f.csv is UTF-16: save it as UTF-8"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_clear_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, content)

    assert str(error.value).removeprefix(f"{tmp_path}/") == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode(), "is not gzip, although its name says so"),
        (gzip.compress((HEADER + GOOD * 10_000).encode())[:-12], "is damaged or cut off within its gzip stream"),
        (
            gzip.compress((HEADER + GOOD * 10_000).encode())[:40] + b"\xff" * 40,
            "is damaged or cut off within its gzip stream",
        ),
    ],
)
def test_gzip_that_is_none_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, content, name="f.csv.gz")


def test_a_file_that_is_not_there_or_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=f"{path} can't be read: {why}"):
            told_apart([path], profile())


def test_nothing_is_given_out_of_a_file_that_breaks_later(tmp_path: Path) -> None:
    good = file_of(tmp_path, HEADER + GOOD, "good.csv")
    broken = file_of(tmp_path, (HEADER + GOOD).encode() * 50_000 + b"\xff", "broken.csv")
    seen: list[object] = []
    with pytest.raises(UsageError, match="line 100001: byte 1550000"):
        seen.extend(row for row in reader.read([good, broken], profile()) if isinstance(row, Arrival))

    assert seen == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("2020-01-01,a\n", "corrupt"),
        ("2020-01-01,a,x,more\n", "corrupt"),
        ('2020-01-01,"a"b,x\n', "corrupt"),
        ("2020-01-01,,x\n", "missing_field"),
        ("soon,a,x\n", "bad_value"),
        (",a,x\n", "no_time"),
        ("0,a,x\n", "placeholder_time"),
        ("1600000000,a,x\n", "seconds_for_milliseconds"),
        ("9999-12-31T23:59,a,x\n", "future_time"),
        (f"2020-01-01,{'a' * 200_000},x\n", "oversized"),
        (f"2020-01-01,{'a' * 1_000},x\n", "bad_value"),
    ],
)
def test_a_row_that_is_none_has_a_reason_and_harms_no_other(tmp_path: Path, broken: str, reason: str) -> None:
    assert read(tmp_path, HEADER + GOOD + broken + GOOD) == (["a", "a"], [(reason, 3)])


@pytest.mark.parametrize("torn", ["2020-01-01,a", "2020", '2020-01-01,"a', '2020-01-01,a,"x', '2020-01-01,a,"x, ""'])
def test_a_torn_last_line_is_told(tmp_path: Path, torn: str) -> None:
    assert read(tmp_path, HEADER + GOOD + torn) == (["a"], [("truncated", 3)])


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    stray = '2020-01-01,"b,x\n'
    two_lines = '2020-01-01,c,"x\ny"\n'

    found = read(tmp_path, HEADER + GOOD + stray + GOOD * 20_000 + two_lines + GOOD)

    assert found == (["a"] * 20_001 + ["c", "a"], [("corrupt", 3)])


def test_rows_after_a_stray_quote_keep_their_order(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-01,{what},x\n" for what in "abcdef")

    assert read(tmp_path, HEADER + '2020-01-01,"z,x\n' + rows) == (list("abcdef"), [("corrupt", 2)])


def test_a_line_is_counted_where_its_record_begins(tmp_path: Path) -> None:
    content = HEADER + '2020-01-01,a,"x\ny\nz"\n' + "\n" + "soon,a,x\n" + '2020-01-01,"a\nb"c,x\n' + "2020-01-01,a\n"

    assert read(tmp_path, content) == (["a"], [("bad_value", 6), ("corrupt", 7), ("corrupt", 8), ("corrupt", 9)])


def test_what_is_refused_is_kept_as_the_profile_reads_it_and_no_more(tmp_path: Path) -> None:
    content = "name,when,what,where\nJane Doe,soon,a,x\nJohn Doe,2020\n"

    _, bad = told_apart([file_of(tmp_path, content)], profile())

    assert json.loads(bad[0].raw) == {"what": "a", "when": "soon", "where": "x"}
    assert bad[0].detail == "occurred_at (column when) is no time of format auto"
    assert bad[1].raw == "John Doe,2020\n"
    assert {(row.file, row.source) for row in bad} == {("f.csv", "s")}


def test_a_closed_profile_knows_all_columns(tmp_path: Path) -> None:
    for header, hint in (("when,what,where,name", "leave it out"), ("when,what,where,wher", "did you mean where")):
        with pytest.raises(UsageError, match=f"line 1: column '.*' is not known: .*{hint}"):
            read(tmp_path, header + "\n", profile(closed=True))


def json_lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


JSONL: dict[str, object] = {
    "format": "jsonl",
    "identity": {"column": "properties.id"},
    "fields": {
        "category": {"column": "properties.what"},
        "occurred_at": {"column": "at"},
        "longitude": {"column": "geometry.coordinates.0"},
        "latitude": {"column": "geometry.coordinates.1"},
        "domestic": {"column": "properties.domestic", "optional": True},
        "victims": {"column": "properties.victims"},
    },
}


def test_objects_are_read_by_paths(tmp_path: Path) -> None:
    row = {
        "at": 1_600_000_000_000,
        "geometry": {"type": "Point", "coordinates": [-0.1, 51.5]},
        "properties": {"id": 7, "what": "a", "domestic": False, "victims": None},
    }

    ((arrival,), bad) = told_apart([file_of(tmp_path, json_lines(row), "f.jsonl")], profile(**JSONL))  # type: ignore[arg-type]  # fields

    found = arrival.notification
    assert bad == []
    assert (found.source_ref, found.category, found.occurred_at) == ("7", "a", 1_600_000_000_000)
    assert (found.longitude, found.latitude, found.domestic, found.victims) == (-0.1, 51.5, False, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense\n", "bad_json"),
        ("[1]\n", "bad_json"),
        ('{"at": NaN}\n', "bad_json"),
        ('{"at": 1600000000000, "properties": {"id": 1}}\n', "missing_field"),
        ('{"at": {"x": 1}, "properties": {"id": 1, "what": "a"}}\n', "bad_value"),
        ('{"at": 1600000000000, "properties": {"what": "a"}}\n', "missing_field"),
        ('{"x": "' + "a" * 1_100_000 + '"}\n', "oversized"),
        ('{"at": 1600000000', "truncated"),
    ],
)
def test_an_object_that_is_no_notification_has_a_reason(tmp_path: Path, line: str, reason: str) -> None:
    good = json_lines({"at": 1_600_000_000_000, "properties": {"id": 1, "what": "a"}})

    found = read(tmp_path, good + "\n" + line, profile(**JSONL), "f.jsonl")  # type: ignore[arg-type]  # fields

    assert found == (["a"], [(reason, 3)])


def test_a_closed_profile_knows_all_keys(tmp_path: Path) -> None:
    lines = json_lines({"when": "2020-01-01", "what": "a"}, {"when": "2020-01-01", "what": "a", "name": "Jane"})

    found = read(tmp_path, lines, profile(format="jsonl", closed=True), "f.jsonl")

    assert found == (["a"], [("bad_value", 2)])


def test_files_are_joined_in_the_order_in_which_rows_became_known(tmp_path: Path) -> None:
    def days(name: str, *rows: tuple[str, str]) -> Path:
        return file_of(tmp_path, HEADER + "".join(f"2020-01-{day},{what},x\n" for day, what in rows), name)

    paths: Sequence[Path] = [
        days("1", ("03", "c"), ("01", "a"), ("03", "d"), ("05", "g")),
        days("2", ("03", "e"), ("04", "f"), ("02", "b"), ("05", "h")),
    ]

    arrivals, _ = told_apart(paths, profile())

    assert "".join(arrival.notification.category for arrival in arrivals) == "abcdefgh"

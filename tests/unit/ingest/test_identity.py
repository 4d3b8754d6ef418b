"""Which rows are one incident, and which revision of it."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import profile, told_apart

from streams.ingest.arrival import Arrival

SOME_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["2020-01-01 10:00", "2020-01-01 10:01", "2020-01-02"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "x,y", 'q"', "a\x1fb", "two\nlines"]),
    ),
    max_size=30,
)
BY_ID: dict[str, object] = {"identity": {"column": "id"}}


def written(folder: Path, rows: Sequence[tuple[str, ...]], *header: str) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def refs(arrivals: list[Arrival]) -> list[str]:
    return [arrival.notification.source_ref for arrival in arrivals]


@given(SOME_ROWS, st.randoms(use_true_random=False))
def test_rows_of_equal_content_are_incidents_of_their_own(rows: list[tuple[str, ...]], chance: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name), rows, "when", "what", "where")
        moved = [row[::-1] for row in rows]
        chance.shuffle(moved)  # type: ignore[attr-defined]  # a random.Random
        other = written(Path(name), moved, "where", "what", "when")

        found = refs(told_apart([path], profile())[0])

        assert len(set(found)) == len(rows)
        assert refs(told_apart([path], profile())[0]) == found
        assert sorted(refs(told_apart([other], profile())[0])) == sorted(found)
        assert Counter(refs(told_apart([path, path], profile())[0])) == dict.fromkeys(found, 2)


def test_where_a_cell_ends_is_part_of_the_content(tmp_path: Path) -> None:
    one = written(tmp_path, [("2020-01-01", "ab", "c")], "when", "what", "where")
    other = written(tmp_path, [("2020-01-01", "a", "bc")], "when", "what", "where")

    assert refs(told_apart([one], profile())[0]) != refs(told_apart([other], profile())[0])


def test_only_the_columns_of_the_identity_decide(tmp_path: Path) -> None:
    first = written(tmp_path, [("2020-01-01", "a", "x", "no")], "when", "what", "where", "arrest")
    later = written(tmp_path, [("2020-01-01", "a", "x", "yes")], "when", "what", "where", "arrest")

    assert refs(told_apart([first], profile())[0]) == refs(told_apart([later], profile())[0])


def test_a_row_without_its_reference_is_known_by_its_content(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [("7", "2020-01-01", "a", "x"), ("", "2020-01-01", "a", "x"), (" ", "2020-01-01", "a", "x")],
        *("id", "when", "what", "where"),
    )
    both = profile(identity={"column": "id", "columns": ["when", "what", "where"]})

    found = refs(told_apart([path], both)[0])

    assert found[0] == "7"
    assert len(found[1]) == 20
    assert found[2] == found[1] + ".2"


def test_a_row_without_its_reference_and_nothing_else_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [("", "2020-01-01", "a")], "id", "when", "what")

    _, bad = told_apart([path], profile(None, **BY_ID))

    assert [(row.reason, row.line, row.detail) for row in bad] == [
        ("missing_field", 2, "source_ref (column id) is empty")
    ]


def revisions(arrivals: list[Arrival]) -> list[tuple[str, str, int]]:
    return [(a.notification.source_ref, a.notification.kind, a.notification.revision) for a in arrivals]


def test_rows_of_one_reference_are_its_revisions_in_the_order_they_became_known(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [("1", "2020-01-03", "c"), ("1", "2020-01-01", "a"), ("2", "2020-01-02", "b"), ("1", "2020-01-03", "d")],
        *("id", "when", "what"),
    )

    arrivals, _ = told_apart([path], profile(None, **BY_ID, revision={"told_by": "order"}))

    assert revisions(arrivals) == [
        ("1", "REPORTED", 1),
        ("2", "REPORTED", 1),
        ("1", "UPDATED", 2),
        ("1", "UPDATED", 3),
    ]
    assert [arrival.notification.category for arrival in arrivals] == ["a", "b", "c", "d"]


def test_revisions_by_time_are_the_same_in_whatever_pieces_the_file_comes(tmp_path: Path) -> None:
    rows = [("1", "2020-01-01", "a"), ("1", "2020-01-02", "b"), ("1", "2020-01-02", "c"), ("1", "2020-01-03", "d")]
    by_time = profile(None, **BY_ID, revision={"told_by": "known_at"})
    whole = written(tmp_path, rows, "id", "when", "what")
    pieces = [written(tmp_path, rows[at : at + 3], "id", "when", "what") for at in (0, 3)]

    found = told_apart([whole], by_time)[0]

    assert [a.notification.revision - a.known_at_ms for a in found] == [0, 0, 1, 0]
    assert [a.notification.revision for a in found] == [
        a.notification.revision for piece in pieces for a in told_apart([piece], by_time)[0]
    ]


def test_a_revision_in_a_column_is_taken_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, [("1", "2020-01-01", "a", "3"), ("1", "2020-01-02", "b", "x")], "id", "when", "what", "v")

    arrivals, bad = told_apart([path], profile(None, **BY_ID, revision={"told_by": "column", "column": "v"}))

    assert revisions(arrivals) == [("1", "REPORTED", 3)]
    assert [(row.reason, row.detail) for row in bad] == [("bad_value", "revision (column v) is no whole number")]


@pytest.mark.parametrize("copies", [1, 3])
def test_without_revisions_every_row_is_the_first(tmp_path: Path, copies: int) -> None:
    path = written(tmp_path, [("1", "2020-01-01", "a")] * copies, "id", "when", "what")

    assert revisions(told_apart([path], profile(None, **BY_ID))[0]) == [("1", "REPORTED", 1)] * copies

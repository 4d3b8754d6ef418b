"""Pace, position, and what becomes of rows on their way."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.builders import notification
from support.files import profile

from schemas.errors import UsageError
from schemas.events import Reason
from streams.ingest.arrival import Arrival, BadRow
from streams.ingest.command import SETTLE_EVERY, Tally, deliver
from streams.ingest.position import Position, fingerprint
from streams.ingest.sending import Pace

Row = Arrival | BadRow


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Broker:
    """Takes rows; those since the last settling are lost when it breaks."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.settled: list[Row] = []
        self._open: list[Row] = []
        self._breaks_after = breaks_after

    def take(self, row: Row) -> None:
        if self._breaks_after is not None and len(self.settled) + len(self._open) >= self._breaks_after:
            raise ConnectionError
        self._open.append(row)

    def settle(self) -> None:
        self.settled += self._open
        self._open.clear()


def rows(count: int, bad: int = 0) -> list[Row]:
    broken = [BadRow(Reason.CORRUPT, "", "f", line, "", "s") for line in range(bad)]
    return [*broken, *(Arrival(at, notification(source_ref=str(at))) for at in range(count - bad))]


def test_a_pace_is_kept_over_many_records() -> None:
    clock = Clock()
    pace = Pace(50, clock)

    for _ in range(500):
        clock.now += pace.wait()
        pace.gone()

    assert clock.now == pytest.approx(499 / 50)


def test_a_pause_is_not_made_up_for_by_a_burst_of_more_than_a_second() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    clock.now = 3_600.0

    sent = 0
    while not pace.wait():
        pace.gone()
        sent += 1

    assert sent in {100, 101}


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(None, Clock())

    for _ in range(1_000):
        pace.gone()

    assert pace.wait() == 0.0


def test_a_broken_run_goes_on_where_the_broker_had_all(tmp_path: Path) -> None:
    everything = rows(3 * SETTLE_EVERY + 7, bad=5)
    position = Position(tmp_path / "new", "f")
    broken, mended, tally = Broker(breaks_after=2 * SETTLE_EVERY + 1), Broker(), Tally()

    with pytest.raises(ConnectionError):
        deliver(everything, broken, Tally(), position, position.load())
    begin = position.load()
    deliver(everything, mended, tally, position, begin)

    assert begin == 2 * SETTLE_EVERY
    assert broken.settled + mended.settled == everything
    assert (tally.read, tally.skipped, tally.sent, tally.rejected.total()) == (
        len(everything),
        begin,
        SETTLE_EVERY + 7,
        0,
    )
    assert position.load() == 0


def test_the_numbers_account_for_every_row(tmp_path: Path) -> None:
    tally = Tally()

    deliver(rows(10, bad=3), Broker(), tally, Position(tmp_path, "f"), 0)

    assert tally.summary(1.234) == {
        "read": 10,
        "sent": 7,
        "rejected": {"corrupt": 3},
        "skipped": 0,
        "seconds": 1.23,
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sent": -1}', '{"sent": "7"}', '{"read": 7}'])
def test_a_position_that_can_not_be_read_is_the_beginning(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.json").write_text(content, "utf-8")

    assert Position(tmp_path, "f").load() == 0


def test_a_position_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(UsageError, match=r"can't be written: .*; see FIREBREAK_DATA_DIR"):
        Position(tmp_path / "file", "f").save(1)


def test_other_files_another_profile_or_topic_have_another_position(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("one", "utf-8")
    two.write_text("two", "utf-8")
    usual = fingerprint([one], profile(), "t")

    others = [
        fingerprint([two], profile(), "t"),
        fingerprint([one, two], profile(), "t"),
        fingerprint([one], profile({"category": {"column": "where"}}), "t"),
        fingerprint([one], profile(), "u"),
    ]

    assert usual not in others
    assert len(set(others)) == 4
    two.write_text("one", "utf-8")
    assert fingerprint([two], profile(), "t") == usual

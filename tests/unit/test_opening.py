"""What a partition refuses to go on from, and how rows of an older format become rows of this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from support.tally import TICK, Tally, TallyEdge

from schemas.errors import UsageError
from streams.batch import Batch, RawRecord
from streams.core.stage import Row
from streams.journal import MARKER_KEY, encode_position, encode_row
from streams.log import Bounds, JournalRecord, Sent
from streams.partition import Partition, StageSpec, open_partition


class Kept:
    """A journal and an input, and what is committed."""

    def __init__(self, journal: Sequence[JournalRecord], bounds: Bounds) -> None:
        self.journal, self._bounds = journal, bounds
        self.sent: list[Sent] = []

    def producer(self, transactional_id: str) -> Kept:  # noqa: ARG002 - protocol
        return self

    def read(self, topic: str, partition: int) -> Iterator[Sequence[JournalRecord]]:  # noqa: ARG002 - same
        yield self.journal

    def bounds(self, topic: str, partition: int) -> Bounds:  # noqa: ARG002 - same
        return self._bounds

    def begin(self) -> None: ...

    def send(self, messages: Iterable[Sent]) -> None:
        self.sent += messages

    def commit(self) -> None: ...

    def close(self) -> None: ...


class Mine:
    def __call__(self) -> bool:
        return True

    def claimed(self) -> None: ...


def journal(row_format: int, partitions: Mapping[str, int], position: int = 5) -> list[JournalRecord]:
    rows = [(key.encode(), encode_row((count,))) for key, count in (("a", 3), ("b", 2))]
    return [*rows, (MARKER_KEY, encode_position(row_format, position, partitions, {"seen": 5}))]


def opened(kept: Kept) -> Partition:
    spec = StageSpec(
        name="tally",
        input="in",
        journal="tally.journal",
        transactional_prefix="t",
        partitions={"in": 2},
        edge_for=lambda partition: TallyEdge(partition, "out"),
    )
    return open_partition(spec, 0, kept, Mine())


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (Kept(journal(7, {"in": 2}), Bounds(0, 9)), "row format 7, this version reads 1: start the version that wrote"),
        (Kept(journal(1, {"in": 3}), Bounds(0, 9)), "partition counts {'in': 3}, now they are {'in': 2}: give the"),
        (Kept(journal(1, {"in": 2}), Bounds(0, 4)), "goes on at 5, but in/0 holds 0 to 4: bring its records back"),
        (Kept(journal(1, {"in": 2}), Bounds(6, 9)), "goes on at 5, but in/0 holds 6 to 9: bring its records back"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(kept: Kept, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        opened(kept)

    assert said in str(refused.value)


def test_a_journal_that_fits_is_gone_on_from() -> None:
    partition = opened(Kept(journal(1, {"in": 2}), Bounds(0, 9)))

    assert (partition.next, partition.restored_rows) == (5, 2)
    assert partition.cut() is None


class TenTimes(Tally):
    """A version whose rows hold ten times the count, and that knows the rows before it."""

    row_format = 2
    older_rows = {1: lambda row: Row(row.key, None if row.value is None else (int(str(row.value[0])) * 10,))}  # noqa: RUF012


def test_rows_of_a_known_older_format_are_all_written_anew_with_the_first_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.tally.Tally", TenTimes)
    kept = Kept(journal(1, {"in": 2}), Bounds(0, 9))
    partition = opened(kept)
    record: RawRecord = _Record(5, 0, TICK, b"")

    partition.apply(Batch(0, 0, 5, 6, [record]))
    cut = partition.cut()

    assert cut is not None
    partition.commit(cut)
    rows = {sent.key: sent.value for sent in kept.sent if sent.topic == "tally.journal"}
    assert rows[b"a"] == encode_row((30,))
    assert rows[b"b"] == encode_row((20,))
    position = rows[MARKER_KEY]
    assert position is not None
    assert position == encode_position(2, 6, {"in": 2}, {"seen": 6})


class _Record:
    def __init__(self, offset: int, timestamp: int, key: bytes, value: bytes) -> None:
        self.offset, self.timestamp, self.key, self.value = offset, timestamp, key, value


def test_a_broker_that_knows_no_transactions_is_refused_in_one_line() -> None:
    import ctypes  # noqa: PLC0415 - for this one call

    from streams.broker import _POINTER, MockCluster  # noqa: PLC0415 - same
    from streams.kafka_log import KafkaLog  # noqa: PLC0415 - same

    short = ctypes.c_int16
    cluster = MockCluster()
    serve = cluster._function("rd_kafka_mock_set_apiversion", ctypes.c_int, _POINTER, short, short, short)
    init_producer_id = 22
    assert serve(cluster._cluster, init_producer_id, -1, -1) == 0

    with pytest.raises(UsageError, match="the broker lacks what workers need, take Kafka"):
        KafkaLog({"bootstrap.servers": cluster.bootstrap}).producer("x")

"""
One owned input partition: everything that belongs to it, made when it is assigned and thrown away when it is revoked.

Records are applied on the event loop and only append to lists. A *cut* takes outputs, changed rows and position at one
instant; a thread commits it as one transaction. So outputs, rows and position are one atom: after a crash at any
point a new owner finds either all of a cut or nothing of it.

Nothing here knows Faust or Kafka: a simulation runs it on a broker of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from schemas.errors import Fatal, UsageError
from streams.batch import Batch
from streams.core.stage import Output, Row, Stage
from streams.edge import Edge, Fed
from streams.journal import MARKER_KEY, Position, encode_position, entries, fold
from streams.log import Bounds, Log, Producer, Retriable, Sent

ValueT = TypeVar("ValueT")


class BrokenChain(Fatal):
    """A batch does not begin where the one before it ended: records were lost on the way here."""


class Superseded(Exception):
    """The partition was revoked while it was being opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """
    What the runtime must know of a stage.

    ``partitions`` are the counts, by topic, that rows and marker rest on: with other counts the same key would be
    looked for elsewhere, so a journal written under other counts is refused.
    """

    name: str
    input: str
    journal: str
    transactional_prefix: str
    partitions: Mapping[str, int]
    edge_for: Callable[[int], Edge]


class Cut(NamedTuple):
    """What one transaction makes true."""

    outputs: list[Output]
    rows: list[Row]
    marker: bytes
    position: int


class Restored(NamedTuple):
    """
    Where reading goes on, the marker last written (None if it must be written anew), and the number of rows read.

    ``renewed`` are rows of an older format as they are now; the first cut holds them all, because a marker speaks for
    every row.
    """

    position: int
    marker: bytes | None
    rows: int
    renewed: Sequence[Row] = ()


class Partition:
    """
    State, producer and uncommitted outputs of one owned partition.

    Parameters
    ----------
    spec
        The stage.
    number
        The input partition.
    edge
        The stage's state machine, restored.
    producer
        The partition's own.
    restored
        What the journal held.

    """

    def __init__(self, spec: StageSpec, number: int, edge: Edge, producer: Producer, restored: Restored) -> None:
        self.spec = spec
        self.number = number
        self.next = restored.position
        """Where the next batch must begin."""
        self.committed = restored.position
        """Input position of the newest committed marker."""
        self.restored_rows = restored.rows
        self._edge = edge
        self._producer = producer
        self._outputs: list[Output] = []
        self._written = restored.marker
        self._renewed = restored.renewed

    @property
    def waiting(self) -> int:
        """Number of outputs that no transaction holds yet."""
        return len(self._outputs)

    def apply(self, batch: Batch) -> Fed:
        """
        Take a batch in.

        Raises
        ------
        BrokenChain
            It does not begin where the last one ended.

        """
        if batch.start != self.next:
            raise BrokenChain(
                f"{self.spec.input}/{self.number}: a batch begins at {batch.start}, expected {self.next}; "
                f"records in between never arrived"
            )
        fed = self._edge.feed(batch.records, self._outputs)
        self.next = batch.next
        return fed

    def cut(self) -> Cut | None:
        """Take what the next transaction makes true; None if nothing changed since the last cut."""
        stage = self._edge.stage
        rows = [*self._renewed, *stage.dirty()]
        self._renewed = ()
        outputs, self._outputs = self._outputs, []
        position = stage.resume_at(self.next)
        marker = encode_position(stage.row_format, position, self.spec.partitions, stage.marker())
        if not outputs and not rows and marker == self._written:
            return None
        self._written = marker
        return Cut(outputs, rows, marker, position)

    def commit(self, cut: Cut) -> None:
        """
        Make a cut true; blocks.

        Raises
        ------
        Abortable
            It is not true, or that can't be told: the partition must be opened again.
        Fenced
            Another worker owns the partition.

        """
        journal, number = self.spec.journal, self.number
        encode = self._edge.encode
        producer = self._producer
        producer.begin()
        producer.send(map(encode, cut.outputs))
        producer.send(Sent(journal, number, key, value) for key, value in entries(cut.rows))
        producer.send((Sent(journal, number, MARKER_KEY, cut.marker),))
        _patiently(producer.commit, _always)
        self.committed = cut.position

    def close(self) -> None:
        """Forget the partition, and what it has not committed; blocks."""
        self._producer.close()


class Tenure(Protocol):
    """What the one who opens a partition is asked and told, from the thread that opens it."""

    def __call__(self) -> bool:
        """Whether the partition is still to be opened."""
        ...

    def claimed(self) -> None:
        """Take notice that the former owner is fenced: nothing that comes now can fence another."""
        ...


def open_partition(spec: StageSpec, number: int, log: Log, still_mine: Tenure) -> Partition:
    """
    Take a partition over: fence its former owner, then read its journal to the end that it has *after* that.

    *still_mine* is asked before each step, because a former owner who comes late would fence the rightful one.

    Raises
    ------
    Superseded
        *still_mine* said no.
    UsageError
        The journal is of another row format or other partition counts, or does not fit the input.

    """
    producer = _patiently(lambda: log.producer(f"{spec.transactional_prefix}-{spec.name}-{number}"), still_mine)
    still_mine.claimed()
    try:
        return _restored(spec, number, log, producer, still_mine)
    except BaseException:
        producer.close()
        raise


def _restored(spec: StageSpec, number: int, log: Log, producer: Producer, still_mine: Tenure) -> Partition:
    edge = spec.edge_for(number)
    stage = edge.stage
    snapshot = _patiently(lambda: fold(log.read(spec.journal, number)), still_mine)
    bounds = _patiently(lambda: log.bounds(spec.input, number), still_mine)
    position = snapshot.position
    if position is None:
        stage.restore({}, None)
        return Partition(spec, number, edge, producer, Restored(bounds.beginning, None, 0))
    _refuse(spec, number, position, stage, bounds)
    renew = stage.older_rows.get(position.row_format)
    if renew is not None:
        renewed = [renew(Row(*each)) for each in snapshot.lazily().items()]
        stage.restore({key: value for key, value in renewed if value is not None}, position.marker())
        return Partition(spec, number, edge, producer, Restored(position.next, None, len(renewed), renewed))
    stage.restore(snapshot.lazily(), position.marker())
    written = encode_position(position.row_format, position.next, position.partitions, position.marker())
    return Partition(spec, number, edge, producer, Restored(position.next, written, len(snapshot.rows)))


def _refuse(spec: StageSpec, number: int, position: Position, stage: Stage, bounds: Bounds) -> None:
    journal = f"{spec.journal}/{number}"
    if position.row_format != stage.row_format and position.row_format not in stage.older_rows:
        raise UsageError(
            f"{journal} is of row format {position.row_format}, this version reads {stage.row_format}: start the "
            f"version that wrote it, or empty the journal topic and let {spec.name} count again from {spec.input}"
        )
    if position.partitions != dict(spec.partitions):
        raise UsageError(
            f"{journal} was written with partition counts {position.partitions}, now they are "
            f"{dict(spec.partitions)}: give the topics their old counts, or make all topics anew and replay"
        )
    beginning, end = bounds
    if not beginning <= position.next <= end:
        raise UsageError(
            f"{journal} goes on at {position.next}, but {spec.input}/{number} holds {beginning} to {end}: "
            f"bring its records back, or empty the journal topic and let {spec.name} begin with what is there"
        )


def _patiently(call: Callable[[], ValueT], still_mine: Callable[[], bool]) -> ValueT:
    """Repeat *call* as long as the broker can't answer; each call waits by itself."""
    while True:
        if not still_mine():
            raise Superseded
        try:
            return call()
        except Retriable:
            continue


def _always() -> bool:
    return True

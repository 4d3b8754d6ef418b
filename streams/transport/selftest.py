"""
Are the insides of aiokafka and Faust what the transport takes them for? Asked at every start.

What only makes it fast may have changed: then records are fetched one by one, through public calls. What its
exactness rests on may not: then no worker starts. Names are looked for where they are set, in the code that sets them,
and a made-up fetch is unpacked the way a real one would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

import structlog
from aiokafka.structs import TopicPartition

from schemas.errors import UsageError

log = structlog.get_logger(__name__)

KNOWN = MappingProxyType({"aiokafka": "0.14.0", "faust-streaming": "0.15.3"})
"""The versions that all of this was tried with."""


class Found(NamedTuple):
    """What is not as it was, in words."""

    slow: tuple[str, ...]
    """Costs speed alone."""
    unsafe: tuple[str, ...]
    """Exactness rests on it."""


def examine(installed: Callable[[str], str] = version) -> Found:
    """Compare what is there with what the transport takes it for."""
    slow = [*_other_versions(installed), *_unset(_FAST), *_made_up_fetch()]
    unsafe = [*_lacking(), *_unset(_EXACT), *_order_of_resuming()]
    return Found(tuple(slow), tuple(unsafe))


def may_be_fast() -> bool:
    """
    Say whether records may be taken the private way; tells the log what forbids it.

    Raises
    ------
    UsageError
        Exactness is at stake.

    """
    slow, unsafe = examine()
    if unsafe:
        raise UsageError(f"firebreak does not fit what is installed: {'; '.join(unsafe)}: install its locked versions")
    if slow:
        log.warning("records are fetched one by one, about fifty times slower: install the locked versions", why=slow)
    return not slow


def _other_versions(installed: Callable[[str], str]) -> Iterator[str]:
    for package, known in KNOWN.items():
        there = installed(package)
        if there != known:
            yield f"{package} is {there}, known is {known}"


_AIOKAFKA = "aiokafka.consumer"
_DRIVER = "faust.transport.drivers.aiokafka"
_GENERIC = "faust.transport.consumer"

_FAST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"{_AIOKAFKA}.fetcher:Fetcher.__init__": ("_records", "_subscriptions", "_closed"),
        f"{_AIOKAFKA}.fetcher:Fetcher._create_fetch_waiter": ("_fetch_waiters",),
        f"{_AIOKAFKA}.fetcher:FetchResult.__init__": ("_partition_records",),
        f"{_AIOKAFKA}.fetcher:PartitionRecords._unpack_records": ("_consumer_record", "next_fetch_offset"),
        f"{_AIOKAFKA}.consumer:AIOKafkaConsumer.__init__": ("_closed",),
        f"{_AIOKAFKA}.consumer:AIOKafkaConsumer.start": ("_fetcher", "_coordinator"),
        f"{_AIOKAFKA}.group_coordinator:GroupCoordinator.__init__": ("member_id",),
        f"{_AIOKAFKA}.subscription_state:TopicPartitionState.__init__": ("_position",),
    }
)
"""Private names of aiokafka, by the function that sets or calls them."""

_EXACT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"{_GENERIC}:Consumer.__init__": ("callback", "_unacked_messages", "can_resume_flow", "suspend_flow"),
        f"{_GENERIC}:Consumer._reset_state": ("_active_partitions", "_paused_partitions", "_buffered_partitions"),
        f"{_GENERIC}:ThreadDelegateConsumer.__init__": ("_new_consumer_thread", "_thread"),
        f"{_GENERIC}:Fetcher._fetcher": ("_drain_messages",),
        f"{_GENERIC}:Consumer._commit_handler": ("commit",),
        f"{_DRIVER}:AIOKafkaConsumerThread.getmany": ("call_thread", "_fetch_records"),
        f"{_DRIVER}:AIOKafkaConsumerThread._create_consumer": ("_create_worker_consumer",),
        f"{_DRIVER}:ConsumerRebalanceListener.on_partitions_assigned": ("on_partitions_assigned",),
        "faust.app.base:App._on_partitions_revoked": ("stop_flow", "flow_control", "on_partitions_revoked", "send"),
        "faust.app.base:App._on_partitions_assigned": ("pause_partitions",),
        "faust.app.base:App.on_stop": ("_stop_consumer", "on_before_shutdown", "send"),
        "faust.tables.manager:TableManager.on_start": ("_update_channels", "recovery"),
    }
)
"""Private names of Faust, same."""

_HOOKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"{_DRIVER}:Consumer": (
            *("perform_seek", "resume_partitions", "pause_partitions", "resume_flow", "on_buffer_full"),
            *("on_buffer_drop", "on_partitions_revoked", "on_partitions_assigned", "commit", "ack", "getmany"),
            *("_getmany", "_get_active_partitions", "_drain_messages", "_new_consumer_thread"),
        ),
        f"{_DRIVER}:AIOKafkaConsumerThread": ("_ensure_consumer", "call_thread", "__post_init__"),
    }
)
"""What the transport replaces; a replacement of something that is never called would be silent."""

_RESUMING = ("on_rebalance_complete", "resume_partitions", "perform_seek", "flow_control", "resume_flow")
"""Restore, collect what to open, seek, then queues are emptied, then open: the order the transport rests on."""


def _unset(expected: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for place, names in expected.items():
        there = _names(place)
        for name in names:
            if name not in there:
                yield f"{place} has no {name}"


def _names(place: str) -> tuple[str, ...]:
    """Names that the function at *place* speaks of, in order; none if there is no such function."""
    function = _at(place)
    # services wrap their tasks and transitions
    function = getattr(function, "fun", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return _names_in(function.__code__) if hasattr(function, "__code__") else ()


def _at(place: str) -> object:
    module, _, path = place.partition(":")
    try:
        return attrgetter(path)(import_module(module))
    except (ImportError, AttributeError):
        return None


def _names_in(code: object) -> tuple[str, ...]:
    names: tuple[str, ...] = code.co_names  # type: ignore[attr-defined]  # a code object, of which some are nested
    for constant in code.co_consts:  # type: ignore[attr-defined]  # same
        if hasattr(constant, "co_names"):
            names += _names_in(constant)
    return names


def _lacking() -> Iterator[str]:
    for place, hooks in _HOOKS.items():
        for hook in hooks:
            if not hasattr(_at(place), hook):
                yield f"{place} has no {hook}"


def _order_of_resuming() -> Iterator[str]:
    found = [name for name in _names("faust.tables.recovery:Recovery._resume_streams") if name in _RESUMING]
    if found != list(_RESUMING):
        yield f"faust.tables.recovery:Recovery._resume_streams goes another way: {', '.join(found)}"


def _made_up_fetch() -> Iterator[str]:
    """Unpack a fetch of two records as a real one would be."""
    try:
        unpacked = import_module("streams.transport.insides").RawRecords(*_fetched())
        found = [(r.offset, r.timestamp, r.key, r.value) for r in unpacked]
    except (ImportError, AttributeError, TypeError, ValueError) as difference:
        yield f"aiokafka's fetched records can't be read as they are: {difference}"
        return
    if found != [(0, 1000, b"k", b"v"), (1, 2000, None, b"w")]:
        yield f"aiokafka's fetched records are not what was written: {found}"


def _fetched() -> tuple[object, ...]:
    records = import_module("aiokafka.record.default_records")
    builder = records.DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1000)
    builder.append(0, 1000, b"k", b"v", [])
    builder.append(1, 2000, None, b"w", [])
    memory = import_module("aiokafka.record.memory_records").MemoryRecords(bytes(builder.build()))
    uncommitted = 0
    return TopicPartition("t", 0), memory, [], 0, None, None, True, uncommitted

"""What the transport asks of the Faust app that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import faust

from streams.ownership import Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeding:
    """
    How the stage's input is read.

    ``client`` is aiokafka's form of the connection settings. ``fetch_wait`` in ms: how long a broker may hold an empty
    fetch (one that answers when data comes may hold it long; the embedded one holds it in any case). ``instance`` is
    the name of a static member, "" for none. ``tell_group`` in seconds: how often the group's offsets, which only lag
    tools read, follow the journal.
    """

    client: Mapping[str, object]
    group: str
    topic: str
    instance: str = ""
    isolation: str = "read_committed"
    fetch_wait: int = 500
    fetch_bytes: int = 262_144
    session: float = 10.0
    heartbeat: float = 3.0
    rebalance: float = 60.0
    tell_group: float = 5.0


class StageApp(faust.App):
    """The Faust app of one stage."""

    ownership: Ownership
    feeding: Feeding
    piecewise: bool
    """Whether records are taken one by one, by public calls alone; see :mod:`streams.transport.selftest`."""
    fatal: Callable[[BaseException], NoReturn]
    put_out: Callable[[], None]
    """Told each time that the group had put this member out and it joined again under another name."""

"""The Faust app of one stage: one agent on one input topic, no table, and what connects it to the ownership."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import NoReturn, cast

from faust.tables.manager import TableManager
from faust.types import StreamT

from streams.batch import Batch
from streams.ownership import Ownership
from streams.transport.batches import PassThrough
from streams.transport.host import Feeding, StageApp
from streams.transport.selftest import may_be_fast


class NoTables(TableManager):
    """Faust's table manager for an app without tables: it need not wait a second for them at start."""

    async def on_start(self) -> None:
        """Begin to follow assignments."""
        await self._update_channels()
        await self.recovery.start()


QUEUED_BATCHES = 8
"""Batches that wait within Faust; one may hold a thousand records."""


def create_app(
    ownership: Ownership,
    feeding: Feeding,
    *,
    fatal: Callable[[BaseException], NoReturn],
    put_out: Callable[[], None],
    scheme: str = "firebreak",
) -> StageApp:
    """
    Build the app of ``ownership``'s stage.

    Parameters
    ----------
    ownership
        The partitions of the stage.
    feeding
        How its input is read.
    fatal
        Ends the process.
    put_out
        Told each time that the group had put this member out.
    scheme
        Of the transport, as registered with Faust.

    Raises
    ------
    UsageError
        The transport does not fit the installed versions.

    """
    app = StageApp(
        feeding.group,
        # the transport has its own connection settings; Faust wants a URL to find the transport by
        broker=f"{scheme}://",
        store="memory://",
        TableManager=NoTables,
        datadir=tempfile.gettempdir(),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        web_tables_enabled=False,
        web_router_enabled=False,
        agent_supervisor="mode.CrashingSupervisor",
        stream_buffer_maxsize=QUEUED_BATCHES,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        broker_session_timeout=feeding.session,
        broker_heartbeat_interval=feeding.heartbeat,
        broker_request_timeout=max(30.0, feeding.session),
        broker_commit_interval=feeding.tell_group,
    )
    app.ownership, app.feeding, app.fatal, app.put_out = ownership, feeding, fatal, put_out
    app.piecewise = not may_be_fast()
    _follow_assignments(app)
    _add_agent(app)
    return app


def _follow_assignments(app: StageApp) -> None:
    async def take(*_: object, **__: object) -> None:
        topic = app.feeding.topic
        await app.ownership.take(tp.partition for tp in app.consumer.assignment() if tp.topic == topic)

    async def give_up(*_: object, **__: object) -> None:
        await app.ownership.give_up()

    # sent after the rebalance callback and outside of any time-out, so a long restore puts nobody out of the group
    app.on_rebalance_complete.connect(take, weak=False)
    # awaited inside the callback: what is committed here, the next owner need not do again
    app.on_partitions_revoked.connect(give_up, weak=False)
    app.on_before_shutdown.connect(give_up, weak=False)


def _add_agent(app: StageApp) -> None:
    topic = app.topic(app.feeding.topic)
    topic.schema = PassThrough(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name=app.ownership.spec.name)
    async def feed(stream: StreamT[object]) -> None:
        async for batch in stream:
            await app.ownership.deliver(cast("Batch", batch))

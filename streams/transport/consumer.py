"""
The consumer that Faust drives.

Three of Faust's habits would lose or hold up records here, and are changed. On resuming it opens partitions first and
empties every stream queue afterwards: opening is held back until then. On assignment it lets partitions be fetched
before anything is restored: they are closed first. And it commits offsets by what its agents acknowledged: positions
belong to the journal, so acknowledging counts for nothing and Faust commits nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import cast

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, ConsumerMessage, Message
from mode import ServiceT

from streams.batch import Batch, Placement
from streams.transport.batches import message_of
from streams.transport.fetching import IDLE, FetchThread
from streams.transport.host import StageApp


class Consumer(stock.Consumer):
    """One consumer for one stage's input topic."""

    Thread: type[FetchThread] = FetchThread
    _thread: FetchThread

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._held: set[TP] = set()
        self._member = ""
        super().__init__(*args, **kwargs)
        self._stage.ownership.attach(self)

    @property
    def _stage(self) -> StageApp:
        return cast("StageApp", self.app)

    def _new_consumer_thread(self) -> FetchThread:
        return self.Thread(self, loop=self.loop, beacon=self.beacon)

    async def place(self, placements: Mapping[int, Placement]) -> None:
        """Let reading of these partitions go on there, on behalf of these terms."""
        await self._thread.call_thread(self._thread.place, placements)

    async def perform_seek(self) -> None:
        """Go to the journal's positions; called by Faust when the stage is restored, before anything is fetched."""
        await self.place(self._stage.ownership.placements())

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Remember to open these; see :meth:`resume_flow`."""
        self._held |= set(tps)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Close these."""
        closed = set(tps)
        self._held -= closed
        super().pause_partitions(closed)

    def resume_flow(self) -> None:
        """Open what is held: Faust's stream queues have just been emptied, so nothing gets lost any more."""
        held, self._held = self._held, set()
        if held:
            super().resume_partitions(held)
        super().resume_flow()

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue holds up the fetching by itself."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Faust would open *tp* here, held or not."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Fetch nothing from now on."""
        self._active_partitions.clear()
        self._buffered_partitions.clear()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep the partitions closed until they are restored; Faust opens them for a moment."""
        self._paused_partitions.update(assigned)
        self._notice_being_put_out()
        await super().on_partitions_assigned(assigned, generation_id)

    def _notice_being_put_out(self) -> None:
        before, self._member = self._member, self._thread.taking.member()
        if before and before != self._member:
            self._stage.put_out()

    async def commit(self, topics: object = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Let the group's offsets follow the journal; Faust calls this from time to time."""
        positions = self._stage.ownership.positions()
        if not positions or not self.flow_active:
            return False
        await self._thread.call_thread(self._thread.tell_group, positions)
        return True

    def ack(self, message: Message) -> bool:
        """Count for nothing: what was taken in is in the journal, or is taken in again."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _fetch(self) -> Mapping[TP, Batch]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode names its own event, any will do
        active = self._get_active_partitions()
        if not active:
            # Faust sleeps a second here, which would be a second of silence after each rebalance
            await self.sleep(IDLE)
            return {}
        return cast("Mapping[TP, Batch]", await self._getmany(active_partitions=active, timeout=1.0))

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002 - Faust's
        """Fetched batches, each as one message."""
        batches = await self._fetch()
        if self.should_stop:
            return
        for tp, batch in batches.items():
            if not self.flow_active:
                return
            yield tp, message_of(tp, batch, self.app.consumer_generation_id)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        # Faust's own makes four tasks for each message; this makes one, and two that wait for the end
        waiting: dict[str, asyncio.Future[object]] = {}
        try:
            while not (self._stopped.is_set() or fetcher.should_stop):
                await asyncio.sleep(0)
                async for tp, message in self.getmany(timeout=1.0):
                    await self._hand_on(message, waiting)
                    self._read_offset[tp] = message.offset
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise
        finally:
            for each in waiting.values():
                each.cancel()

    async def _hand_on(self, message: ConsumerMessage, waiting: dict[str, asyncio.Future[object]]) -> None:
        handing = asyncio.ensure_future(self.callback(message))
        await asyncio.sleep(0)
        if not handing.done():
            for name, event in (("suspended", self.suspend_flow), ("stopped", self._stopped)):
                if name not in waiting or waiting[name].done():
                    waiting[name] = asyncio.ensure_future(event.wait())
            await asyncio.wait({handing, *waiting.values()}, return_when=asyncio.FIRST_COMPLETED)
        if not handing.done():
            handing.cancel()
        elif not handing.cancelled():
            handing.result()

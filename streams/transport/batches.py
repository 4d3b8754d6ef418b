"""Batches on their way through Faust: how they are wrapped, and a schema that lets them pass."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import faust
from faust.types import TP, AppT, ConsumerMessage, EventT, Message

from streams.batch import Batch

Decode = Callable[..., Awaitable[EventT[object]]]


class PassThrough(faust.Schema[bytes, bytes]):
    """A schema that decodes nothing: the message's value is the batch."""

    def compile(self, app: AppT, **_: object) -> Decode:
        """Answer a decoder that hands the batch on."""
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> EventT[object]:  # noqa: ARG001 - Faust's
            return create_event(None, message.value, message.headers, message)

        return decode


def message_of(tp: TP, batch: Batch, generation: int) -> ConsumerMessage:
    """Wrap a batch for Faust; its offset is that of its last record."""
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        batch.next - 1,
        time.time(),
        0,
        [],
        None,
        batch,  # type: ignore[arg-type]  # Faust carries any value
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )

"""The transport that Faust finds by the scheme ``firebreak``."""

from __future__ import annotations

from faust.transport import base
from faust.transport.drivers import aiokafka as stock

from streams.transport.consumer import Consumer


class NoProducer(base.Producer):
    """Faust's own producer, of which nothing is asked here: outputs go through the partitions' producers."""

    async def on_start(self) -> None:
        """Connect to nothing."""

    async def flush(self) -> None:
        """Have nothing to send."""

    def supports_headers(self) -> bool:
        """Answer for the sake of Faust's start."""
        return True


class Transport(stock.Transport):
    """Batches in, nothing out."""

    Consumer = Consumer
    Producer = NoProducer

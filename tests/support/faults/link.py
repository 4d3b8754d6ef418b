"""Links that can be made bad: a broker with a second address, and a proxy before it that slows, limits and swallows."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from support.kafka import KafkaCluster, _Node
from support.ports import free_ports

PIECE = 16_384


class LinkedCluster(KafkaCluster):
    """
    One broker with a second address.

    Parameters
    ----------
    advertised
        Port that clients of the second address are sent to.
    bind
        Port that the broker listens on for them; None for the same.

    """

    def __init__(self, advertised: int, bind: int | None = None) -> None:
        super().__init__(1)
        self._advertised = advertised
        self._bind = bind or advertised

    @property
    def link(self) -> str:
        """The second address."""
        return f"127.0.0.1:{self._advertised}"

    def _server_properties(self, number: int, node: _Node) -> str:
        lines = []
        for line in super()._server_properties(number, node).splitlines():
            name = line.partition("=")[0]
            more = {
                "listeners": f",LINK://127.0.0.1:{self._bind}",
                "advertised.listeners": f",LINK://127.0.0.1:{self._advertised}",
                "listener.security.protocol.map": ",LINK:PLAINTEXT",
            }.get(name, "")
            lines.append(line + more)
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Weather:
    """How bad a link is."""

    delay: float = 0.0
    """Seconds that each piece needs more, one way."""
    rate: float = 0.0
    """Bytes a second, one way, of each connection; 0 for as fast as it goes."""
    swallow_up: bool = False
    """What the client says never arrives, and nobody is told: connections that try are dead from then on."""
    swallow_down: bool = False
    """The same for what the server says."""
    refuse: bool = False
    """New connections are closed at once."""


class Proxy:
    """A TCP proxy on a loopback port, in a thread of its own; its weather may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.port = free_ports(1)[0]
        self.weather = Weather()
        self.connections = 0
        """So many have ever been opened."""
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def cut(self, *, half: bool = False) -> None:
        """Close all connections; *half*: the client's side only in one direction, as a middle box that forgot them."""
        self._loop.call_soon_threadsafe(self._cut, half)

    def _cut(self, half: bool) -> None:
        for writer in list(self._writers):
            with suppress(OSError, RuntimeError):
                if half:
                    writer.write_eof()
                else:
                    writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self._ready.set()
        await self._over.wait()
        server.close()
        self._cut(half=False)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.weather.refuse:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        for source, sink, up in ((reader, there_writer, True), (there_reader, writer, False)):
            task = self._loop.create_task(self._carry(source, sink, up=up))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool) -> None:
        self._writers.add(sink)
        gone = False
        try:
            while piece := await source.read(PIECE):
                weather = self.weather
                await asyncio.sleep(weather.delay + (len(piece) / weather.rate if weather.rate else 0.0))
                # what is lost once is never sent again here, so such a connection is dead for good
                gone = gone or (self.weather.swallow_up if up else self.weather.swallow_down)
                if gone:
                    continue
                sink.write(piece)
                await sink.drain()
        except (OSError, RuntimeError):
            # cut, or half of it, under our hands
            pass
        finally:
            self._writers.discard(sink)
            sink.transport.abort()

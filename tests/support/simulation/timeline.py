"""
Virtual time: an event loop whose clock jumps to the next thing that is due, and threads that run one at a time.

A blocking call of the product runs in a real thread, because it is the product's own code; but it holds the baton, and
gives it back wherever it calls the simulated broker. So exactly one piece of code runs at any instant, and the order is
that of the timeline: the same seed gives the same run.
"""

from __future__ import annotations

import _thread
import asyncio
import selectors
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

ValueT = TypeVar("ValueT")


class Killed(BaseException):
    """The process is gone; nothing of it may run on. No Exception, so that no handler takes it for an error."""


class _Jump(selectors.DefaultSelector):
    """A selector that does not wait: it moves the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
            if not ready:
                raise RuntimeError("nothing is due and nothing will ever happen: the simulation hangs")
            return ready
        self.now += max(timeout, 0.0)
        return []


class Timeline(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jump.now


class Baton:
    """The right to run: the loop's, or that of one thread."""

    def __init__(self) -> None:
        # locks as signals: a semaphore of the standard library costs ten times as much
        self._mine = threading.Lock()
        self._back = threading.Lock()
        self._mine.acquire()
        self._back.acquire()
        self._killed = False

    def run(self) -> None:
        """On the loop: let the thread run until it pauses or ends."""
        self._mine.release()
        self._back.acquire()

    def kill(self) -> None:
        """On the loop: unwind the thread."""
        self._killed = True
        self.run()

    def wait(self) -> None:
        """On the thread: wait for the baton."""
        self._mine.acquire()
        if self._killed:
            raise Killed

    def give_back(self) -> None:
        """On the thread: let the loop run."""
        self._back.release()


class Threads:
    """Blocking calls of one worker; they wait while the *gate* is not open, as those of a frozen process do."""

    def __init__(self, gate: Callable[[], Awaitable[None]], is_open: Callable[[], bool]) -> None:
        self._gate = gate
        self._is_open = is_open
        self._batons: dict[int, Baton] = {}
        self._open: set[Baton] = set()
        self.dead = False

    async def call(self, call: Callable[[], ValueT]) -> ValueT:
        """Run *call* beside the loop; what it raises is raised here."""
        await self._gate()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[ValueT] = loop.create_future()
        baton = Baton()
        self._open.add(baton)
        # threading.Thread would wait until it has begun, which is two changes of thread for nothing
        _thread.start_new_thread(self._body, (call, baton, done))
        baton.run()
        return await done

    def _body(self, call: Callable[[], ValueT], baton: Baton, done: asyncio.Future[ValueT]) -> None:
        self._batons[threading.get_ident()] = baton
        try:
            baton.wait()
            answer = call()
        except Killed:
            pass
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(answer)
        finally:
            self._open.discard(baton)
            baton.give_back()

    def pause(self, seconds: float) -> None:
        """On a thread: let *seconds* of virtual time pass."""
        baton = self._batons[threading.get_ident()]
        loop = self._loop()
        loop.call_later(seconds, self._due, baton)
        baton.give_back()
        baton.wait()

    def _due(self, baton: Baton) -> None:
        if self._is_open():
            self._run(baton)
        else:
            self._loop().create_task(self._go_on(baton))

    async def _go_on(self, baton: Baton) -> None:
        await self._gate()
        self._run(baton)

    def _run(self, baton: Baton) -> None:
        if baton in self._open and not self.dead:
            baton.run()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say which loop's time passes."""
        self._attached = loop

    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._attached

    def kill(self) -> None:
        """Unwind whatever still runs."""
        self.dead = True
        for baton in list(self._open):
            baton.kill()

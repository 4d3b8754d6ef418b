"""A real Redis for tests: one server on a loopback port, nothing kept on disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from types import TracebackType
from typing import Self

import redis
from support.ports import free_ports

READY_WITHIN = 20.0
"""Seconds."""


class NoRedis(Exception):
    """A real Redis can't be had here."""


class RedisServer:
    """One server, its memory limited to *megabytes*."""

    def __init__(self, megabytes: int = 64) -> None:
        if shutil.which("redis-server") is None:
            raise NoRedis("a real Redis needs redis-server: run deploy/ci/install.sh as root")
        self.port = free_ports(1)[0]
        self._megabytes = megabytes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running().pid

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
        self._process = subprocess.Popen(
            [*with_us, "redis-server", *options, "--maxmemory", f"{self._megabytes}mb"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        give_up = time.monotonic() + READY_WITHIN
        with redis.Redis(port=self.port, socket_timeout=1.0) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    if self._process.poll() is not None or time.monotonic() > give_up:
                        raise
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """End it with SIGKILL; what it held is gone."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def pause(self) -> None:
        """Freeze it."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "Redis is not running"
        return self._process

"""The gateway as a process before a real Kafka: what is answered, what the log has, and who is kept out."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.certificates import Authority
from support.commands import ROOT
from support.ports import free_ports
from support.waiting import until

from consumers.reading import read
from schemas import tokens
from schemas.events import Notification
from schemas.settings import Settings
from schemas.wire import Wire
from streams.gateway import server
from streams.gateway.delivery import Away
from streams.gateway.server import Gateway
from streams.gateway.sources import Senders

TOKEN, DIGEST = tokens.made()


def call(number: int, **given: object) -> dict[str, object]:
    made: dict[str, object] = {
        "kind": "REPORTED",
        "source": "met.cad",
        "source_ref": f"CAD {number}",
        "revision": 1,
        "occurred_at": "2026-11-25T02:00:00Z",
        "area_code": "E09000008",
        "category": "violence_injury",
        "scheme": "firebreak",
    }
    return made | given


def file_of(folder: Path, **given: object) -> Path:
    file = folder / "sources.yml"
    told = {"sha256": DIGEST, "sources": ["met.*"], "expires": "2100-01-01T00:00:00Z"} | given
    file.write_text(yaml.safe_dump({"tokens": {"met": told}}), "utf-8")
    return file


@contextmanager
def running(settings: Settings, folder: Path, **extra: str) -> Iterator[str]:
    """A gateway of these settings; gives its host and port."""
    (port,) = free_ports(1)
    environ = {
        "PATH": os.environ["PATH"],
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_GATEWAY_BIND": f"127.0.0.1:{port}",
        "FIREBREAK_GATEWAY_SOURCES": str(file_of(folder)),
        **extra,
    }
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "gateway"], env=environ, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        until(lambda: _answers(port), what=(folder / "gateway.log").read_text("utf-8"))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        said = (folder / "gateway.log").read_text("utf-8")
        assert TOKEN not in said


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def post(
    url: str, body: bytes, *, token: str = TOKEN, context: ssl.SSLContext | None = None, **headers: str
) -> tuple[int, dict[str, object]]:
    told = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{url}/v1/incidents", body, told)  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310 - same
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def logged(settings: Settings) -> list[Notification]:
    wire = Wire.builtin().notification
    return [wire.decode(each.value or b"") for each in read(settings, settings.catalogue()["incidents.raw"])]


def test_what_is_accepted_is_in_the_log_once_and_the_rest_is_named(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = own_topics()
    with running(settings, tmp_path) as address:
        url = f"http://{address}"
        body = [call(1), call(2, source="las"), call(3), {"source": "met.cad"}]
        status, told = post(url, json.dumps(body).encode())
        assert (status, told["accepted"]) == (202, 2)
        assert [each["reason"] for each in told["rejected"]] == ["forbidden_source", "missing_field"]  # type: ignore[attr-defined]  # JSON
        lines = b"\n".join(json.dumps(call(number)).encode() for number in range(10, 60))
        packed = post(url, gzip.compress(lines), Content_Type="application/x-ndjson", Content_Encoding="gzip")
        assert packed == (202, {"accepted": 50, "rejected": []})
        assert post(url, json.dumps(call(9, source="las")).encode())[0] == 422
        assert post(url, b"{}", token=tokens.made()[0])[0] == 401
        assert post(url, b"x" * (1 << 20) + b"x")[0] == 413
    assert sorted(each.source_ref for each in logged(settings)) == sorted(
        f"CAD {number}" for number in (1, 3, *range(10, 60))
    )


def test_tls_is_spoken_where_a_certificate_is_set(own_topics: Callable[..., Settings], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.certificate("gateway")
    settings = own_topics()
    extra = {"FIREBREAK_GATEWAY_CERTIFICATE": str(certificate), "FIREBREAK_GATEWAY_PRIVATE_KEY": str(key)}
    with running(settings, tmp_path, **extra) as address:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        assert post(f"https://{address}", json.dumps(call(1)).encode(), context=context)[0] == 202
        with pytest.raises(urllib.error.URLError):
            post(f"https://{address}", b"{}", context=ssl.create_default_context())


class Slow:
    """A log that takes its time, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.wait = asyncio.Event()
        self.wait.set()
        self.taken = 0

    async def send(self, notifications: Sequence[Notification]) -> None:
        """Take them, once it may."""
        await self.wait.wait()
        if self.away:
            raise Away("the log does not take it")
        self.taken += len(notifications)


def test_limits_of_one_token_hold_and_others_are_not_touched(tmp_path: Path) -> None:
    other, digest = tokens.made()
    told = {
        "met": {"sha256": DIGEST, "sources": ["met.*"], "expires": "2100-01-01T00:00:00Z", "rate": 1, "burst": 5},
        "las": {"sha256": digest, "sources": ["las"], "expires": "2100-01-01T00:00:00Z"},
    }
    file = tmp_path / "sources.yml"
    file.write_text(yaml.safe_dump({"tokens": told}), "utf-8")

    async def scenario() -> None:
        log = Slow()
        gateway = Gateway(Senders.read(file), log)
        runner = await gateway.runner()
        async with TestClient(TestServer(runner.app)) as client:

            async def send(token: str, *calls: dict[str, object]) -> tuple[int, dict[str, str]]:
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.post("/v1/incidents", json=list(calls), headers=headers)
                return answer.status, dict(answer.headers)

            assert (await send(TOKEN, *map(call, range(5))))[0] == 202
            status, headers = await send(TOKEN, *map(call, range(5)))
            assert status == 429
            assert 3 <= int(headers["Retry-After"]) <= 6
            las = [call(1, source="las")]
            assert (await send(other, *las))[0] == 202
            log.away = True
            assert (await send(other, *las))[0] == 503
            log.away = False
            log.wait.clear()
            waiting = [asyncio.ensure_future(send(other, *las)) for _ in range(server.MOST_AT_ONCE)]
            while gateway._busy["las"] < server.MOST_AT_ONCE:
                await asyncio.sleep(0.01)
            assert (await send(other, *las))[0] == 429
            log.wait.set()
            assert {status for status, _ in await asyncio.gather(*waiting)} == {202}
        await runner.cleanup()

    asyncio.run(scenario())


def test_who_sends_slowly_is_cut_off_and_others_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN", 1.0)
    monkeypatch.setattr(server, "BODY_WITHIN", 1.0)
    monkeypatch.setattr(server, "LOOK_EVERY", 0.1)
    senders = Senders.read(file_of(tmp_path))

    async def scenario() -> None:
        log, loop = Slow(), asyncio.get_running_loop()
        runner = await Gateway(senders, log).runner()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        port = listener.getsockname()[1]
        with ThreadPoolExecutor(40) as pool:
            drips = [loop.run_in_executor(pool, _drip, port) for _ in range(30)]
            half = loop.run_in_executor(pool, _half_a_body, port)
            good = await loop.run_in_executor(
                pool, lambda: post(f"http://127.0.0.1:{port}", json.dumps(call(1)).encode())
            )
            assert good[0] == 202
            assert all(await asyncio.gather(*drips))
            assert b" 408 " in await half
        await runner.cleanup()

    asyncio.run(scenario())


def _drip(port: int) -> bool:
    """Send a head byte by byte; say whether one is cut off."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.settimeout(0.05)
        for byte in b"POST /v1/incidents HTTP/1.1\r\nHost: x\r\n" + b"X-Pad: y\r\n" * 1_000:
            try:
                line.sendall(bytes([byte]))
                if line.recv(1) == b"":
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
    return False


def _half_a_body(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        head = f"POST /v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        return line.recv(4096)


def test_a_gateway_without_sources_or_broker_ends_with_one_line(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for environ, said in (
        ({}, "who may send? set FIREBREAK_GATEWAY_SOURCES"),
        ({"FIREBREAK_GATEWAY_SOURCES": str(tmp_path / "none.yml")}, "can't be read"),
        (
            {"FIREBREAK_GATEWAY_SOURCES": str(file_of(tmp_path)), "FIREBREAK_GATEWAY_CERTIFICATE": "/nowhere.pem"},
            "certificate or key can't be used",
        ),
    ):
        broker = {"PATH": os.environ["PATH"], "FIREBREAK_KAFKA_BROKERS": f"127.0.0.1:{port}"}
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", "gateway"],
            env={**broker, **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1

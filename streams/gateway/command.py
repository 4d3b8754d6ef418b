"""``firebreak gateway``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import click
from aiohttp import web
from prometheus_client import start_http_server

from schemas import tokens
from schemas.errors import UsageError
from schemas.settings import Settings, from_env
from streams.gateway.delivery import Delivery
from streams.gateway.server import Gateway
from streams.gateway.sources import Senders
from streams.ingest.sending import places


@click.group(invoke_without_command=True)
@click.pass_context
def gateway(context: click.Context) -> None:
    """
    Take notifications over HTTP at FIREBREAK_GATEWAY_BIND, a token for each source (FIREBREAK_GATEWAY_SOURCES).

    A request is answered when the log has what it sent. Metrics are at FIREBREAK_METRICS_BIND.

    Example: FIREBREAK_GATEWAY_SOURCES=sources.yml firebreak gateway
    """
    if context.invoked_subcommand is None:
        run(from_env(os.environ))


@gateway.command("check")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def check_command(file: Path) -> None:
    """Check a file of sources and tokens."""
    read = Senders.read(file)
    sources = {source for each in read.known.values() for source in each.sources}
    click.echo(f"{len(read.known)} tokens for {len(sources)} sources")


@gateway.command("token")
def token_command() -> None:
    """Make a token for a source; only its SHA-256 goes into the file."""
    token, digest = tokens.made()
    click.echo(f"give to the source, once: {token}")
    click.echo(f"into the file of sources: sha256: {digest}")


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    if settings.gateway_sources is None:
        raise UsageError("who may send? set FIREBREAK_GATEWAY_SOURCES to a file of sources and tokens")
    senders = Senders.read(settings.gateway_sources)
    tls = _tls(settings)
    (raw,) = places(settings.kafka, settings.catalogue()["incidents.raw"])
    delivery = Delivery(settings.kafka, raw)
    made = Gateway(senders, delivery)
    try:
        with _listening(settings.gateway_bind) as listener, _metrics(settings, made):
            click.echo(f"gateway at {'https' if tls else 'http'}://{settings.gateway_bind}", err=True)
            asyncio.run(_serve(made, listener, tls))
    finally:
        delivery.close()


async def _serve(made: Gateway, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    over, runner = asyncio.Event(), await made.runner()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, over.set)
    await web.SockSite(runner, listener, ssl_context=tls).start()
    try:
        await over.wait()
    finally:
        await runner.cleanup()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.gateway_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.gateway_certificate, settings.gateway_private_key)
    except (OSError, ssl.SSLError) as wrong:
        raise UsageError(f"the gateway's certificate or key can't be used: {wrong.strerror or wrong}") from wrong
    return context


def _listening(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    if not port:
        raise UsageError("where? set FIREBREAK_GATEWAY_BIND, 127.0.0.1:8089")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as wrong:
        raise UsageError(f"{bind} can't be served at: {wrong.strerror}") from wrong


@contextlib.contextmanager
def _metrics(settings: Settings, made: Gateway) -> Iterator[None]:
    if not settings.metrics_bind:
        yield
        return
    host, _, port = settings.metrics_bind.rpartition(":")
    server, thread = start_http_server(int(port), host, made.registry)
    try:
        yield
    finally:
        server.shutdown()
        thread.join()

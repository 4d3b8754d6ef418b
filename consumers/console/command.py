"""``firebreak console``."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import click
from aiohttp import web

from consumers.console.access.people import People
from consumers.console.server import Console
from consumers.health import serve
from schemas import tokens
from schemas.errors import UsageError
from schemas.settings import Settings, from_env


@click.group(invoke_without_command=True)
@click.pass_context
def console(context: click.Context) -> None:
    """
    Serve the pages of the desk, at FIREBREAK_CONSOLE_BIND.

    They are read from Redis, which `firebreak projector` fills; what people do goes into the log.

    Example: FIREBREAK_REDIS_URL=redis://127.0.0.1:6379/0 firebreak console
    """
    if context.invoked_subcommand is None:
        run(from_env(os.environ))


@console.command("check")
@click.argument("people", type=click.Path(dir_okay=False, path_type=Path))
def check_command(people: Path) -> None:
    """Check a file of people, roles and tokens."""
    read = People.read(people)
    click.echo(f"{len(read.people)} people, {len(read.groups)} groups, {len(read.tokens)} tokens")


@console.command("token")
def token_command() -> None:
    """Make a token for a program; only its SHA-256 goes into the file."""
    token, digest = tokens.made()
    click.echo(f"give to the program, once: {token}")
    click.echo(f"into the file of people:   sha256: {digest}")


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    host, port = _address(settings)
    made = Console(settings)
    with (
        serve(settings.metrics_bind, made.registry, alive=lambda: True, ready=lambda: made.site.world.link.built),
        _listening(host, port) as listener,
    ):
        click.echo(f"console at http://{settings.console_bind}", err=True)
        web.run_app(made.app(), sock=listener, print=None, access_log=None, shutdown_timeout=2.0)


def _address(settings: Settings) -> tuple[str, int]:
    if not settings.console_bind:
        raise UsageError("where? set FIREBREAK_CONSOLE_BIND, 127.0.0.1:8088")
    host, _, port = settings.console_bind.rpartition(":")
    host = host.strip("[]")
    if settings.console_access == "local" and not _is_loopback(host):
        raise UsageError(
            f"FIREBREAK_CONSOLE_BIND={settings.console_bind} is reached by others: set FIREBREAK_CONSOLE_ACCESS to "
            "proxy or oidc (or to open, where the network lets nobody else in), or serve it at 127.0.0.1"
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as wrong:
        raise UsageError(f"{host}:{port} can't be served at: {wrong.strerror}") from wrong

"""Every secret that a process can be given: in no output of any command that was given it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.commands import ROOT
from support.ports import free_ports

from schemas.environment import declared
from schemas.settings import Settings, from_env

COMMANDS = (
    ("doctor",),
    ("topics", "plan"),
    ("topics", "acls"),
    ("worker", "--stage", "enrich"),
    ("projector",),
    ("console",),
    ("gateway",),
    ("observer",),
    ("alerts", "list"),
    ("rejected", "list"),
)


def secret_variables() -> Iterator[str]:
    for each in declared(Settings):
        if "secret" in each.kind.lower():
            yield each.variable


def test_there_are_secrets_to_be_kept() -> None:
    assert len(list(secret_variables())) >= 5


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[str]]:
    """An environment with every secret, and the secrets; no broker and no Redis answers."""
    (port,) = free_ports(1)
    words = {variable: f"s3cret-{secrets.token_hex(16)}" for variable in secret_variables()}
    urls = {
        "FIREBREAK_REDIS_URL": f"redis://:{words['FIREBREAK_REDIS_URL']}@127.0.0.1:{port}/0",
        "FIREBREAK_REGISTRY_URL": f"http://u:{words['FIREBREAK_REGISTRY_URL']}@127.0.0.1:{port}",
    }
    folder = tmp_path_factory.mktemp("secrets")
    environ = {
        "PATH": os.environ["PATH"],
        **words,
        **urls,
        "FIREBREAK_KAFKA_BROKERS": f"127.0.0.1:{port}",
        "FIREBREAK_KAFKA_SECURITY": "scram-sha-512",
        "FIREBREAK_KAFKA_USERNAME": "ana",
        "FIREBREAK_CONSOLE_ACCESS": "oidc",
        "FIREBREAK_CONSOLE_BIND": "127.0.0.1:1",
        "FIREBREAK_BROKER_WAIT": "1s",
        "FIREBREAK_DATA_DIR": str(folder),
        "FIREBREAK_LOG_LEVEL": "debug",
    }
    return environ, list(words.values())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_output_holds_a_secret(given: tuple[dict[str, str], list[str]], command: tuple[str, ...]) -> None:
    environ, kept = given
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *command],
        env=environ,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    assert not [each for each in kept if each.encode() in said]


def test_no_secret_shows_in_what_a_program_prints_of_its_settings(given: tuple[dict[str, str], list[str]]) -> None:
    environ, kept = given
    settings = from_env({name: value for name, value in environ.items() if name.startswith("FIREBREAK_")})
    for shown in (repr(settings), str(settings), f"{settings!s}", repr(settings.kafka)):
        assert not [each for each in kept if each in shown]

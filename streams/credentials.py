"""The connection settings as Faust and aiokafka want them."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from schemas.connection import KafkaSettings, OAuthSettings, Security
from schemas.errors import UsageError

TOKEN_WITHIN = 15.0
"""Seconds that the token endpoint may take."""
USED_FOR = 0.8
"""Share of a token's life after which the next one is fetched."""
SHORT_LIFE = 60.0
"""Seconds that a token is taken to live where the endpoint does not say."""


class Token(NamedTuple):
    """A bearer token, and for how many seconds it is good."""

    text: str
    lifetime: float


def aiokafka(kafka: KafkaSettings) -> dict[str, object]:
    """
    Give the settings of aiokafka's clients. They hold secrets in the clear: hand them on, print them never.

    Raises
    ------
    UsageError
        A certificate or key can't be used.

    """
    settings: dict[str, object] = {
        "bootstrap_servers": list(kafka.brokers),
        "security_protocol": kafka.protocol,
        "ssl_context": tls_context(kafka),
    }
    if kafka.security is Security.OAUTHBEARER:
        settings["sasl_mechanism"] = kafka.security.mechanism
        settings["sasl_oauth_token_provider"] = TokenProvider(kafka.oauth)
    elif kafka.security.mechanism:
        settings["sasl_mechanism"] = kafka.security.mechanism
        settings["sasl_plain_username"] = kafka.username
        settings["sasl_plain_password"] = kafka.password.reveal()
    return settings


def faust(kafka: KafkaSettings) -> CredentialsT | None:
    """Give Faust's ``broker_credentials``; None where there is nothing to prove and nothing to encrypt."""
    context = tls_context(kafka)
    if kafka.security is Security.OAUTHBEARER:
        return OAuthCredentials(oauth_cb=TokenProvider(kafka.oauth), ssl_context=context)
    if kafka.security.mechanism:
        return SASLCredentials(
            username=kafka.username,
            password=kafka.password.reveal(),
            mechanism=kafka.security.mechanism,
            ssl_context=context,
        )
    # always with a context of ours: without one Faust's class raises TypeError
    return SSLCredentials(context) if context is not None else None


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """
    Make the TLS context: the brokers' certificates and host names are checked; None where TLS is not spoken.

    Raises
    ------
    UsageError
        A certificate or key can't be used.

    """
    if not kafka.encrypted:
        return None
    context = _trusting("FIREBREAK_KAFKA_CA_FILE", str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.cert_file is not None:
        try:
            # an empty password rather than none, or OpenSSL asks for it on the terminal
            context.load_cert_chain(kafka.cert_file, kafka.key_file, kafka.key_password.reveal)
        except (OSError, ValueError) as error:
            raise UsageError(f"FIREBREAK_KAFKA_CERT_FILE or ..._KEY_FILE can't be used: {error}") from error
    return context


def _trusting(variable: str, authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise UsageError(f"{variable}: {authority} can't be used: {error}") from error


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """
    Bearer tokens by client credentials (RFC 6749, section 4.4), each used for 80 % of its life.

    Parameters
    ----------
    settings
        The endpoint, and who asks.
    fetch
        Asks the endpoint; given by tests.
    clock
        Monotonic seconds.

    """

    def __init__(
        self,
        settings: OAuthSettings,
        fetch: Callable[[OAuthSettings], Awaitable[Token]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch or fetch_token
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def token(self) -> str:
        """Give a token that is good for a while yet."""
        async with self._lock:
            if not self._token or self._clock() >= self._until:
                asked = self._clock()
                self._token, lifetime = await self._fetch(self._settings)
                self._until = asked + USED_FOR * lifetime
            return self._token


async def fetch_token(settings: OAuthSettings) -> Token:
    """
    Ask the endpoint for a token.

    Raises
    ------
    UsageError
        The endpoint refuses this client, can't be reached, or answers with something else.

    """
    where = f"the token endpoint {settings.token_endpoint}"
    context = _trusting("FIREBREAK_KAFKA_OAUTH_CA_FILE", str(settings.ca_file) if settings.ca_file else None)
    asked = {"grant_type": "client_credentials", **({"scope": settings.scope} if settings.scope else {})}
    identity = base64.b64encode(f"{settings.client_id}:{settings.client_secret.reveal()}".encode()).decode()
    headers = {"Authorization": f"Basic {identity}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TOKEN_WITHIN)) as session,
            session.post(settings.token_endpoint, data=asked, headers=headers, ssl=context) as answer,
        ):
            body: object = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise UsageError(f"{where} gives no token: {error or type(error).__name__}") from error
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        reason = body.get("error", "no token in its answer") if isinstance(body, dict) else "no token in its answer"
        raise UsageError(f"{where} gives no token: status {answer.status}, {reason}")
    return Token(body["access_token"], _seconds(body.get("expires_in")))


def _seconds(lifetime: object) -> float:
    if isinstance(lifetime, int | float | str):
        try:
            return max(0.0, float(lifetime))
        except ValueError:
            pass
    return SHORT_LIFE

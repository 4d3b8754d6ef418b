"""How to reach the brokers and prove who one is: one object, from which each client library gets its own form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from schemas.environment import ADDRESSES, FLAG, OPTIONAL_PATH, SECRET, TEXT, Secret, nested, one_of, setting
from schemas.errors import UsageError

Config: TypeAlias = dict[str, str | int | float | bool]
"""librdkafka's form of settings."""


class Security(Enum):
    """How a connection is encrypted, and how the client proves who it is."""

    PLAINTEXT = "plaintext"
    TLS = "tls"
    MTLS = "mtls"
    PLAIN = "plain"
    SCRAM_SHA_256 = "scram-sha-256"
    SCRAM_SHA_512 = "scram-sha-512"
    OAUTHBEARER = "oauthbearer"

    @property
    def mechanism(self) -> str:
        """Name of the SASL mechanism, "" where there is none."""
        return self.value.upper() if self in _SASL else ""


_SASL = frozenset({Security.PLAIN, Security.SCRAM_SHA_256, Security.SCRAM_SHA_512, Security.OAUTHBEARER})
_BY_PASSWORD = _SASL - {Security.OAUTHBEARER}


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """Client credentials of OAuth 2: the tokens with which ``oauthbearer`` proves who one is."""

    token_endpoint: str = setting(TEXT, "", "URL that gives tokens.")
    client_id: str = setting(TEXT, "", "Name of this client there.")
    client_secret: Secret = setting(SECRET, "", "Its secret.")
    scope: str = setting(TEXT, "", "Scope to ask for.")
    ca_file: Path | None = setting(OPTIONAL_PATH, "", "Authority (PEM) of the token endpoint; empty: the system's.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """
    The connection to the brokers.

    Refuses at birth what could not work, and what would send a password in the clear.
    """

    brokers: tuple[str, ...] = setting(ADDRESSES, "127.0.0.1:9092", "Brokers to begin with.")
    security: Security = setting(
        one_of(Security), "plaintext", "Encryption and identity; the last four are SASL and run over TLS."
    )
    ca_file: Path | None = setting(OPTIONAL_PATH, "", "Authority (PEM) that signed the brokers; empty: the system's.")
    cert_file: Path | None = setting(OPTIONAL_PATH, "", "Own certificate (PEM), for mtls.")
    key_file: Path | None = setting(OPTIONAL_PATH, "", "Key (PEM) of the own certificate.")
    key_password: Secret = setting(SECRET, "", "Password of that key, if it has one.")
    username: str = setting(TEXT, "", "User, for plain and scram.")
    password: Secret = setting(SECRET, "", "Password of the user.")
    allow_plaintext: bool = setting(FLAG, "false", "Let SASL run without TLS: readable by all on the way.")
    oauth: OAuthSettings = nested(OAuthSettings)

    def __post_init__(self) -> None:
        chosen = f"FIREBREAK_KAFKA_SECURITY={self.security.value}"
        for name, value in self._needed().items():
            if not value:
                raise UsageError(f"FIREBREAK_KAFKA_{name} is needed with {chosen}")
        for name, path in (("CA_FILE", self.ca_file), ("CERT_FILE", self.cert_file), ("KEY_FILE", self.key_file)):
            if path is not None and not self.encrypted:
                raise UsageError(f"FIREBREAK_KAFKA_{name} is of no use without TLS: see FIREBREAK_KAFKA_SECURITY")
            if path is not None and not path.is_file():
                raise UsageError(f"FIREBREAK_KAFKA_{name}: there is no file {path}")
        if self.username and self.security not in _BY_PASSWORD:
            raise UsageError(f"FIREBREAK_KAFKA_USERNAME is of no use with {chosen}")
        if self.allow_plaintext and self.security in {Security.TLS, Security.MTLS}:
            raise UsageError(f"FIREBREAK_KAFKA_ALLOW_PLAINTEXT contradicts {chosen}")

    def _needed(self) -> dict[str, object]:
        if self.security is Security.MTLS:
            return {"CERT_FILE": self.cert_file, "KEY_FILE": self.key_file}
        if self.security in _BY_PASSWORD:
            return {"USERNAME": self.username, "PASSWORD": self.password}
        if self.security is Security.OAUTHBEARER:
            oauth = self.oauth
            return {
                "OAUTH_TOKEN_ENDPOINT": oauth.token_endpoint,
                "OAUTH_CLIENT_ID": oauth.client_id,
                "OAUTH_CLIENT_SECRET": oauth.client_secret,
            }
        return {}

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.security is not Security.PLAINTEXT and not self.allow_plaintext

    @property
    def protocol(self) -> str:
        """Kafka's name for the two together: ``PLAINTEXT``, ``SSL``, ``SASL_SSL`` or ``SASL_PLAINTEXT``."""
        transport = "SSL" if self.encrypted else "PLAINTEXT"
        return f"SASL_{transport}" if self.security in _SASL else transport

    def librdkafka(self) -> Config:
        """
        Settings of confluent-kafka's clients. They hold secrets in the clear: hand them on, print them never.

        >>> KafkaSettings(brokers=("a:1", "b:2")).librdkafka()
        {'bootstrap.servers': 'a:1,b:2', 'security.protocol': 'PLAINTEXT'}
        """
        return {
            "bootstrap.servers": ",".join(self.brokers),
            "security.protocol": self.protocol,
            **(self._tls() if self.encrypted else {}),
            **self._sasl(),
        }

    def _tls(self) -> Config:
        return _set(
            {
                "ssl.ca.location": str(self.ca_file or ""),
                "ssl.certificate.location": str(self.cert_file or ""),
                "ssl.key.location": str(self.key_file or ""),
                "ssl.key.password": self.key_password.reveal(),
            }
        )

    def _sasl(self) -> Config:
        if self.security in _BY_PASSWORD:
            return {
                "sasl.mechanism": self.security.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password.reveal(),
            }
        if self.security is Security.OAUTHBEARER:
            return _set(
                {
                    "sasl.mechanism": self.security.mechanism,
                    "sasl.oauthbearer.method": "oidc",
                    "sasl.oauthbearer.token.endpoint.url": self.oauth.token_endpoint,
                    "sasl.oauthbearer.client.id": self.oauth.client_id,
                    "sasl.oauthbearer.client.secret": self.oauth.client_secret.reveal(),
                    "sasl.oauthbearer.scope": self.oauth.scope,
                    "https.ca.location": str(self.oauth.ca_file or ""),
                }
            )
        return {}


def _set(settings: dict[str, str]) -> Config:
    """Only what has a value: librdkafka takes an empty text for one."""
    return {name: value for name, value in settings.items() if value}

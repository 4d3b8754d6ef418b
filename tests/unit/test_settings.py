from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from support.certificates import Authority

from schemas.connection import KafkaSettings
from schemas.environment import SECRET, declared
from schemas.errors import UsageError
from streams import credentials
from streams.settings import Settings, from_env, settings_table

SETTINGS_PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    client = authority.certificate("client")
    return {"CA": str(authority.ca_file), "CERT": str(client.cert), "KEY": str(client.key)}


def kafka(files: Mapping[str, str], **variables: str) -> KafkaSettings:
    """Settings from variables without their prefix; ``@CA`` and the like stand for files."""
    environ = {name: files[text[1:]] if text.startswith("@") else text for name, text in variables.items()}
    return from_env({f"FIREBREAK_KAFKA_{name}": text for name, text in environ.items()}).kafka


USER = {"USERNAME": "enrich", "PASSWORD": "hush-hush"}
CLIENT = {
    "OAUTH_TOKEN_ENDPOINT": "https://id.example/token",
    "OAUTH_CLIENT_ID": "enrich",
    "OAUTH_CLIENT_SECRET": "hush-hush",
    "OAUTH_SCOPE": "kafka",
}
FORMS = [
    ({}, "PLAINTEXT", None),
    ({"SECURITY": "tls"}, "SSL", None),
    ({"SECURITY": "tls", "CA_FILE": "@CA"}, "SSL", None),
    ({"SECURITY": "mtls", "CA_FILE": "@CA", "CERT_FILE": "@CERT", "KEY_FILE": "@KEY"}, "SSL", None),
    ({"SECURITY": "plain", **USER}, "SASL_SSL", "PLAIN"),
    ({"SECURITY": "scram-sha-256", **USER, "CA_FILE": "@CA"}, "SASL_SSL", "SCRAM-SHA-256"),
    ({"SECURITY": "scram-sha-512", **USER, "CA_FILE": "@CA"}, "SASL_SSL", "SCRAM-SHA-512"),
    ({"SECURITY": "scram-sha-512", **USER, "ALLOW_PLAINTEXT": "true"}, "SASL_PLAINTEXT", "SCRAM-SHA-512"),
    ({"SECURITY": "oauthbearer", **CLIENT}, "SASL_SSL", "OAUTHBEARER"),
    ({"SECURITY": "oauthbearer", **CLIENT, "ALLOW_PLAINTEXT": "yes"}, "SASL_PLAINTEXT", "OAUTHBEARER"),
]


@pytest.mark.parametrize(("variables", "protocol", "mechanism"), FORMS)
def test_both_clients_are_told_the_same(
    files: dict[str, str], variables: dict[str, str], protocol: str, mechanism: str | None
) -> None:
    chosen = kafka(files, BROKERS="a:1, b:2", **variables)

    ours, theirs = chosen.librdkafka(), credentials.aiokafka(chosen)

    context = theirs["ssl_context"]
    assert ours["bootstrap.servers"] == "a:1,b:2"
    assert theirs["bootstrap_servers"] == ["a:1", "b:2"]
    assert ours["security.protocol"] == theirs["security_protocol"] == protocol
    assert ours.get("sasl.mechanism") == theirs.get("sasl_mechanism") == mechanism
    assert ours.get("sasl.username") == theirs.get("sasl_plain_username")
    assert ours.get("sasl.password") == theirs.get("sasl_plain_password")
    assert (context is not None) is protocol.endswith("SSL")
    if isinstance(context, ssl.SSLContext):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
    if "CA_FILE" in variables:
        assert ours["ssl.ca.location"] == files["CA"]
        assert isinstance(context, ssl.SSLContext)
        assert [found["subject"] for found in context.get_ca_certs()] == [((("commonName", "test-ca"),),)]


@pytest.mark.parametrize(("variables", "protocol", "mechanism"), FORMS)
def test_librdkafka_takes_its_form(
    files: dict[str, str], variables: dict[str, str], protocol: str, mechanism: str | None
) -> None:
    Producer({**kafka(files, **variables).librdkafka(), "log_level": 0})


@pytest.mark.parametrize(("variables", "protocol", "mechanism"), FORMS)
def test_faust_s_credentials_come_to_what_aiokafka_is_told(
    files: dict[str, str], variables: dict[str, str], protocol: str, mechanism: str | None
) -> None:
    chosen = kafka(files, **variables)

    given = credentials.faust(chosen)
    derived = credentials_to_aiokafka_auth(given, None)

    told = credentials.aiokafka(chosen)
    assert type(given) is (
        OAuthCredentials
        if mechanism == "OAUTHBEARER"
        else SASLCredentials
        if mechanism
        else SSLCredentials
        if protocol == "SSL"
        else type(None)
    )
    for key in ("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password"):
        assert derived.get(key) == told.get(key)
    assert (derived.get("ssl_context") is None) is (told["ssl_context"] is None)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"SECURITY": "scram-sha-512", "USERNAME": "a"}, "FIREBREAK_KAFKA_PASSWORD is needed"),
        ({"SECURITY": "mtls", "CERT_FILE": "@CERT"}, "FIREBREAK_KAFKA_KEY_FILE is needed"),
        ({"SECURITY": "oauthbearer"}, "FIREBREAK_KAFKA_OAUTH_TOKEN_ENDPOINT is needed"),
        ({"CA_FILE": "@CA"}, "FIREBREAK_KAFKA_CA_FILE is of no use without TLS"),
        ({"SECURITY": "plain", **USER, "ALLOW_PLAINTEXT": "true", "CA_FILE": "@CA"}, "CA_FILE is of no use without"),
        ({"USERNAME": "a"}, "FIREBREAK_KAFKA_USERNAME is of no use with FIREBREAK_KAFKA_SECURITY=plaintext"),
        ({"SECURITY": "tls", "ALLOW_PLAINTEXT": "true"}, "contradicts FIREBREAK_KAFKA_SECURITY=tls"),
        ({"SECURITY": "tls", "CA_FILE": "/none.pem"}, "FIREBREAK_KAFKA_CA_FILE: there is no file"),
        ({"SECURITY": "scram-sha-521"}, "FIREBREAK_KAFKA_SECURITY: .* did you mean scram-sha-512"),
        ({"BROKERS": "kafka"}, "FIREBREAK_KAFKA_BROKERS: 'kafka' is no host:port"),
        ({"BROKERS": "kafka:http"}, "FIREBREAK_KAFKA_BROKERS"),
        ({"ALLOW_PLAINTEXT": "perhaps"}, "FIREBREAK_KAFKA_ALLOW_PLAINTEXT: 'perhaps' is no true or false"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_variable(
    files: dict[str, str], variables: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError, match=says) as mistake:
        kafka(files, **variables)

    assert "\n" not in str(mistake.value)


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("no certificate", "utf-8")

    chosen = kafka({"CA": str(rubbish)}, SECURITY="tls", CA_FILE="@CA")

    with pytest.raises(UsageError, match=r"FIREBREAK_KAFKA_CA_FILE: .* can't be used"):
        credentials.aiokafka(chosen)


def test_no_secret_shows_in_repr() -> None:
    names = [each.variable for each in declared(Settings) if each.kind == SECRET.name]
    settings = from_env(
        dict.fromkeys(names, "hush-hush") | {"FIREBREAK_KAFKA_SECURITY": "plain", "FIREBREAK_KAFKA_USERNAME": "u"}
    )

    assert len(names) >= 4
    assert "hush" not in repr(settings) + str(settings)


def test_what_a_process_can_be_told_has_defaults_that_run() -> None:
    settings = from_env({})

    assert settings.kafka.brokers == ("127.0.0.1:9092",)
    assert settings.flush_interval == timedelta(milliseconds=100)
    assert settings.tick_period == timedelta(seconds=5)
    assert (settings.session_timeout, settings.heartbeat) == (timedelta(seconds=10), timedelta(seconds=1))
    assert settings.regions == ("london",)


def test_ticks_can_be_left_to_others() -> None:
    assert from_env({"FIREBREAK_TICK_PERIOD": "off"}).tick_period is None


def test_a_heartbeat_must_fit_into_the_session() -> None:
    with pytest.raises(UsageError, match="FIREBREAK_HEARTBEAT"):
        from_env({"FIREBREAK_SESSION_TIMEOUT": "1500ms"})


@pytest.mark.parametrize("name", ["", "FIREBREAK_STAGE", "FIREBREAK_TOPIC_PREFIX", "FIREBREAK_PARTITIONS_RAW"])
def test_values_that_can_not_be_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=name or "FIREBREAK_X"):
        from_env({name or "FIREBREAK_X": "No Such!"})


def test_settings_name_and_divide_the_topics() -> None:
    catalogue = from_env({"FIREBREAK_TOPIC_PREFIX": "replay-1", "FIREBREAK_PARTITIONS_ENRICHED": "3"}).catalogue()

    assert catalogue["incidents.enriched"].name == "replay-1.incidents.enriched.v1"
    assert catalogue["incidents.enriched"].partitions == 3
    assert catalogue["count.journal"].partitions == 3
    assert catalogue["incidents.raw"].partitions == 8


def test_variables_of_the_tests_do_no_harm() -> None:
    from_env({"FIREBREAK_TEST_CACHE": "/somewhere"})


def test_the_page_of_settings_is_what_the_code_says() -> None:
    page = SETTINGS_PAGE.read_text("utf-8")

    assert page[page.index("| variable") :] == settings_table(), "renew it: make pages"

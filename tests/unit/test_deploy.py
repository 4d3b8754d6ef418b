from __future__ import annotations

import importlib.util
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, cast

import pytest
import yaml

from streams.settings import from_env

Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | bool | None"

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
STAGES = ("enrich", "count", "detect")
OURS = ("topics", *STAGES, "observer", "archive", "notifier", "projector", "console")


def compose() -> dict[str, dict[str, dict[str, Node]]]:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    return cast("dict[str, dict[str, dict[str, Node]]]", yaml.safe_load(text))


def services() -> dict[str, dict[str, Node]]:
    return compose()["services"]


def waits_for(service: dict[str, Node]) -> dict[str, str]:
    named = cast("dict[str, dict[str, str]]", service.get("depends_on", {}))
    return {name: how["condition"] for name, how in named.items()}


def environment(service: dict[str, Node]) -> dict[str, str]:
    given = cast("dict[str, str | int]", service.get("environment", {}))
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text)) for name, text in given.items()}


def test_every_service_is_started_after_what_it_needs() -> None:
    found = services()

    for name, service in found.items():
        for needed, condition in waits_for(service).items():
            assert needed in found, f"{name} waits for {needed}, which is not there"
            if condition == "service_healthy":
                assert "test" in cast("dict[str, Node]", found[needed]["healthcheck"])
            else:
                assert condition == "service_completed_successfully"
                assert found[needed]["restart"] == "no"


def test_no_two_services_wait_for_each_other() -> None:
    found = services()

    def needs(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"{' > '.join((*above, name))}"
        for needed in waits_for(found[name]):
            needs(needed, (*above, name))

    for name in found:
        needs(name, ())


def test_workers_start_only_when_kafka_is_healthy_and_the_topics_are_made() -> None:
    found = services()

    assert waits_for(found["topics"]) == {"kafka": "service_healthy"}
    assert found["topics"]["command"] == ["topics", "apply"]
    for name in (*STAGES, "observer", "archive"):
        assert waits_for(found[name]) == {"topics": "service_completed_successfully"}


@pytest.mark.parametrize("name", OURS)
def test_variables_of_our_services_are_settings(name: str) -> None:
    settings = from_env(environment(services()[name]))

    assert settings.kafka.brokers == ("kafka:9092",)
    assert settings.stage == (name if name in STAGES else "")


def test_every_stage_runs_under_a_name_of_its_own() -> None:
    settings = [from_env(environment(services()[name])) for name in STAGES]

    assert {each.stage for each in settings} == {"enrich", "count", "detect"}
    assert len({each.instance for each in settings}) == 3


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_rights_that_they_do_not_need(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_ports_are_open_to_this_machine_only() -> None:
    for name, service in services().items():
        for port in cast("list[str]", service.get("ports", [])):
            assert port.startswith("127.0.0.1:"), f"{name} opens {port} to all"


def test_images_are_of_a_named_version() -> None:
    for name, service in services().items():
        image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(service["image"]))
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", image) or name in OURS, image


def test_folders_that_services_use_are_there() -> None:
    content = compose()
    for service in content["services"].values():
        for volume in cast("list[str]", service.get("volumes", [])):
            source = volume.split(":")[0]
            assert source in content["volumes"] or (ROOT / source).is_dir(), source


def test_the_image_is_made_of_files_that_are_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = [
        source
        for line in (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]

    assert len(copied) >= 8
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in let_in, f"{source} is not in .dockerignore"


def test_the_process_in_the_image_is_nobody() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()

    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") < next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))


def test_the_package_is_built_by_what_the_lock_says() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock", "requirements-build.lock"):
        text = (ROOT / lock).read_text("utf-8")
        assert "://" not in text, f"{lock} holds an address"
        pinned = re.findall(r"^[\w.-]+==\S+.*$", text, re.MULTILINE)
        assert pinned
        assert all(line.endswith("\\") for line in pinned), f"{lock} has a line without hashes"


def test_kafka_in_compose_is_the_version_of_the_tests() -> None:
    pom = re.search(r"<kafka.version>([\d.]+)<", (DEPLOY / "kafka" / "pom.xml").read_text("utf-8"))

    assert pom is not None
    assert f"apache/kafka:{pom[1]}" in str(services()["kafka"]["image"])


def test_prometheus_asks_our_processes_where_they_answer() -> None:
    asked = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))

    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in asked["scrape_configs"]}
    assert sorted(jobs["firebreak"]) == sorted(
        f"{name}:{from_env(environment(services()[name])).metrics_bind.rpartition(':')[2]}"
        for name in OURS
        if name != "topics"
    )


def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", DEPLOY / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_a_container_is_healthy_when_its_process_is_ready(status: int, healthy: bool) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        found = healthcheck().ready(f"0.0.0.0:{server.server_port}")
        thread.join()

    assert found is healthy


def test_a_container_whose_process_is_away_is_not_healthy() -> None:
    assert healthcheck().ready("0.0.0.0:1") is False


def test_a_container_that_serves_nowhere_is_taken_at_its_word() -> None:
    assert healthcheck().ready("") is True

"""Manifests and the compose file: built, of known words, with no rights that are not needed, and fresh."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from support.missing import missing

from schemas.catalogue import Catalogue
from schemas.rights import COMPONENTS, rights
from schemas.settings import from_env

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("base", "one-node", "production")
VERSION = "1.34"


@cache
def built(overlay: str) -> tuple[dict[str, Any], ...]:
    """Resources of an overlay."""
    if shutil.which("kubectl") is None:
        missing(FileNotFoundError("this check needs kubectl"))
    command = ("kubectl", "kustomize", str(KUBERNETES / overlay))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("manifests", KUBERNETES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fault(resource: dict[str, Any]) -> str:
    """What Kubernetes' own schema says against a resource; "" for nothing."""
    try:
        kubernetes_validate.validate(resource, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


def workloads(overlay: str) -> Iterator[dict[str, Any]]:
    yield from (each for each in built(overlay) if each["kind"] in {"StatefulSet", "Deployment", "Job"})
    yield from (each["spec"]["jobTemplate"] for each in built(overlay) if each["kind"] == "CronJob")


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def ours(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod of each of our workloads."""
    for each in workloads(overlay):
        pod = each["spec"]["template"]["spec"]
        if pod["containers"][0]["image"].startswith("firebreak:"):
            yield each["metadata"]["name"], pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_is_of_known_words(overlay: str) -> None:
    plain = [each for each in built(overlay) if "strimzi.io" not in each["apiVersion"]]

    assert len(plain) >= 10
    assert {each["metadata"]["name"]: fault(each) for each in plain if fault(each)} == {}


def test_a_planted_word_and_a_planted_type_are_found() -> None:
    stage = next(each for each in workloads("base") if each["kind"] == "StatefulSet")
    misspelt, mistyped = copy.deepcopy(stage), copy.deepcopy(stage)
    misspelt["spec"]["replica"] = 1
    mistyped["spec"]["replicas"] = "three"

    assert "replica" in fault(misspelt)
    assert "three" in fault(mistyped)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_container_has_rights_that_it_does_not_need(overlay: str) -> None:
    for each in workloads(overlay):
        pod = each["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_our_containers_can_not_write_but_where_they_must(overlay: str) -> None:
    for name, pod in ours(overlay):
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
            assert writable == ({"/tmp", "/var/lib/firebreak/archive"} if name == "archive" else {"/tmp"})  # noqa: S108 - a mount


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_process_is_told_are_settings_and_commands(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = (each["data"] for each in built(overlay) if each["kind"] == "ConfigMap")
    monkeypatch.setattr(Path, "is_file", lambda _self: True)  # certificates are mounted in the cluster only
    settings = from_env(told)

    assert settings.metrics_bind == "0.0.0.0:9464"
    for args in (each["args"] for _, pod in ours(overlay) for each in containers(pod)):
        done = subprocess.run(
            (sys.executable, "-m", "streams.cli", *args, "--help"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_selects_selects_something(overlay: str) -> None:
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in workloads(overlay)]
    selectors = [
        each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        for each in built(overlay)
        if each["kind"] in {"Service", "PodDisruptionBudget"}
    ]

    assert selectors
    for selector in selectors:
        assert any(selector.items() <= labels.items() for labels in pods), selector


def test_every_stage_runs_and_its_name_outlives_a_restart() -> None:
    sets = {each["metadata"]["name"]: each for each in built("base") if each["kind"] == "StatefulSet"}

    for stage in ("enrich", "count", "detect"):
        container = sets[stage]["spec"]["template"]["spec"]["containers"][0]
        assert container["args"] == ["worker", "--stage", stage]
        assert container["env"] == [
            {"name": "FIREBREAK_INSTANCE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        ]


def test_what_the_catalogue_decides_is_fresh() -> None:
    for path, text in builder().files().items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: make manifests"


def test_strimzi_keeps_the_topics_of_the_catalogue() -> None:
    kept = {each["metadata"]["name"]: each["spec"] for each in built("production") if each["kind"] == "KafkaTopic"}

    assert set(kept) == {spec.name for spec in Catalogue.load().values()}
    for spec in Catalogue.load().values():
        assert kept[spec.name]["partitions"] == spec.partitions
        assert spec.configs.items() <= kept[spec.name]["config"].items()
    assert not [each for each in built("production") if each["kind"] == "Job"]


def test_every_process_in_production_is_a_user_with_its_rights() -> None:
    users = {each["metadata"]["name"]: each["spec"] for each in built("production") if each["kind"] == "KafkaUser"}

    assert {f"firebreak-{name}" for name, _ in ours("production")} <= set(users)
    for name in COMPONENTS:
        given = users[f"firebreak-{name}"]["authorization"]["acls"]
        assert [(each["resource"]["name"], tuple(each["operations"])) for each in given] == [
            (each.name, each.operations) for each in rights(name, Catalogue.load())
        ]


def test_in_production_every_process_has_a_certificate_and_stages_have_spares() -> None:
    for name, pod in ours("production"):
        secrets = {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
        assert secrets == {f"firebreak-{name}", "firebreak-cluster-ca-cert"}
    stages = [each for each in workloads("production") if each["metadata"]["labels"].get("firebreak/kind") == "stage"]
    assert [each["spec"]["replicas"] for each in stages] == [3, 3, 3]


def test_thresholds_are_calibrated_on_a_schedule_from_the_archive_and_put_in_force() -> None:
    (cron,) = (each for each in built("production") if each["kind"] == "CronJob")
    pod = dict(ours("production"))["calibrate"]
    (archive,) = (each for each in built("production") if each["metadata"]["name"] == "archive")
    claim = archive["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]

    made, read = (each["args"] for each in containers(pod))
    assert cron["spec"]["schedule"].split()[2:4] == ["2", "1,4,7,10"]
    assert made[made.index("--hours") + 1] == read[read.index("--hours") + 1]
    assert "--publish" in read
    assert {"name": "archive", "persistentVolumeClaim": {"claimName": f"{claim}-archive-0", "readOnly": True}} in pod[
        "volumes"
    ]


def compose_faults(content: object) -> list[str]:
    """What the compose specification's schema says against a file."""
    package = find_spec("check_jsonschema")  # only its files are wanted
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(path.read_text("utf-8"))
    return [error.message for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(content)]


def test_the_compose_file_is_of_known_words() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")

    assert compose_faults(yaml.safe_load(text)) == []
    assert compose_faults(yaml.safe_load(text.replace("healthcheck:", "helthcheck:", 1)))

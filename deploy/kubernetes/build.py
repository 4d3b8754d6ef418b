"""
``make manifests``: what the catalogue of topics decides, as resources for Kubernetes.

``strimzi/topics.yaml`` has every topic, ``strimzi/users.yaml`` every process's rights; ``production/certificates.yaml``
gives each process the certificate of its own user. What is committed is what this makes; a check says when it is stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import yaml

from schemas.catalogue import Catalogue, TopicSpec
from schemas.rights import COMPONENTS, Right, rights

Node: TypeAlias = "Mapping[str, Node] | list[Node] | str | int | bool"

HERE = Path(__file__).parent
CLUSTER = "firebreak"
"""Name of the Kafka that Strimzi keeps."""
COPIES = 3
PROCESSES: Mapping[str, str] = {
    "enrich": "StatefulSet",
    "count": "StatefulSet",
    "detect": "StatefulSet",
    "archive": "StatefulSet",
    "observer": "Deployment",
    "projector": "Deployment",
    "console": "Deployment",
}
NOTE = "# Made from schemas/topics.yaml by `make manifests`: edit that.\n"


def topics() -> Iterator[Node]:
    """Every topic as a resource of Strimzi's."""
    for spec in Catalogue.load().values():
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": spec.name, "labels": {"strimzi.io/cluster": CLUSTER}},
            "spec": {"partitions": spec.partitions, "replicas": COPIES, "config": _configs(spec)},
        }


def _configs(spec: TopicSpec) -> Node:
    # one copy may be away without stopping writers, and a write that is answered is in two
    return {**spec.configs, "min.insync.replicas": "2"}


def users() -> Iterator[Node]:
    """For each process a user with a certificate and exactly its rights."""
    catalogue = Catalogue.load()
    for name in COMPONENTS:
        acls: list[Node] = [_acl(each) for each in rights(name, catalogue)]
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaUser",
            "metadata": {"name": f"firebreak-{name}", "labels": {"strimzi.io/cluster": CLUSTER}},
            "spec": {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": acls}},
        }


def _acl(right: Right) -> Node:
    resource = {"type": right.kind, "name": right.name, "patternType": right.pattern}
    return {"resource": resource, "operations": list[Node](right.operations)}


def certificates() -> Iterator[Node]:
    """For each process a patch: the certificate of its user, and the authority of the brokers."""
    for name, kind in PROCESSES.items():
        mounts: list[Node] = [
            {"name": "user", "mountPath": "/etc/firebreak/user", "readOnly": True},
            {"name": "brokers", "mountPath": "/etc/firebreak/brokers", "readOnly": True},
        ]
        volumes: list[Node] = [
            {"name": "user", "secret": {"secretName": f"firebreak-{name}"}},
            {"name": "brokers", "secret": {"secretName": f"{CLUSTER}-cluster-ca-cert"}},
        ]
        inner: Node = {"containers": [{"name": "firebreak", "volumeMounts": mounts}], "volumes": volumes}
        yield {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"template": {"spec": inner}},
        }


def files() -> dict[Path, str]:
    """Everything that is made, by file."""
    return {
        HERE / "strimzi" / "topics.yaml": _text(topics()),
        HERE / "strimzi" / "users.yaml": _text(users()),
        HERE / "production" / "certificates.yaml": _text(certificates()),
    }


def _text(nodes: Iterator[Node]) -> str:
    return NOTE + yaml.safe_dump_all(nodes, sort_keys=False, width=110)


def main() -> None:
    """Write all of it."""
    for path, text in files().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

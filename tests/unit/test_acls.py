"""``firebreak topics acls``: a command for each right, and none beyond."""

from __future__ import annotations

import shlex

from click.testing import CliRunner

from schemas.catalogue import Catalogue
from schemas.rights import COMPONENTS, rights
from streams.topics import topics


def test_every_right_is_a_command_of_kafkas_tool() -> None:
    environ = {"FIREBREAK_KAFKA_BROKERS": "k1:9093", "FIREBREAK_TOPIC_PREFIX": "city"}
    result = CliRunner().invoke(topics, ["acls", "--principal", "User:{component}"], env=environ)
    assert result.exit_code == 0, result.output
    told = [shlex.split(line) for line in result.output.splitlines()]
    wanted = [(name, right) for name in COMPONENTS for right in rights(name, Catalogue.load().variant("city"))]
    assert len(told) == len(wanted)
    for words, (name, right) in zip(told, wanted, strict=True):
        assert words[:6] == [
            "kafka-acls.sh",
            "--bootstrap-server",
            "k1:9093",
            "--add",
            "--allow-principal",
            f"User:{name}",
        ]
        assert [words[k + 1] for k, word in enumerate(words) if word == "--operation"] == list(right.operations)
        assert words[-1] == right.name
        assert words[-2] == {"transactionalId": "--transactional-id"}.get(right.kind, f"--{right.kind}")
        assert words[words.index("--resource-pattern-type") + 1] == {"prefix": "prefixed"}.get(
            right.pattern, right.pattern
        )

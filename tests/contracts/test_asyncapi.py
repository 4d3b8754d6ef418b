"""What subscribers and sources are promised of topics, judged by AsyncAPI's own parser, and fresh."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.missing import missing
from support.node import NoNode, node

from schemas import asyncapi
from schemas.catalogue import Audience, Catalogue

COPY = Path(asyncapi.__file__).with_suffix(".yaml")


@pytest.fixture(scope="module")
def judged() -> Callable[[Any, Path], list[str]]:
    """Say what the official parser answers to a document: lines."""

    def judge(content: Any, folder: Path) -> list[str]:
        path = folder / "asyncapi.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        try:
            return node("asyncapi.mjs", str(path)).stdout.splitlines()
        except NoNode as why:
            missing(why)

    return judge


def document() -> Any:
    return copy.deepcopy(asyncapi.document(Catalogue.load()))


def test_the_copy_for_subscribers_is_fresh() -> None:
    assert COPY.read_text("utf-8") == asyncapi.text(Catalogue.load()), "run: make pages"


def test_the_official_parser_finds_nothing_to_say(judged: Callable[[Any, Path], list[str]], tmp_path: Path) -> None:
    channels = len(document()["channels"])

    assert judged(document(), tmp_path) == [f"ok 3.1.0 {channels} channels {channels} operations"]


def wrong_action(content: Any) -> None:
    content["operations"]["sendAlertsEvents"]["action"] = "publish"


def dangling(content: Any) -> None:
    content["operations"]["sendAlertsEvents"]["channel"]["$ref"] = "#/channels/alerts.gone"


def wrong_avro(content: Any) -> None:
    content["components"]["messages"]["AreaCount"]["payload"]["schema"]["fields"][0]["type"] = {"type": "enum"}


def wrong_binding(content: Any) -> None:
    content["channels"]["areas.counts"]["bindings"]["kafka"]["partitions"] = "many"


@pytest.mark.parametrize("plant", [wrong_action, dangling, wrong_avro, wrong_binding])
def test_a_planted_mistake_is_an_error(
    plant: Callable[[Any], None], judged: Callable[[Any, Path], list[str]], tmp_path: Path
) -> None:
    content = document()
    plant(content)

    assert any(line.startswith("error") for line in judged(content, tmp_path))


def test_every_public_topic_and_the_one_for_sources_is_a_channel() -> None:
    catalogue = Catalogue.load()
    public = {each.name for each in catalogue.values() if each.audience is Audience.PUBLIC}

    assert {each["address"] for each in document()["channels"].values()} == public | {catalogue["incidents.raw"].name}

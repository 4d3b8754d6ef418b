"""What a worker tells of itself: whether it is ready, and incidents without an area by source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.builders import MINUTE, NOON, notification
from support.enriching import ONE, raw_record
from support.toytown import write_pack

from schemas.events import Kind
from streams.batch import Batch
from streams.core.controller import Rates
from streams.core.stage import Output
from streams.edge import Edge, Fed
from streams.ingest.arrival import Arrival
from streams.metrics import MOST_SOURCES, OTHERS, StageMetrics, serve
from streams.regions.loader import load
from streams.settings import from_env
from streams.worker import Edges


@pytest.fixture
def metrics() -> StageMetrics:
    return StageMetrics("enrich", "incidents.raw", lambda: 0.0)


@pytest.fixture
def readyz(metrics: StageMetrics) -> Iterator[str]:
    """Address of the page."""
    server = serve(metrics, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.server_port}/readyz"
    server.shutdown()
    server.server_close()


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    settings = from_env({**ONE, "FIREBREAK_TICK_PERIOD": "off"})
    counts = dict.fromkeys(settings.catalogue(), 1)
    return Edges(settings, "enrich", counts, [load(write_pack(tmp_path / "pack"))])(0)


def fed(edge: Edge, *told: dict[str, Any]) -> Fed:
    outputs: list[Output] = []
    arrivals = [Arrival(NOON + 2 * MINUTE, notification(**each)) for each in told]
    return edge.feed([raw_record(offset, arrival) for offset, arrival in enumerate(arrivals)], outputs)


def unlocated(metrics: StageMetrics) -> dict[str, float]:
    samples = [s for family in metrics.registry.collect() for s in family.samples]
    return {s.labels["source"]: s.value for s in samples if s.name == "firebreak_stream_unlocated_incidents_total"}


def page(address: str) -> tuple[int, str]:
    try:
        with urlopen(address) as answer:  # noqa: S310 - an address of our own
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_incident_without_an_area_is_told_once_by_its_source(edge: Edge) -> None:
    told = fed(
        edge,
        {"source": "a", "source_ref": "1", "area_code": None},
        {"source": "a", "source_ref": "1", "area_code": None, "revision": 2, "kind": Kind.UPDATED},
        {"source": "a", "source_ref": "2", "area_code": None},
        {"source": "a", "source_ref": "3", "area_code": "B"},
        {"source": "b", "source_ref": "1", "area_code": None},
    )

    assert dict(told.unlocated) == {"a": 2, "b": 1}


def test_sources_beyond_the_first_hundred_are_counted_as_one(metrics: StageMetrics) -> None:
    for number in range(MOST_SOURCES + 7):
        metrics.fed(Batch(0, 1, 0, 0, []), Fed(False, {}, 0, {f"s{number}": 3}), 0.0)
    metrics.fed(Batch(0, 1, 0, 0, []), Fed(False, {}, 0, {"s0": 1}), 0.0)

    found = unlocated(metrics)
    assert len(found) == MOST_SOURCES + 1
    assert (found["s0"], found[OTHERS]) == (4, 21)


def test_a_worker_is_ready_when_it_has_joined_and_a_spare_one_says_that_it_is_spare(
    metrics: StageMetrics, readyz: str
) -> None:
    metrics.owns(0)
    assert page(readyz) == (503, "not ready: has not joined its group yet\n")

    metrics.joined()
    status, words = page(readyz)
    assert status == 200
    assert "spare" in words

    metrics.owns(3)
    assert page(readyz) == (200, "ready: owns 3 partitions\n")


def test_what_a_budget_promises_and_what_came_are_told_by_the_worker_that_owns_the_region(
    metrics: StageMetrics,
) -> None:
    rates = {("r", ""): Rates(7.0, 6.5, 0.1), ("r", "r|ward|robbery"): Rates(0.5, None, 0.0)}

    metrics.fed(Batch(0, 0, 0, 0, ()), Fed(ticked=True, rejected={}, rates=rates), 0.0)
    told = budgets(metrics)
    metrics.owns(0)

    assert told["firebreak_budget_nominal_alerts_per_week"] == {"shared": 7.0, "ward|robbery": 0.5}
    assert told["firebreak_budget_threshold_correction"] == {"shared": 0.1, "ward|robbery": 0.0}
    assert told["firebreak_budget_realised_alerts_per_week"] == pytest.approx(
        {"shared": 6.5, "ward|robbery": math.nan}, nan_ok=True
    )
    assert not any(budgets(metrics).values()), "another worker may own the region now"


def budgets(metrics: StageMetrics) -> dict[str, dict[str, float]]:
    """Values by metric and budget."""
    return {
        family.name: {sample.labels["budget"]: sample.value for sample in family.samples}
        for family in metrics.registry.collect()
        if family.name.startswith("firebreak_budget_")
    }

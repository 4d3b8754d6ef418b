"""The interfaces for programs: described by the rules of OpenAPI, and a mistake in a description is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from consumers.console import openapi as console
from streams.gateway import openapi as gateway

DOCUMENTS: dict[str, Callable[[], dict[str, object]]] = {"console": console.document, "gateway": gateway.document}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_description_is_by_the_rules(name: str) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENTS[name]()).iter_errors()] == []


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_planted_mistake_is_seen(name: str) -> None:
    document: Any = DOCUMENTS[name]()
    path = next(iter(document["paths"].values()))
    next(iter(path.values()))["responses"] = {"200": {"no description": True}}
    assert list(OpenAPIV31SpecValidator(document).iter_errors())

"""The description of the gateway (OpenAPI 3.1): a notification's fields are those of its Avro schema."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from schemas.definitions import schema
from streams.gateway.intake import MOST

Json = dict[str, object]
_KINDS: dict[str, Json] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "long": {"type": ["integer", "string"]},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
}


def document() -> Json:
    """The whole description."""
    one = {"$ref": "#/components/schemas/Notification"}
    many = {"type": "array", "minItems": 1, "maxItems": MOST, "items": one}
    body: Json = {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [one, many]}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "One notification a line."}},
        },
    }
    answers: Json = {
        "202": _answer("The log has those that are accepted; others are named with the reason", "Taken"),
        "422": _answer("None was accepted", "Taken"),
    }
    for status, why in (
        ("400", "The body can't be read"),
        ("401", "No token, or none that is known"),
        ("408", "The body came too slowly"),
        ("413", "Too large, or too many"),
        ("415", "Another content type or encoding"),
        ("429", "Too fast, or too much at once: see Retry-After"),
        ("503", "The log does not take it: send the same again"),
    ):
        answers[status] = _answer(why, "Problem", "application/problem+json")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "firebreak gateway",
            "version": version("firebreak-streams"),
            "description": "Notifications over HTTP. The same one again changes no count.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            "/v1/incidents": {"post": {"summary": "Send notifications", "requestBody": body, "responses": answers}}
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Notification": _notification(), "Taken": _taken(), "Problem": _problem()},
        },
    }


def _answer(description: str, name: str, kind: str = "application/json") -> Json:
    return {"description": description, "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _taken() -> Json:
    refused = {
        "type": "object",
        "required": ["index", "reason", "detail"],
        "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}, "detail": {"type": "string"}},
    }
    properties = {"accepted": {"type": "integer"}, "rejected": {"type": "array", "items": refused}}
    return {"type": "object", "required": ["accepted", "rejected"], "properties": properties}


def _problem() -> Json:
    properties = {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _notification() -> Json:
    record: Any = schema("Notification")
    properties = {each["name"]: _field(each) for each in record["fields"]}
    needed = ["kind", "source", "source_ref", "revision"]
    return {"type": "object", "required": needed, "properties": properties, "additionalProperties": False}


def _field(given: Any) -> Json:
    kind = given["type"]
    choices = kind if isinstance(kind, list) else [kind]
    made = [_kind(each) for each in choices if each != "null"]
    types = [each for one in made for each in (one["type"] if isinstance(one["type"], list) else [one["type"]])]
    nullable = ["null"] if "null" in choices else []
    told: Json = {
        **made[0],
        "type": [*dict.fromkeys([*types, *nullable])] if len(types) + len(nullable) > 1 else types[0],
    }
    if given.get("doc"):
        told["description"] = given["doc"]
    return told


def _kind(kind: Any) -> Json:
    if isinstance(kind, str):
        return _KINDS[kind]
    if kind["type"] == "enum":
        return {"type": "string"}
    return _KINDS[kind["type"]] if isinstance(kind["type"], str) else _kind(kind["type"])

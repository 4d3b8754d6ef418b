"""The description of the interface for programs (OpenAPI 3.1)."""

from __future__ import annotations

from dataclasses import fields
from importlib.metadata import version

from consumers.console.access.people import NEEDS
from schemas.events import Alert, AreaCount

Json = dict[str, object]
TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": ["string", "null"]}
NUMBER: Json = {"type": ["number", "null"]}
WHOLE: Json = {"type": ["integer", "null"]}
LIST: Json = {"type": "array", "items": TEXT}


def document() -> Json:
    """The whole description."""
    problem = {"type": "object", "required": ["title", "status", "detail"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "firebreak console",
            "version": version("firebreak-streams"),
            "description": "What the pages of the console show, for programs. Times are ISO 8601 UTC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Alert": _of(Alert, place=TEXT),
                "AreaCount": _of(AreaCount, name=TEXT),
                "Problem": problem,
            },
        },
    }


def _paths() -> Json:
    alert_id = {"name": "alert_id", "in": "path", "required": True, "schema": TEXT}
    limit: Json = {"type": "integer", "minimum": 1, "maximum": 1000}
    status: Json = {"type": "string", "enum": ["open", "all"]}
    return {
        "/api/v1/alerts": _get(
            "Alerts, newest first",
            {"as_of": INSTANT, "alerts": _list("Alert")},
            [_query("status", status), _query("limit", limit)],
            problems=("400",),
        ),
        "/api/v1/alerts/{alert_id}": _get(
            "One alert, and what happened to it",
            {"as_of": INSTANT, "alert": _ref("Alert"), "events": {"type": "array", "items": {"type": "object"}}},
            [alert_id],
            problems=("404",),
        ),
        "/api/v1/alerts/{alert_id}/commands": {"post": _command(alert_id)},
        "/api/v1/areas": _get(
            "Rolling counts of areas against what is normal",
            {"as_of": INSTANT, "areas": _list("AreaCount")},
            [_query("group", TEXT)],
        ),
        "/api/v1/areas/{code}/series": _get(
            "The last week of a coarse area, hour by hour",
            {"area": TEXT, "group": TEXT, "series": _list("AreaCount")},
            [{"name": "code", "in": "path", "required": True, "schema": TEXT}, _query("group", TEXT)],
            problems=("404",),
        ),
        "/api/v1/sources": _get(
            "When each source was heard last",
            {"as_of": INSTANT, "sources": {"type": "array", "items": {"type": "object"}}},
            [],
        ),
    }


def _command(alert_id: Json) -> Json:
    body = {
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {"type": "string", "enum": [str(kind) for kind in NEEDS]},
            **dict.fromkeys(("severity", "assignee", "text", "for", "outcome", "action"), TEXT),
            "incidents": LIST,
        },
        "additionalProperties": False,
    }
    said = {"command_id": TEXT, "done": {"type": "boolean"}, "told": TEXT}
    return {
        "summary": "Do something about an alert; the answer came back through the log",
        "parameters": [alert_id],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _answer("What became of it", said),
            "202": _answer("Kept, not answered yet", said),
            **{code: _problem() for code in ("400", "401", "403", "404", "409")},
        },
    }


def _get(summary: str, properties: Json, parameters: list[Json], problems: tuple[str, ...] = ()) -> Json:
    responses = {"200": _answer(summary, properties), **{code: _problem() for code in ("401", *problems)}}
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _answer(summary: str, properties: Json) -> Json:
    schema = {"type": "object", "required": sorted(properties), "properties": properties}
    return {"description": summary, "content": {"application/json": {"schema": schema}}}


def _problem() -> Json:
    return {"description": "Says why not", "content": {"application/problem+json": {"schema": _ref("Problem")}}}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _list(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_KINDS = {"str": TEXT, "int": WHOLE, "float": NUMBER, "Millis": INSTANT, "tuple[str, ...]": LIST}


def _of(record: type, **more: Json) -> Json:
    """Properties of a record by the types of its fields."""
    kinds = {each.name: str(each.type).removesuffix(" | None") for each in fields(record)}
    properties = {name: _KINDS[kind] for name, kind in kinds.items()} | more
    return {"type": "object", "required": sorted(properties), "properties": properties}

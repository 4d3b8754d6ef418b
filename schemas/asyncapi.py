"""
The topics as an AsyncAPI 3.1 document (https://www.asyncapi.com/docs/reference/specification/v3.1.0).

Made from ``topics.yaml`` and the Avro schemas; ``asyncapi.yaml`` is a copy of it for subscribers, renewed by
``make pages``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType

import yaml

from schemas.catalogue import Audience, Catalogue, TopicSpec
from schemas.definitions import Json, schema
from schemas.events import Alert, AlertEvent, AlertKind, AreaCount, Change, Incident
from schemas.headers import ce_type

AVRO = "application/vnd.apache.avro;version=1.9.0"
BINDING = "0.5.0"
"""Version of the Kafka bindings (https://github.com/asyncapi/bindings/tree/master/kafka)."""

TOLD: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {
        Incident: tuple(each.value for each in Change),
        AreaCount: ("COUNTED",),
        AlertEvent: tuple(each.value for each in AlertKind),
        Alert: ("STATE",),
    }
)
"""By record: what an event of it can tell, as in its header ``ce_type``."""
TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {record.__name__: tuple(ce_type(record, each) for each in told) for record, told in TOLD.items()}
)


def document(catalogue: Catalogue) -> dict[str, Json]:
    """Everything that others may send or read: the public topics, and the one that sources write to."""
    open_to_others = [each for each in catalogue.values() if _open(each)]
    return {
        "asyncapi": "3.1.0",
        "info": _info(),
        "defaultContentType": "application/avro",
        "servers": _servers(),
        "channels": {each.id: _channel(each) for each in open_to_others},
        "operations": {_operation_name(each): _operation(each) for each in open_to_others},
        "components": {
            "messages": {each.schema: _message(each) for each in open_to_others},
            "messageTraits": {"cloudevents": _cloudevents()},
        },
    }


def text(catalogue: Catalogue) -> str:
    """Give the document as YAML."""
    note = "# Made from topics.yaml and avro/*.avsc by `make pages`: edit those.\n"
    return note + yaml.safe_dump(document(catalogue), sort_keys=False, allow_unicode=True, width=116)


def _open(topic: TopicSpec) -> bool:
    return topic.audience is Audience.PUBLIC or topic.owner == "sources"


def _info() -> dict[str, Json]:
    return {
        "title": "firebreak",
        "version": version("firebreak-streams"),
        "description": (
            "Early warning on live incident notifications: enriched incidents, rolling counts of every area, and "
            "alerts when local violence is above normal there. Values are Avro behind Confluent's prefix (byte 0, four "
            "bytes of schema id); keys are UTF-8 text; CloudEvents attributes are headers (binary mode). Read with "
            "isolation.level=read_committed. New optional fields and new symbols of an enum may come at any time; what "
            "would break a reader comes as a new topic with the next number, and both are written for 90 days."
        ),
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "tags": [{"name": "incidents"}, {"name": "areas"}, {"name": "alerts"}],
    }


def _servers() -> dict[str, Json]:
    return {
        "kafka": {
            "host": "{brokers}",
            "protocol": "kafka-secure",
            "description": "Your deployment's Kafka; its operator gives you the address, a name and a group prefix.",
            "variables": {"brokers": {"default": "localhost:9094", "description": "Bootstrap server, HOST:PORT."}},
            "security": [{"type": "scramSha512", "description": "SASL/SCRAM over TLS."}, {"type": "X509"}],
        }
    }


def _channel(topic: TopicSpec) -> dict[str, Json]:
    return {
        "address": topic.name,
        "title": topic.id,
        "description": topic.about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {topic.schema: {"$ref": f"#/components/messages/{topic.schema}"}},
        "tags": [{"name": topic.id.partition(".")[0]}],
        "bindings": {"kafka": _topic_binding(topic)},
    }


def _topic_binding(topic: TopicSpec) -> dict[str, Json]:
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": {
            "cleanup.policy": list[Json](topic.cleanup.value.split(",")),
            "retention.ms": topic.retention,
        },
        "bindingVersion": BINDING,
    }


def _operation_name(topic: TopicSpec) -> str:
    verb = "receive" if topic.owner == "sources" else "send"
    return verb + "".join(part.capitalize() for part in topic.id.split("."))


def _operation(topic: TopicSpec) -> dict[str, Json]:
    return {
        "action": "receive" if topic.owner == "sources" else "send",
        "channel": {"$ref": f"#/channels/{topic.id}"},
        "summary": topic.about,
        "messages": [{"$ref": f"#/channels/{topic.id}/messages/{topic.schema}"}],
    }


def _message(topic: TopicSpec) -> dict[str, Json]:
    made: dict[str, Json] = {
        "name": topic.schema,
        "title": topic.schema,
        "summary": topic.about,
        "contentType": "application/avro",
        "payload": {"schemaFormat": AVRO, "schema": schema(topic.schema)},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "bindingVersion": BINDING,
            }
        },
    }
    if topic.schema in TYPES:
        made["description"] = "Types: " + ", ".join(TYPES[topic.schema]) + "."
        made["traits"] = [{"$ref": "#/components/messageTraits/cloudevents"}]
    return made


def _cloudevents() -> dict[str, Json]:
    words = {
        "ce_specversion": "Version of CloudEvents, 1.0.",
        "ce_id": "Id of the event, the same in every attempt to send it: drop what you have seen.",
        "ce_source": "Stage that sent it.",
        "ce_type": "What became of what.",
        "ce_subject": "Incident, area or alert that it is about.",
        "ce_time": "When it happened, RFC 3339, UTC.",
        "content-type": "application/avro",
    }
    return {
        "headers": {
            "type": "object",
            "required": list[Json](words),
            "properties": {name: {"type": "string", "description": what} for name, what in words.items()},
        }
    }

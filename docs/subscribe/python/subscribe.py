"""Print enriched incidents. Needs: pip install confluent-kafka fastavro."""

import io
import json
import os
from pathlib import Path

import fastavro
from confluent_kafka import Consumer

TOPIC = os.environ.get("TOPIC", "firebreak.incidents.enriched.v1")
SCHEMAS = json.loads(Path(__file__).with_name("schemas.json").read_text())

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["BROKERS"],
        "group.id": os.environ["GROUP"],
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        # what your operator gave you, for example:
        # "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "ssl.ca.location": "ca.pem",
        # "sasl.username": "...", "sasl.password": "...",
    }
)
consumer.subscribe([TOPIC])
seen = set()
try:
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error() or message.value() is None:
            continue
        number = int.from_bytes(message.value()[1:5], "big")
        schema = fastavro.parse_schema(SCHEMAS[str(number)])
        record = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema, None)
        event = dict(message.headers() or []).get("ce_id")
        if event in seen:  # a repeat: the id is the same in every attempt
            continue
        seen.add(event)
        if record.get("change") != "HEARTBEAT":  # heartbeats prove that the line is alive
            print(json.dumps(record, default=str), flush=True)
finally:
    consumer.close()

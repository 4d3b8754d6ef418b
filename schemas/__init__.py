"""The shared language: values, Avro schemas and the wire."""

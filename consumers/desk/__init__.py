"""The desk in a terminal: alerts, what people do to them, silences and planned events."""

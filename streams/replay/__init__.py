"""A file replayed in real-time order with a simulated clock: through the core or Kafka, with the same result."""

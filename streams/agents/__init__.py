"""The edges of the three stages: bytes in, the pure stage, bytes out. They meet only at topics."""

"""Notifications over HTTP: a token for each source, everything bounded, answered when the log has them."""

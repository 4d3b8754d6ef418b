"""Health of the process in this container: its page ``/readyz`` answers, at the address of FIREBREAK_METRICS_BIND."""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT = 4.0
"""Seconds."""


def ready(bind: str) -> bool:
    """Whether the process that serves at *bind* is ready; one that serves nowhere is taken at its word."""
    if not bind:
        return True
    connection = http.client.HTTPConnection("127.0.0.1", int(bind.rpartition(":")[2]), timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if ready(os.environ.get("FIREBREAK_METRICS_BIND", "")) else 1)

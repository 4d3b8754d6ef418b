"""Ports that are free, and stay so until a server that was killed comes back to them."""

from __future__ import annotations

import random
import socket

BELOW_EPHEMERAL = (12_000, 32_000)
"""From here no outgoing connection gets its port, so none can take that of a server that is down for a moment."""


def free_ports(count: int) -> list[int]:
    """Choose that many loopback ports that nobody listens on."""
    chooser = random.SystemRandom()
    found: list[int] = []
    while len(found) < count:
        port = chooser.randrange(*BELOW_EPHEMERAL)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""
Faust's transport, made fast and exact.

Chosen by the scheme of the broker's URL (``firebreak://host:9092``). One fetched piece of a partition is one Faust
message; nothing is delivered before the partition is restored and placed; what Faust would lose on the way is held
back, and what could be lost all the same breaks the chain of positions and stops the process.
"""

from streams.transport.driver import Transport

__all__ = ["Transport"]

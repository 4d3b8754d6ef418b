"""The notifier, ended by SIGKILL at a step: CHAOS="commit:3" is the third time that it is about to commit."""

from __future__ import annotations

import os
import signal
import threading

from consumers.notify.command import run
from schemas.settings import from_env

STEPS = ("restored", "begin", "commit", "committed", "send", "sent")


def main() -> None:
    step, _, nth = os.environ.get("CHAOS", ":").partition(":")
    left, one = [int(nth or 0)], threading.Lock()

    def probe(reached: str) -> None:
        with one:
            left[0] -= reached == step
            if reached == step and left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    run(from_env(os.environ), probe)


if __name__ == "__main__":
    main()

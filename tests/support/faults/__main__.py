"""``make faults``: every fault of the table on a real Kafka; one JSON line each is appended to ``faults.jsonl``."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
from pathlib import Path

from support.faults import brokers, inputs, network, parts, processes, scale
from support.faults.bench import ROWS, Bench, NotHere, run
from support.kafka import make_archive

FAMILIES = (processes, brokers, network, parts, inputs, scale)
"""Importing them enters their rows."""


def main() -> int:
    """Carry out what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name contains one of these words, separated by commas")
    parser.add_argument("--repeat", type=int, default=1, help="times")
    parser.add_argument("--seed", type=int, default=None, help="chosen by chance where not given")
    parser.add_argument("--short", action="store_true", help="the form of the tests")
    parser.add_argument("--out", type=Path, default=Path("faults.jsonl"))
    parser.add_argument(
        "--slack", type=float, default=1.0, help="widens the bounds on time, where others use the machine"
    )
    parser.add_argument("--list", action="store_true", help="say the names, do nothing")
    asked = parser.parse_args()
    chosen = [name for name in ROWS if any(word in name for word in asked.only.split(","))]
    if asked.list:
        sys.stdout.write("".join(f"{name}\n" for name in chosen))
        return 0
    # workers and brokers must not outlive this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    make_archive()
    failed = 0
    with asked.out.open("a", encoding="utf-8") as out:
        for _ in range(asked.repeat):
            seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
            failed += _all(chosen, Bench(seed, asked.short, asked.slack), out.write)
            out.flush()
    sys.stdout.write(f"{len(chosen) * asked.repeat - failed} passed, {failed} failed\n")
    return 1 if failed else 0


def _all(chosen: list[str], bench: Bench, write: object) -> int:
    failed = 0
    with bench:
        for name in chosen:
            try:
                line = run(name, bench)
            except NotHere as why:
                line = {"fault": name, "passed": False, "wrong": [str(why)]}
            failed += not line["passed"]
            text = json.dumps(line) + "\n"
            write(text)  # type: ignore[operator]  # of an open file
            sys.stdout.write(text)
            sys.stdout.flush()
    return failed


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", "tests")
    sys.exit(main())

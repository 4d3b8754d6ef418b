"""The page of procedures, typed as it stands into one shell beside a real Kafka."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support import toytown
from support.kafka import KafkaCluster
from support.pages import DOCS

from schemas.events import HOUR
from schemas.jsonform import iso
from schemas.settings import from_env
from streams.admin import Admin

BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALLS = 200
WITHIN = 300
"""Seconds."""
FEW = {"FIREBREAK_PARTITIONS_RAW": "2", "FIREBREAK_PARTITIONS_ENRICHED": "2", "FIREBREAK_PARTITIONS_INBOX": "1"}


def calls(file: Path, number: int) -> None:
    """Incidents of the last hours, every tenth by a word that no scheme of the pack knows yet."""
    now = time.time_ns() // 1_000_000
    with file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["source", "source_ref", "revision", "occurred_at", "area_code", "category", "scheme"])
        for each in range(number):
            known = ("violence_injury", "firebreak") if each % 10 else ("brawl", "town")
            area = toytown.AREAS[each % len(toytown.AREAS)]
            rows.writerow(["town.cad", f"N{each}", 1, iso(now - (each % 5) * HOUR), area, *known])


def shell(folder: Path, kafka: KafkaCluster, script: str) -> tuple[int, str]:
    environment = {
        **os.environ,
        **FEW,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FIREBREAK_KAFKA_BROKERS": kafka.bootstrap,
        "FIREBREAK_REGIONS": "pack",
    }
    ended = "trap 'kill $(jobs -p) 2> /dev/null && wait' EXIT\n"
    with (folder / "said").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            ("bash", "-euo", "pipefail", "-c", ended + script),
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(WITHIN)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        said.seek(0)
        return code, said.read()


def test_every_block_of_the_page_does_what_the_page_says(
    kafka_nodes: Callable[..., KafkaCluster], tmp_path: Path
) -> None:
    kafka = kafka_nodes(1)
    toytown.write_pack(tmp_path / "pack")
    calls(tmp_path / "calls.csv", CALLS)
    script = "\n".join(BLOCK.findall((DOCS / "procedures.md").read_text("utf-8")))

    code, said = shell(tmp_path, kafka, script)

    assert code == 0, said[-3000:]
    assert "20 sent again" in said
    # the re-driven ones too, and as received before they were saved
    saved = iso(int((tmp_path / "backup" / "raw.avro").stat().st_mtime * 1000))
    _, told = shell(tmp_path, kafka, f"firebreak counts --archive wide/archive --as-known-at {saved} --json")
    assert sum(json.loads(line)["incidents"] for line in told.splitlines()) == CALLS
    partitions = Admin(from_env({"FIREBREAK_KAFKA_BROKERS": kafka.bootstrap}).kafka).topics()
    assert partitions["wide.incidents.raw.v1"] == 6

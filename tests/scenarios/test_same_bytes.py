"""A small file through the core and through the embedded broker: the same bytes, whatever the number of workers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import firebreak
from support.toytown import arrivals, batch_hours, write_pack

from streams.harvest import iso_hour

DAYS = 20
"""Long enough for one of the two spikes to be told from an ordinary day."""
FIELDS = ("kind", "source", "source_ref", "revision", "occurred_at", "published_at", "area_code", "category", "scheme")
PLAIN_ERRORS = ('{"kind": "REPORTED", "source": "cad"}\n', "no object at all\n")


@dataclass(frozen=True, slots=True)
class Made:
    """The file, its pack, and what the core leaves of it."""

    file: Path
    pack: Path
    core: Path

    def arguments(self, out: Path) -> list[str]:
        profile = ["--profile", "jsonl", "--region", str(self.pack), "--tick", "6h", "--quiet"]
        return ["replay", str(self.file), *profile, "--out", str(out)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("same")
    file, pack, core = folder / "told.jsonl", write_pack(folder / "pack"), folder / "core"
    told = (arrival.notification._asdict() for arrival in arrivals(11, DAYS))
    lines = [json.dumps({name: each[name] for name in (*FIELDS, "victims")}) + "\n" for each in told]
    file.write_text("".join([*lines[:40], PLAIN_ERRORS[0], *lines[40:], PLAIN_ERRORS[1]]), encoding="utf-8")
    made = Made(file, pack, core)
    firebreak(*made.arguments(core))
    return made


def test_the_core_counts_what_a_batch_counts_and_raises_an_alert(made: Made) -> None:
    lines = (made.core / "hours.csv").read_text("utf-8").split()[1:]
    expected = {
        (area, level, group, iso_hour(hour), str(count))
        for (area, level, group, hour), count in batch_hours(arrivals(11, DAYS)).items()
    }

    assert {tuple(line.split(",")[:5]) for line in lines} == expected
    assert "OPENED" in (made.core / "alerts.jsonl").read_text("utf-8")


@pytest.mark.parametrize(("workers", "batch"), [(1, None), (2, 4096)])
def test_the_embedded_broker_leaves_the_same_bytes_as_the_core(
    made: Made, tmp_path: Path, workers: int, batch: int | None
) -> None:
    size = [] if batch is None else ["--batch", str(batch)]

    firebreak(*made.arguments(tmp_path), "--through", "kafka", "--workers", str(workers), *size)

    for name in ("hours.csv", "alerts.jsonl"):
        assert (tmp_path / name).read_bytes() == (made.core / name).read_bytes(), name
    assert _account(tmp_path) == _account(made.core)


def test_every_line_is_accounted_for(made: Made) -> None:
    account = json.loads((made.core / "summary.json").read_text("utf-8"))

    assert account["read"] == len(arrivals(11, DAYS)) + len(PLAIN_ERRORS)
    assert account["read"] == account["accepted"] + account["duplicates"] + sum(account["rejected"].values())
    assert {"missing_field": 1, "bad_json": 1}.items() <= account["rejected"].items()


def _account(folder: Path) -> dict[str, object]:
    account: dict[str, object] = json.loads((folder / "summary.json").read_text("utf-8"))
    del account["seconds"]
    return account

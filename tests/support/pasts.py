"""Small made-up pasts: a region pack in a folder, an hours file, and the counts that are in it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streams.backtest.hours import hour_of, iso_hour

START = hour_of("2024-02-05T06:00:00Z")
"""A Monday; the clocks of London go forward on 31 March."""

AREAS = ("A", "B", "C", "D", "E", "F")
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)

PACK = """name = "town"
zone = "Europe/London"
day_starts = "06:00"
levels = ["borough"]
groups = ["street_violence", "homicide"]
[budget]
alerts_per_week = 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Counts [areas, hours from START], and where pack and file are."""

    pack: Path
    file: Path
    counts: npt.NDArray[np.uint16]

    @property
    def end(self) -> int:
        """Hour after the last."""
        return START + int(self.counts.shape[1])


def write_pack(folder: Path) -> Path:
    """The pack of a town of six areas on a line."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "region.toml").write_text(PACK)
    rows = [f"{code},Area {code},borough,,{0.01 * k:.2f},51.5,," for k, code in enumerate(AREAS)]
    header = "code,name,level,parent,longitude,latitude,population,vintage"
    (folder / "areas.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def write_lines(path: Path, lines: Iterable[str], header: str = "area,group,hour,incidents") -> Path:
    """A CSV file, gzip by name."""
    text = "\n".join([header, *lines]) + "\n"
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def past(folder: Path, *, days: int = 75, seed: int = 1) -> Past:
    """Steady violence by the rates above, with a spike of six days before the end in D: five an hour for 18 hours."""
    rng = np.random.default_rng(seed)
    hours = days * 24
    shape = 1.0 + 0.7 * np.cos(2 * np.pi * (np.arange(hours) - 14) / 24)
    counts = rng.poisson(np.array(RATES)[:, None] * shape).astype(np.uint16)
    counts[3, hours - 144 : hours - 126] += 5
    area, hour = np.nonzero(counts)
    lines = (
        f"{AREAS[a]},street_violence,{iso_hour(START + h)},{counts[a, h]}"
        for a, h in zip(area.tolist(), hour.tolist(), strict=True)
    )
    return Past(pack=write_pack(folder / "pack"), file=write_lines(folder / "hours.csv.gz", lines), counts=counts)

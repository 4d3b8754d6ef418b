"""Names, parents and local times of the areas of region packs: what is needed to speak of an area to people."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import tomllib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from schemas.equity import MEASURES, bands_of
from schemas.errors import UsageError
from schemas.events import Millis

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """
    Of one region: its zone, its levels from coarse to fine, names and parents of its areas by code.

    ``coarse`` are the areas of the first level; ``residents`` and ``bands`` (of deprivation) are of areas of which they
    are known, ``told_by`` is where the bands come from. ``whole`` is the code of the region as one area, "" where it is
    not watched as one.
    """

    zone: ZoneInfo
    levels: tuple[str, ...]
    names: Mapping[str, str]
    parents: Mapping[str, str]
    coarse: tuple[str, ...] = ()
    residents: Mapping[str, int] = field(default_factory=dict)
    bands: Mapping[str, int] = field(default_factory=dict)
    told_by: str = ""
    whole: str = ""


class Gazetteer:
    """The words of several regions, by name of the region; what is not known is called by its code, in UTC."""

    def __init__(self, regions: Mapping[str, Words]) -> None:
        self.regions = MappingProxyType(dict(regions))
        self._names = {code: name for words in regions.values() for code, name in words.names.items()}
        self._names |= {words.whole: _titled(words.whole) for words in regions.values() if words.whole}
        self._parents = {code: parent for words in regions.values() for code, parent in words.parents.items()}

    @classmethod
    def load(cls, packs: Iterable[str]) -> Gazetteer:
        """
        Read the words of packs: names of built-in ones, or folders.

        Raises
        ------
        UsageError
            There is no such pack, or it can't be read.

        """
        return cls(dict(map(_read, packs)))

    def name(self, code: str) -> str:
        """Name of an area."""
        return self._names.get(code, code)

    def parent(self, code: str) -> str:
        """Code of the area that this one lies in, "" for none."""
        return self._parents.get(code, "")

    def place(self, codes: Sequence[str]) -> str:
        """Name of one or several areas, three at most, with that which they lie in."""
        named = ", ".join(map(self.name, codes[:3])) + (f" and {len(codes) - 3} more" if len(codes) > 3 else "")
        parents = dict.fromkeys(self.parent(code) for code in codes)
        within = [self.name(parent) for parent in parents if parent]
        return f"{named} ({', '.join(within[:2])})" if within else named

    def known(self, code: str) -> bool:
        """Whether it is the code of an area, or of a region that is watched as one."""
        return code in self._names

    def zone(self, region: str) -> ZoneInfo:
        """Time zone of a region."""
        words = self.regions.get(region)
        return UTC if words is None else words.zone

    def local(self, region: str, at: Millis) -> dt.datetime:
        """Local time in a region."""
        return dt.datetime.fromtimestamp(at / 1000, self.zone(region))

    def time(self, region: str, at: Millis) -> str:
        """Local time as one reads it, with its zone: ``Mon 02 Mar 14:07 GMT``."""
        return self.local(region, at).strftime("%a %d %b %H:%M %Z")


def _read(pack: str) -> tuple[str, Words]:
    folder = folder_of(pack)
    try:
        told = tomllib.loads((folder / "region.toml").read_text("utf-8"))
        with (folder / "areas.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        coarse = tuple(sorted(row["code"] for row in rows if row["level"] == told["levels"][0]))
        watched = told.get("detection", {}).get("whole_region") and len(coarse) > 1
        bands, told_by = _bands(folder, {row["code"]: row["level"] for row in rows})
        words = Words(
            zone=ZoneInfo(told["zone"]),
            levels=tuple(told["levels"]),
            names={row["code"]: row["name"] for row in rows},
            parents={row["code"]: row["parent"] for row in rows},
            coarse=coarse,
            residents={row["code"]: int(row["population"]) for row in rows if row.get("population")},
            bands=bands,
            told_by=told_by,
            whole=str(told["name"]) if watched else "",
        )
    except (OSError, KeyError, ValueError, AttributeError, StopIteration, zlib.error, EOFError) as error:
        raise UsageError(f"region {pack} can't be read: `firebreak region check {pack}` says why") from error
    return str(told["name"]), words


def _titled(code: str) -> str:
    """
    Name of a region as one area.

    >>> _titled("greater-manchester")
    'Greater Manchester, whole region'
    """
    return f"{code.replace('-', ' ').replace('_', ' ').title()}, whole region"


def _bands(folder: Path, levels: Mapping[str, str]) -> tuple[dict[str, int], str]:
    """Bands of deprivation by area, and where they come from; nothing where the pack has none."""
    file = folder / "deprivation.csv"
    if (folder / "deprivation.csv.gz").is_file():
        text = gzip.decompress((folder / "deprivation.csv.gz").read_bytes()).decode("utf-8-sig")
    elif file.is_file():
        text = file.read_text("utf-8-sig")
    else:
        return {}, ""
    rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    if not rows:
        return {}, ""
    measure = next(name for name in MEASURES if rows[0].get(name))
    numbers = {row["area"]: float(row[measure]) for row in rows}
    told_by = f"{rows[0]['source']}, {rows[0]['vintage']}"
    found: dict[str, int] = {}
    for level in {levels[area] for area in numbers}:
        found |= bands_of(measure, {area: number for area, number in numbers.items() if levels[area] == level})
    return found, told_by


def folder_of(pack: str) -> Path:
    """Folder of a region pack, by the name of a built-in one or by its own path."""
    home = find_spec("streams")
    built_in = [Path(place) / "regions" / pack for place in (home.submodule_search_locations or ())] if home else []
    for folder in (*built_in, Path(pack)):
        if (folder / "region.toml").is_file():
            return folder
    raise UsageError(f"no region {pack}: neither built in nor a folder with a region.toml")

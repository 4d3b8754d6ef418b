"""
What the product stands on: licences of what is installed with it, and a bill of materials from the lock.

``python -m support.supply licences`` renews ``docs/licences.md``, ``python -m support.supply bill FILE`` writes a bill
of materials (CycloneDX 1.6, JSON). Both come from ``requirements.lock`` and the installed packages' own metadata.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Sequence
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "licences.md"
HEAD = """\
# Licences

What is installed with firebreak (`requirements.lock`), with the licence that each package tells of itself.
`PYTHONPATH=tests python -m support.supply licences` renews this page; a test holds it to the accepted ones.

| package | version | licence |
|---|---|---|
"""
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)(?: ; ([^\\]*))?", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SPDX = {
    "MIT License": "MIT",
    "MIT": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD-3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "New BSD": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache-2.0 license": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
    "BSD-derived (Repoze)": "LicenseRef-Repoze",
}
ACCEPTED = frozenset(
    {
        *("MIT", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0", "ISC", "PSF-2.0", "MPL-2.0", "0BSD", "Zlib", "CC0-1.0"),
        *("Unlicense", "MIT-0", "MIT-CMU", "LicenseRef-Repoze"),
    }
)
"""Licences that what is run may have; MPL-2.0 is of single files, which are used as they are."""


class Part(NamedTuple):
    """One pinned package."""

    name: str
    version: str
    licence: str
    hashes: tuple[str, ...]


def parts() -> list[Part]:
    """Packages of the lock that are installed here, by name; those of other platforms are left out."""
    text = LOCK.read_text("utf-8")
    pins = list(_PIN.finditer(text))
    ends = [*(pin.start() for pin in pins[1:]), len(text)]
    found = []
    for pin, end in zip(pins, ends, strict=True):
        try:
            if version(pin[1]) != pin[2]:
                continue
            said = licence(metadata(pin[1]))  # type: ignore[arg-type]  # a message, whatever it is called
        except PackageNotFoundError:
            continue
        found.append(Part(pin[1], pin[2], said, tuple(_HASH.findall(text[pin.start() : end]))))
    return sorted(found)


def licence(told: Message) -> str:
    """SPDX expression of a package: as it says itself, else by its classifiers, else by its licence's name."""
    expression = told.get("License-Expression")
    if expression:
        return str(expression)
    named = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or () if each.startswith("License ::")]
    spelt = [_SPDX[each] for each in named if each in _SPDX]
    if spelt:
        return " AND ".join(dict.fromkeys(spelt))
    first = str(told.get("License") or "").strip().splitlines()[:1]
    return _SPDX.get(first[0], first[0][:60]) if first else "not told"


def words(expression: str) -> list[str]:
    """Licences that an expression names."""
    return [each for each in re.findall(r"[A-Za-z0-9.+-]+", expression) if each not in {"AND", "OR", "WITH"}]


def page() -> str:
    """The page of licences."""
    rows = "".join(f"| {each.name} | {each.version} | {each.licence} |\n" for each in parts())
    return f"{HEAD}{rows}"


def bill() -> dict[str, object]:
    """The bill of materials."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, LOCK.read_text('utf-8'))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "firebreak",
                "version": version("firebreak-streams"),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "name": each.name,
                "version": each.version,
                "purl": f"pkg:pypi/{each.name.lower()}@{each.version}",
                "licenses": [{"expression": each.licence}],
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in each.hashes],
            }
            for each in parts()
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """Write what is asked for."""
    match arguments:
        case ["licences"]:
            PAGE.write_text(page(), "utf-8")
        case ["bill", file]:
            Path(file).write_text(json.dumps(bill(), indent=1) + "\n", "utf-8")
        case _:
            sys.stderr.write("licences, or bill FILE\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

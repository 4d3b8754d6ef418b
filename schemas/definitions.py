"""
The Avro schemas as files: ``avro/`` is what is edited, ``released/`` what was ever published.

A file of ``avro/`` may name a type that another file defines (``firebreak.v1.Tense``). Published schemas stand alone:
the first mention holds the definition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

NAMESPACE = "firebreak.v1"

RECORD_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"Notification": 1, "Incident": 2, "Inbox": 3, "AreaCount": 4, "AlertEvent": 5, "Alert": 6, "Rejection": 7}
)
"""Part of the built-in schema ids: never given to another record."""

BUILT_IN = 0x4642_0000
"""Built-in ids are this + 256 x record number + release; registries count from 1 and do not get so far."""

_HERE = Path(__file__).parent


class Known(NamedTuple):
    """A schema that bytes may be written with: name of its record, and the schema as JSON."""

    record: str
    schema: str


@cache
def schema_text(record: str) -> str:
    """The current schema of a record, self-contained, as compact JSON."""
    return json.dumps(_inlined(_source(record), set()), separators=(",", ":"), ensure_ascii=False)


def schema(record: str) -> dict[str, Json]:
    """The current schema of a record, self-contained."""
    return cast("dict[str, Json]", json.loads(schema_text(record)))


def built_in_id(record: str, release: int) -> int:
    """
    Schema id that is used where no registry is.

    >>> hex(built_in_id("Incident", 1))
    '0x46420201'
    """
    return BUILT_IN + (RECORD_NUMBERS[record] << 8) + release


def released() -> Iterator[tuple[int, Known]]:
    """Every schema ever released, with its built-in id; oldest first within a record."""
    for record in RECORD_NUMBERS:
        for release, path in enumerate(releases(record), start=1):
            yield built_in_id(record, release), Known(record, path.read_text("utf-8"))


def releases(record: str) -> list[Path]:
    """Files of the released schemas of a record, in order of release."""
    paths = {int(path.stem.rpartition(".")[2]): path for path in (_HERE / "released").glob(f"{record}.*.avsc")}
    return [paths[release] for release in sorted(paths)]


def without_logical_types(node: Json) -> Json:
    """The same schema with bare numbers for instants, so that no library turns them into its own idea of time."""
    if isinstance(node, list):
        return [without_logical_types(each) for each in node]
    if isinstance(node, dict):
        return {key: without_logical_types(each) for key, each in node.items() if key != "logicalType"}
    return node


def _source(name: str) -> Json:
    return cast("Json", json.loads((_HERE / "avro" / f"{name}.avsc").read_text("utf-8")))


def _inlined(node: Json, defined: set[str]) -> Json:
    if isinstance(node, list):
        return [_inlined(each, defined) for each in node]
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum"):
            defined.add(str(node["name"]))
        return {key: each if key in {"doc", "default"} else _inlined(each, defined) for key, each in node.items()}
    if isinstance(node, str) and node.startswith(f"{NAMESPACE}."):
        short = node.removeprefix(f"{NAMESPACE}.")
        return node if short in defined else _inlined(_source(short), defined)
    return node

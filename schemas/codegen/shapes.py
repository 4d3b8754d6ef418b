"""Avro schemas as a small typed tree: only what our schemas use, everything else refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from schemas.definitions import Json

INT_LIMIT = 2**31
LONG_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class Whole:
    """``int`` or ``long`` with the limits of its values; ``stamp`` for an instant in ms."""

    minimum: int
    maximum: int
    stamp: bool = False


@dataclass(frozen=True, slots=True)
class Real:
    """``double``."""


@dataclass(frozen=True, slots=True)
class Truth:
    """``boolean``."""


@dataclass(frozen=True, slots=True)
class Text:
    """``string`` of at most ``max_bytes`` bytes of UTF-8 (None: any)."""

    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Octets:
    """``bytes``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``enum``."""

    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maybe:
    """``["null", T]``."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Many:
    """``array``."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a record. ``default`` means something only if ``has_default``."""

    name: str
    shape: Shape
    has_default: bool
    default: Json


@dataclass(frozen=True, slots=True)
class Struct:
    """``record``."""

    name: str
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        """The field called *name*; KeyError if there is none."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)


Shape: TypeAlias = Whole | Real | Truth | Text | Octets | Choice | Maybe | Many | Struct


def struct(schema: dict[str, Json]) -> Struct:
    """
    The tree of a self-contained record schema.

    Raises
    ------
    ValueError
        For a type that our schemas do not use.

    """
    return cast("Struct", _compound(schema, {}, {}))


def _shape(node: Json, limits: Mapping[str, Json], named: dict[str, Shape]) -> Shape:
    if isinstance(node, list):
        if len(node) == 2 and node[0] == "null":
            return Maybe(_shape(node[1], limits, named))
        raise ValueError(f"the only unions are of null and one other type: {node}")
    if isinstance(node, str):
        return named[node] if node in named else _primitive(node, limits, stamp=False)
    if isinstance(node, dict):
        return _compound(node, limits, named)
    raise ValueError(f"not a type: {node}")


def _compound(node: dict[str, Json], limits: Mapping[str, Json], named: dict[str, Shape]) -> Shape:
    kind = node["type"]
    if kind == "array":
        return Many(_shape(node["items"], {}, named))
    if kind not in ("enum", "record"):
        logical = node.get("logicalType")
        if logical not in (None, "timestamp-millis"):
            raise ValueError(f"logical type {logical} is not used here")
        return _primitive(str(kind), limits, stamp=logical is not None)
    name = str(node["name"])
    shape: Shape
    if kind == "enum":
        shape = Choice(name, tuple(cast("list[str]", node["symbols"])))
    else:
        fields = cast("list[dict[str, Json]]", node["fields"])
        shape = Struct(name, tuple(_part(field, named) for field in fields))
    named[name] = named[f"firebreak.v1.{name}"] = shape
    return shape


def _part(field: dict[str, Json], named: dict[str, Shape]) -> Part:
    shape = _shape(field["type"], field, named)
    return Part(str(field["name"]), shape, "default" in field, field.get("default"))


def _primitive(kind: str, limits: Mapping[str, Json], *, stamp: bool) -> Shape:
    if kind in {"int", "long"}:
        limit = INT_LIMIT if kind == "int" else LONG_LIMIT
        lowest, highest = limits.get("minimum", -limit), limits.get("maximum", limit - 1)
        return Whole(cast("int", lowest), cast("int", highest), stamp)
    if kind == "string":
        return Text(cast("int | None", limits.get("max_bytes")))
    simple: dict[str, Shape] = {"double": Real(), "boolean": Truth(), "bytes": Octets()}
    if kind not in simple:
        raise ValueError(f"type {kind} is not used here")
    return simple[kind]

"""Compiles a layout into a Python function that encodes it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeVar, cast

from schemas.codegen import runtime
from schemas.codegen.layout import Layout, Lines, Literal
from schemas.codegen.shapes import Choice, Many, Maybe, Octets, Part, Real, Shape, Struct, Text, Truth, Whole

T = TypeVar("T")

_ONE_PAIR = 1 << 13
_TWO_PAIRS = 1 << 27
_THREE_PAIRS = 1 << 41
_HELPERS: dict[str, object] = {
    "_long": runtime.long_bytes,
    "_octets": runtime.octets_bytes,
    "_join": b"".join,
    "_double": struct.Struct("<d").pack,
}


def compile_encoder(layout: Layout[T], before: bytes = b"") -> Callable[[T], bytes]:
    """
    A function of a value; its encoding follows the bytes *before*.

    The function raises ValueError, TypeError or KeyError for a value that the schema does not allow: a fault of the
    program that made it.
    """
    return cast("Callable[[T], bytes]", _Encoder(layout, before).function())


class _Encoder:
    def __init__(self, layout: Layout[T], before: bytes) -> None:
        self._layout = layout
        self._before = before
        self._out = Lines(names=dict(_HELPERS))
        self._pieces: list[str] = []

    def function(self) -> object:
        out = self._out
        out.names["_steady"] = runtime.Written(cast("Callable[[object], bytes]", runtime.long_bytes))
        out.names |= {"_last": runtime.last_pairs(), "_inner": runtime.inner_pairs()}
        with out.block("def encode(r):"):
            self._unpack(self._layout.make, [part.name for part in self._layout.parts()], "r", "v")
            constant = self._before
            for segment in self._layout.segments():
                if isinstance(segment[0], Literal):
                    constant += segment[0].octets
                    continue
                self._flush(constant)
                constant = b""
                self._segment(segment)
            self._flush(constant)
            out.add(f"return _join(({','.join(self._pieces)},))")
        return out.compiled("encode", f"encoder of {self._layout.record}")

    def _flush(self, constant: bytes) -> None:
        if constant:
            self._pieces.append(repr(constant))

    def _unpack(self, make: type, names: Sequence[str], value: str, prefix: str) -> None:
        """Emit what takes *value* apart into variables."""
        if make is tuple:
            targets = ",".join(f"{prefix}_{name}" for name in names)
            self._out.add(f"{targets},={value}")
        elif is_dataclass(make):
            self._out.add(*[f"{prefix}_{each.name}={value}.{each.name}" for each in fields(make)])
        else:
            ordered = cast("tuple[str, ...]", vars(make)["_fields"])
            self._out.add(",".join(f"{prefix}_{name}" for name in ordered) + f",={value}")

    def _segment(self, segment: Sequence[Part | Literal]) -> None:
        run = self._layout.run_of(segment)
        last = segment[-1] is self._layout.steps[-1]
        if run is not None:
            written = self._out.give("written", runtime.Written(_compile_run(self._layout, run)))
            self._pieces.append(f"{written}[{','.join(f'v_{part.name}' for part in run)}]")
        elif last and self._layout.rest:
            self._pieces.append(f"v_{cast('Part', segment[0]).name}")
        else:
            part = cast("Part", segment[0])
            self._pieces.append(self._piece(part.name, part.shape, f"v_{part.name}"))

    def _piece(self, name: str, shape: Shape, value: str) -> str:
        """Emit statements where needed; the expression that is the encoding of *value*."""
        if isinstance(shape, Octets):
            return f"_octets({value})"
        if isinstance(shape, Real):
            return f"_double({value})"
        if isinstance(shape, Truth):
            return f"{self._out.give('truths', {True: bytes((1,)), False: bytes((0,))})}[{value}]"
        if isinstance(shape, Choice):
            return f"{self._out.give('symbols', _symbols(shape))}[{value}]"
        target = self._out.fresh("e")
        self._emit(name, shape, value, target)
        return target

    def _emit(self, name: str, shape: Shape, value: str, target: str) -> None:
        if isinstance(shape, Whole):
            self._whole(name, shape, value, target)
        elif isinstance(shape, Text):
            self._text(value, target)
        elif isinstance(shape, Maybe):
            with self._out.block(f"if {value} is None:"):
                self._out.add(f"{target}=b'\\0'")
            with self._out.block("else:"):
                piece = self._piece(name, shape.item, value)
                self._out.add(f"{target}=b'\\2'+{piece}")
        elif isinstance(shape, Many):
            self._many(name, shape, value, target)
        else:
            self._struct(cast("Struct", shape), value, target)

    def _whole(self, name: str, shape: Whole, value: str, target: str) -> None:
        out = self._out
        if name in self._layout.steady:
            out.add(f"{target}=_steady[{value}]")
            return
        if shape.stamp:
            out.add(
                f"if {_TWO_PAIRS}<={value}<{_THREE_PAIRS}:"
                f" {target}=_inner[{value}<<1&16383]+_inner[{value}>>13&16383]+_last[{value}>>27]",
            )
        else:
            out.add(
                f"if 0<={value}<{_ONE_PAIR}: {target}=_last[{value}<<1]",
                f"elif 0<={value}<{_TWO_PAIRS}: {target}=_inner[{value}<<1&16383]+_last[{value}>>13]",
            )
        out.add(f"else: {target}=_long({value},{shape.minimum},{shape.maximum})")

    def _text(self, value: str, target: str) -> None:
        self._out.add(
            f"o={value}.encode()",
            "n=len(o)",
            f"if n<{_ONE_PAIR}: {target}=_last[n<<1]+o",
            f"else: {target}=_octets(o)",
        )

    def _many(self, name: str, shape: Many, value: str, target: str) -> None:
        out = self._out
        items, each = out.fresh("l"), out.fresh("x")
        with out.block(f"if {value}:"):
            out.add(f"{items}=[_long(len({value}))]")
            with out.block(f"for {each} in {value}:"):
                piece = self._piece(name, shape.item, each)
                out.add(f"{items}.append({piece})")
            out.add(f"{items}.append(b'\\0')", f"{target}=_join({items})")
        out.add(f"else: {target}=b'\\0'")

    def _struct(self, shape: Struct, value: str, target: str) -> None:
        prefix = self._out.fresh("s")
        self._unpack(self._layout.class_of(shape.name), [part.name for part in shape.parts], value, prefix)
        pieces = [self._piece(part.name, part.shape, f"{prefix}_{part.name}") for part in shape.parts]
        self._out.add(f"{target}=_join(({','.join(pieces)},))")


def _symbols(shape: Choice) -> Mapping[str, bytes]:
    return {symbol: bytes((2 * index,)) for index, symbol in enumerate(shape.symbols)}


def _compile_run(layout: Layout[T], run: Sequence[Part]) -> Callable[[object], bytes]:
    encode = compile_encoder(
        Layout(record=layout.record, steps=tuple(run), make=cast("type[object]", tuple), nested=layout.nested)
    )
    return encode if len(run) > 1 else lambda value: encode((value,))

"""
Compiles a layout into a Python function that decodes it.

The function reads bytes by index and keeps nothing but local variables. It walks the whole record, so that what is
torn or altered is found: bytes are accepted only if they are *the* encoding of the value, the one that every Avro
library writes. Number, boolean and array forms that readers tolerate but nobody writes (padded varints, sized blocks,
booleans other than 0 and 1, bytes after the end) are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeVar, cast

from schemas.codegen import runtime
from schemas.codegen.layout import Layout, Lines, Literal
from schemas.codegen.shapes import (
    INT_LIMIT,
    LONG_LIMIT,
    Choice,
    Many,
    Maybe,
    Octets,
    Part,
    Real,
    Shape,
    Struct,
    Text,
    Truth,
    Whole,
)

T = TypeVar("T")

_SHORT = 63
_TWO_HIGH = 128 + (128 << 7)
_THREE_HIGH = _TWO_HIGH + (128 << 14)
_HELPERS: dict[str, object] = {
    "_long": runtime.long_at,
    "_extent": runtime.extent_at,
    "_count": runtime.count_at,
    "_branch": runtime.no_such_branch,
    "_truth": runtime.no_truth,
    "_blocks": runtime.more_blocks,
    "_range": runtime.out_of_range,
    "_longer": runtime.too_long,
    "_unlike": runtime.unlike,
    "_end": runtime.wrong_end,
    "_jump": tuple(0 if byte & 129 else 1 + (byte >> 1) for byte in range(256)),
    "_small": tuple((byte >> 1) ^ -(byte & 1) for byte in range(128)),
    "_new": tuple.__new__,
    "_double": struct.Struct("<d").unpack_from,
    "_doubles": struct.Struct("<dxd").unpack_from,
}


def compile_decoder(layout: Layout[T]) -> Callable[[bytes, int], T]:
    """
    A function of bytes and the place where the record begins; the record must end where the bytes end.

    The function raises Malformed, or one of :data:`schemas.codegen.runtime.Unreadable`, for bytes that are no such
    record.
    """
    return cast("Callable[[bytes, int], T]", _Decoder(layout).function())


class _Decoder:
    def __init__(self, layout: Layout[T]) -> None:
        self._layout = layout
        self._out = Lines(names=dict(_HELPERS))
        self._segments = list(layout.segments())

    def function(self) -> object:
        out = self._out
        out.names |= {"_stamps": runtime.Stamps(), "_steady": runtime.Steady()}
        with out.block("def decode(b,p):"):
            index = 0
            while index < len(self._segments):
                index += self._segment(index)
            if not self._reaches_end():
                out.add("if p!=len(b): raise " + f"_end({self._layout.record!r},len(b),p)")
            out.add(f"return {self._made()}")
        return out.compiled("decode", f"decoder of {self._layout.record}")

    def _reaches_end(self) -> bool:
        return self._layout.rest or self._layout.run_of(self._segments[-1]) is not None

    def _segment(self, index: int) -> int:
        """Emit what decodes a segment; how many segments that took."""
        segment = self._segments[index]
        last = index == len(self._segments) - 1
        run = self._layout.run_of(segment)
        step = segment[0]
        if run is not None:
            self._run(run, to_end=last)
        elif isinstance(step, Literal):
            self._literal(step)
        elif last and self._layout.rest:
            self._out.add(f"v_{step.name}=b[p:]")
        elif self._are_two_reals(index):
            self._two_reals(step, cast("Part", self._segments[index + 1][0]))
            return 2
        else:
            self._value(step.name, step.shape, f"v_{step.name}")
        return 1

    def _literal(self, literal: Literal) -> None:
        size = len(literal.octets)
        test = f"b[p]!={literal.octets[0]}" if size == 1 else f"b[p:p+{size}]!={literal.octets!r}"
        self._out.add(f"if {test}: raise _unlike({self._layout.record!r},{literal.meaning!r})", f"p+={size}")

    def _are_two_reals(self, index: int) -> bool:
        pair = [segment[0] for segment in self._segments[index : index + 2]]
        return len(pair) == 2 and all(isinstance(step, Part) and step.shape == Maybe(Real()) for step in pair)

    def _two_reals(self, first: Part, second: Part) -> None:
        """Emit one read of two neighbours that are both given, as of a position."""
        out = self._out
        with out.block("if b[p]==2 and b[p+9]==2:"):
            out.add(f"v_{first.name},v_{second.name}=_doubles(b,p+1)", "p+=18")
        with out.block("else:"):
            self._value(first.name, first.shape, f"v_{first.name}")
            self._value(second.name, second.shape, f"v_{second.name}")

    def _run(self, run: Sequence[Part], *, to_end: bool) -> None:
        out = self._out
        strict = compile_run(self._layout, run)
        seen = out.give("seen", runtime.Seen(strict))
        targets = ",".join(f"v_{part.name}" for part in run)
        if to_end:
            out.add(f"{targets}={seen}[b[p:]]")
            return
        out.add("q=p")
        for part in run:
            self._skip(part.shape)
        out.add(f"{targets}={seen}[b[q:p]]")

    def _skip(self, shape: Shape) -> None:
        """Emit what moves past a value; what it is worth is judged when its bytes are new."""
        out = self._out
        if isinstance(shape, Choice | Truth):
            out.add("p+=1")
        elif isinstance(shape, Text):
            out.add("j=_jump[b[p]]", "if j: p+=j", "else: _,p=_extent(b,p)")
        elif isinstance(shape, Maybe):
            with out.block("if b[p]:"):
                out.add("p+=1")
                self._skip(shape.item)
            with out.block("else:"):
                out.add("p+=1")
        elif isinstance(shape, Many):
            self._items(shape, "")
            out.add("p+=1")
        else:
            raise TypeError(f"{shape} can't be in a run")

    def _value(self, name: str, shape: Shape, target: str) -> None:
        if isinstance(shape, Whole):
            self._whole(name, shape, target)
        elif isinstance(shape, Text | Octets):
            self._extent(name, shape, target)
        elif isinstance(shape, Choice):
            symbols = self._out.give("symbols", {2 * i: symbol for i, symbol in enumerate(shape.symbols)})
            self._out.add(f"{target}={symbols}[b[p]]", "p+=1")
        elif isinstance(shape, Truth):
            self._out.add("c=b[p]", "p+=1", "if c>1: raise _truth(c)", f"{target}=c==1")
        elif isinstance(shape, Real):
            self._out.add(f"{target},=_double(b,p)", "p+=8")
        elif isinstance(shape, Maybe):
            self._maybe(name, shape, target)
        elif isinstance(shape, Many):
            self._many(name, shape, target)
        else:
            self._struct(shape, target)

    def _maybe(self, name: str, shape: Maybe, target: str) -> None:
        out = self._out
        out.add("c=b[p]", "p+=1")
        with out.block("if c==2:"):
            self._value(name, shape.item, target)
        out.add("elif c: raise _branch(c)", f"else: {target}=None")

    def _whole(self, name: str, shape: Whole, target: str) -> None:
        out = self._out
        if shape.stamp and name in self._layout.steady:
            out.add(f"{target}=_steady[b[p:p+6]]", f"if {target} is None: {target},p=_long(b,p)", "else: p+=6")
        elif shape.stamp:
            out.add("h=_stamps[b[p+3:p+6]]", "c=b[p]")
            with out.block("if h and c&b[p+1]&b[p+2]&128:"):
                out.add("r=h+c+(b[p+1]<<7)+(b[p+2]<<14)", f"{target}=(r>>1)^-(r&1)", "p+=6")
            out.add(f"else: {target},p=_long(b,p)")
        else:
            self._number(target)
        test = f"if not {shape.minimum}<={target}<={shape.maximum}: raise _range({name!r},{target})"
        if (shape.minimum, shape.maximum) == (-INT_LIMIT, INT_LIMIT - 1):
            out.add(f" {test}")  # only the long form, on the line before, can be out of such limits
        elif shape.minimum != -LONG_LIMIT or shape.maximum != LONG_LIMIT - 1:
            out.add(test)

    def _number(self, target: str) -> None:
        """Emit the reading of a number that is most often of one to four bytes; a last byte of 0 would be padding."""
        out = self._out
        out.add("c=b[p]", f"if c<128: {target}=_small[c]; p+=1")
        with out.block("elif 0<(d:=b[p+1])<128:"):
            out.add("r=c+(d<<7)-128", f"{target}=(r>>1)^-(r&1)", "p+=2")
        with out.block("elif d and 0<(e:=b[p+2])<128:"):
            out.add(f"r=c+(d<<7)+(e<<14)-{_TWO_HIGH}", f"{target}=(r>>1)^-(r&1)", "p+=3")
        with out.block("elif d and e and 0<(f:=b[p+3])<128:"):
            out.add(f"r=c+(d<<7)+(e<<14)+(f<<21)-{_THREE_HIGH}", f"{target}=(r>>1)^-(r&1)", "p+=4")
        out.add("else:", f" {target},p=_long(b,p)")

    def _extent(self, name: str, shape: Text | Octets, target: str) -> None:
        out = self._out
        limit = shape.max_bytes if isinstance(shape, Text) else None
        out.add("n=b[p]")
        with out.block("if n&129:"):
            out.add("p,q=_extent(b,p)")
            if limit is not None:
                out.add(f"if q-p>{limit}: raise _longer({name!r},{limit},b,q)")
        with out.block("else:"):
            out.add("p+=1", "q=p+(n>>1)")
            if limit is not None and limit < _SHORT:
                out.add(f"if q-p>{limit}: raise _longer({name!r},{limit},b,q)")
        out.add(f"{target}=b[p:q]" + (".decode()" if isinstance(shape, Text) else ""), "p=q")

    def _many(self, name: str, shape: Many, target: str) -> None:
        out = self._out
        items = out.fresh("l")
        with out.block("if b[p]:"):
            out.add(f"{items}=[]")
            self._items(shape, items, name)
            out.add("if b[p]: raise _blocks()", f"{target}=tuple({items})")
        out.add(f"else: {target}=()", "p+=1")

    def _items(self, shape: Many, items: str, name: str = "") -> None:
        """Emit a walk over the first block of an array, into the list *items* if there is one."""
        out = self._out
        left = out.fresh("m")
        out.add(f"{left}=b[p]")
        out.add(f"if {left}&129: {left},p=_count(b,p); {left}*=2")
        out.add(f"elif {left}: p+=1")
        with out.block(f"while {left}:"):
            if items:
                each = out.fresh("x")
                self._value(name, shape.item, each)
                out.add(f"{items}.append({each})")
            else:
                self._skip(shape.item)
            out.add(f"{left}-=2")

    def _struct(self, shape: Struct, target: str) -> None:
        prefix = self._out.fresh("s")
        for part in shape.parts:
            self._value(part.name, part.shape, f"{prefix}_{part.name}")
        make = self._layout.class_of(shape.name)
        self._out.add(f"{target}={self._call(make, prefix)}")

    def _made(self) -> str:
        if self._layout.make is tuple:
            names = [f"v_{part.name}" for part in self._layout.parts()]
            return names[0] if len(names) == 1 else f"({','.join(names)})"
        return self._call(self._layout.make, "v")

    def _call(self, make: type, prefix: str) -> str:
        name = self._out.give("make", make)
        if is_dataclass(make):
            return f"{name}({','.join(f'{each.name}={prefix}_{each.name}' for each in fields(make))})"
        names = cast("tuple[str, ...]", vars(make)["_fields"])
        return f"_new({name},({','.join(f'{prefix}_{each}' for each in names)},))"


def compile_run(layout: Layout[T], run: Sequence[Part]) -> Callable[[bytes, int], object]:
    """Decoder of a run alone: a tuple of its values, or the value if it is one."""
    return compile_decoder(
        Layout(record=layout.record, steps=tuple(run), make=cast("type[object]", tuple), nested=layout.nested)
    )

"""What is compiled: the order of fields on the wire, the class they become, and which of them repeat."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from schemas.codegen.shapes import Choice, Maybe, Part, Shape, Struct, Whole

T = TypeVar("T")


class Literal(NamedTuple):
    """Bytes that must stand here; ``meaning`` names them in an error."""

    octets: bytes
    meaning: str


Step: TypeAlias = Part | Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[T]):
    """
    One form of one record.

    Parameters
    ----------
    record
        Its name, for errors.
    steps
        Fields and literal bytes, in the order of the wire.
    make
        Named tuple or dataclass with a field for each part.
    nested
        Class of each nested record; it is called as the record is.
    runs
        Neighbouring fields whose values repeat from record to record. A run is looked up by its bytes and decoded
        only when it is new, so it costs one dictionary hit.
    steady
        Instants that many records share (an hour, a tick): looked up too.
    rest
        The last part is left undecoded: its bytes as they are, to the end. It follows a run, which is known only if
        all its bytes are there, so nothing before it can be torn.

    """

    record: str
    steps: tuple[Step, ...]
    make: type[T]
    nested: tuple[type, ...] = ()
    runs: tuple[tuple[str, ...], ...] = ()
    steady: frozenset[str] = frozenset()
    rest: bool = False

    def parts(self) -> tuple[Part, ...]:
        """The fields, without literals."""
        return tuple(step for step in self.steps if isinstance(step, Part))

    def class_of(self, record: str) -> type:
        """Class of a nested record."""
        return next(each for each in self.nested if each.__name__ == record)

    def segments(self) -> Iterator[tuple[Step, ...]]:
        """The steps, those of a run together."""
        starts = {run[0]: len(run) for run in self.runs}
        index = 0
        while index < len(self.steps):
            step = self.steps[index]
            width = starts.get(step.name, 1) if isinstance(step, Part) else 1
            yield self.steps[index : index + width]
            index += width

    def run_of(self, segment: Sequence[Step]) -> tuple[Part, ...] | None:
        """The parts of *segment* if it is a run."""
        parts = tuple(step for step in segment if isinstance(step, Part))
        return parts if tuple(part.name for part in parts) in self.runs else None


def variant(whole: Struct, fixed: Mapping[str, str | int | None], spread: str = "") -> tuple[Step, ...]:
    r"""
    Steps of a record some of whose fields have a known value; the fields of the nested record *spread* stand flat.

    >>> from schemas.codegen.shapes import Truth
    >>> pair = Struct("P", (Part("kind", Choice("K", ("A", "B")), False, None), Part("on", Truth(), False, None)))
    >>> [step.octets if isinstance(step, Literal) else step.name for step in variant(pair, {"kind": "B"})]
    [b'\x02', 'on']
    """
    steps: list[Step] = []
    for part in whole.parts:
        if part.name in fixed:
            steps.append(Literal(_octets(part.shape, fixed[part.name]), f"{part.name} {fixed[part.name]}"))
        elif part.name == spread and isinstance(part.shape, Maybe) and isinstance(part.shape.item, Struct):
            steps += [Literal(b"\2", f"a {part.name}"), *part.shape.item.parts]
        else:
            steps.append(part)
    return tuple(steps)


def _octets(shape: Shape, value: str | int | None) -> bytes:
    if isinstance(shape, Maybe) and value is None:
        return b"\0"
    if isinstance(shape, Choice) and isinstance(value, str):
        return bytes((shape.symbols.index(value) * 2,))
    if isinstance(shape, Whole) and isinstance(value, int) and 0 <= value < 64:
        return bytes((value * 2,))
    raise ValueError(f"{value!r} is not written as one byte")


@dataclass(slots=True)
class Lines:
    """Python source under construction, with the names that it needs."""

    names: dict[str, object] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)
    _depth: int = 0
    _fresh: int = 0

    def add(self, *lines: str) -> None:
        """Append statements at the present depth."""
        self._lines += [" " * self._depth + line for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is added inside is the body of *head*."""
        self.add(head)
        self._depth += 1
        yield
        self._depth -= 1

    def fresh(self, kind: str) -> str:
        """A name that nobody else has."""
        self._fresh += 1
        return f"{kind}{self._fresh}"

    def give(self, kind: str, value: object) -> str:
        """Make *value* known to the source; its name there."""
        name = self.fresh(f"_{kind}")
        self.names[name] = value
        return name

    def compiled(self, function: str, title: str) -> object:
        """The function of that name; its source shows in tracebacks as ``<title>``."""
        source = "\n".join(self._lines) + "\n"
        file = f"<{title}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self.names)  # noqa: S102 - the source is made here, from our own schemas
        return self.names[function]

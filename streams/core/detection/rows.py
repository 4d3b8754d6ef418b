"""Journal rows of a model: a key and a tuple of primitives, exact to the bit, none large."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Row = tuple[str, tuple[int | float | str | bytes, ...]]
Floats = npt.NDArray[np.float64]

LARGEST = 400_000
"""Bytes of an array in one row; larger arrays are cut along their first axis."""


def packed(key: str, array: Floats) -> list[Row]:
    """Rows that hold *array* under ``key#part``: (parts, shape..., bytes)."""
    flat = np.ascontiguousarray(array, dtype=np.float64)
    parts = max(1, -(-flat.nbytes // LARGEST))
    return [
        (f"{key}#{part}", (parts, *piece.shape, piece.tobytes()))
        for part, piece in enumerate(np.array_split(flat, parts))
    ]


def unpacked(rows: Iterable[Row]) -> dict[str, Floats]:
    """Arrays by key, from the rows of ``packed`` in any order; parts left over from a longer array are dropped."""
    pieces: dict[str, dict[int, tuple[int, Floats]]] = {}
    for name, (parts, *shape, raw) in rows:
        key, part = name.rsplit("#", 1)
        values = np.frombuffer(_bytes(raw), dtype=np.float64).reshape([int(size) for size in shape])
        pieces.setdefault(key, {})[int(part)] = (int(parts), values)
    return {key: _joined(parts) for key, parts in pieces.items()}


def _joined(parts: Mapping[int, tuple[int, Floats]]) -> Floats:
    count = parts[0][0]
    return np.concatenate([parts[part][1] for part in range(count)])


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"a row of numbers ends in bytes, not in {value!r}")
    return value

"""Bad bytes to everything that reads bytes, in a short form; ``make fuzz`` takes its time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.fuzz import Fault, Reader, attack, readers

INPUTS = 250


def test_bad_bytes_are_refused_and_nothing_more(tmp_path: Path) -> None:
    faults: list[Fault] = []
    for reader in readers(tmp_path):
        _, found = attack(reader, random.Random(reader.name), lambda tried: tried < INPUTS)
        faults += found
    assert faults == []


@pytest.mark.parametrize("error", [KeyError, RecursionError, MemoryError])
def test_a_reader_that_crashes_is_found(error: type[Exception]) -> None:
    def reads(data: bytes) -> object:
        if b"\xff" in data:
            raise error
        return data

    _, found = attack(Reader("planted", reads, (b"abcdef",)), random.Random(1), lambda tried: tried < 2_000)
    assert {each.what.split(":")[0] for each in found} == {error.__name__}

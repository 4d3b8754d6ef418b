"""Two years of London's wards as they would be published, and an attack on every small number."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import cache

from support.attack import attacked, banded
from support.files import real, rows_of

from schemas.disclosure import LEFT, SMALL, Shown, Tree, known_of, protected_tree

OFFENCES = {"VIOLENCE WITH INJURY", "ROBBERY OF PERSONAL PROPERTY", "HOMICIDE", "POSSESSION OF WEAPONS"}
Counts = dict[str, dict[str, int]]


@cache
def london() -> dict[str, Counts]:
    """Wards by borough, by offence and month."""
    tables: dict[str, Counts] = defaultdict(lambda: defaultdict(dict))
    for row in rows_of(real("london-mps-ward-monthly-2024-2026.csv.gz")):
        if row["minortext"] in OFFENCES:
            for month in (column for column in row if column.isdigit()):
                place = tables[f"{row['minortext']} {month}"][row["lookup_boroughname"]]
                place[row["wardcode"]] = place.get(row["wardcode"], 0) + int(float(row[month] or 0))
    return tables


@cache
def published() -> dict[str, Tree]:
    return {name: protected_tree(name, counts) for name, counts in london().items()}


def test_no_small_number_of_two_years_can_be_told_from_everything_that_is_published() -> None:
    small = 0
    for name, tree in published().items():
        known = known_of(tree)
        for area, code in banded(tree):
            small += 1
            assert known[code].high - known[code].low >= LEFT - 1, (name, area, code)

    assert small > 20_000


def test_integer_programmes_recover_none_of_a_sample() -> None:
    rnd = random.Random(8)
    for name in rnd.sample(sorted(published()), 12):
        tree = published()[name]
        for area, code in rnd.sample(banded(tree), min(4, len(banded(tree)))):
            low, high = attacked(tree, area, code)
            assert high - low >= LEFT - 1, (name, area, code)


def test_little_more_than_the_small_numbers_is_lost() -> None:
    shown = [cell for tree in published().values() for table in tree.areas.values() for cell in table.parts.values()]
    hidden = sum(cell.shown is Shown.HIDDEN for cell in shown)

    assert hidden / len(shown) < 0.01


def test_without_the_hiding_the_same_attack_finds_small_numbers() -> None:
    given_back = 0
    for counts in london().values():
        for parts in counts.values():
            small = [count for count in parts.values() if count in SMALL]
            given_back += sum(small) in {len(small), 4 * len(small)} and bool(small)

    assert given_back > 100

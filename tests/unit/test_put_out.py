"""When a member that the group puts out takes another process for the reason, and when the link."""

from __future__ import annotations

from itertools import accumulate
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from streams.worker import MOST_REJOINS, PutOut

SESSION, HEARTBEAT = 10.0, 3.0


def raise_it(error: BaseException) -> NoReturn:
    raise error


def put_out_at(times: list[float]) -> None:
    moments = iter(times)
    put_out = PutOut("enrich-1", SESSION, raise_it, lambda: next(moments))
    for _ in times:
        put_out()


@given(st.lists(st.floats(SESSION, 10 * SESSION), max_size=30))
def test_a_link_that_comes_and_goes_is_no_other_process(between: list[float]) -> None:
    put_out_at(list(accumulate(between)))


@given(st.lists(st.floats(0.0, 2 * HEARTBEAT), min_size=MOST_REJOINS, max_size=30), st.floats(0.0, 1e6))
def test_another_process_of_the_same_name_is_told(between: list[float], begun: float) -> None:
    with pytest.raises(UsageError, match="another process runs as enrich-1"):
        put_out_at([begun + each for each in accumulate(between)])

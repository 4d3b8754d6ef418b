"""Calendar months as whole numbers, and the lengths of them."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Month = int
"""Months since year 0: 12 * year + month - 1."""

_WRITTEN = re.compile(r"(\d{4})-?(\d{2})(?:-\d{2})?")


def month(text: str) -> Month:
    """
    The month that a text names.

    >>> month("2010-04") == month("201004") == month("2010-04-01") == 12 * 2010 + 3
    True

    Raises
    ------
    ValueError
        It names none.

    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 12:
        raise ValueError(f"{text!r} is no month: write 2010-04")
    return int(found[1]) * 12 + int(found[2]) - 1


def iso(at: Month) -> str:
    """
    As 2010-04.

    >>> iso(month("201004"))
    '2010-04'
    """
    return f"{at // 12:04}-{at % 12 + 1:02}"


def words(at: Month) -> str:
    """
    As people say it.

    >>> words(month("2020-04"))
    'April 2020'
    """
    return f"{calendar.month_name[at % 12 + 1]} {at // 12}"


def days(months: Iterable[Month]) -> npt.NDArray[np.float64]:
    """Days of each month."""
    return np.array([calendar.monthrange(at // 12, at % 12 + 1)[1] for at in months], dtype=np.float64)


def first_day(at: Month) -> dt.date:
    """The first day of a month."""
    return dt.date(at // 12, at % 12 + 1, 1)

"""The worklist as CSV: exact ids, ISO moments, and no cell that a spreadsheet would run."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.plots.words import is_absent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["worklist_csv"]

# What makes a spreadsheet read a text as a formula, full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def worklist_csv(worklist: pd.DataFrame) -> bytes:
    r"""Write the worklist as UTF-8 CSV with a header and ``\n`` line ends.

    Texts are quoted (``"007"`` keeps its zeros where quotes are honoured); one that begins
    with ``= + - @``, tab or a line break gets a leading ``'``, ids included. Numbers stay numbers,
    missing values are empty, moments are ISO 8601 in UTC, lists are joined by ``"; "``.

    Parameters
    ----------
    worklist : DataFrame of shape (n_customers, n_columns)
        Any columns; the row order is kept.

    Returns
    -------
    bytes

    Examples
    --------
    >>> print(worklist_csv(pd.DataFrame({"customer_id": ["007", "=1+1"], "rank": [1, 2]})).decode())
    "customer_id","rank"
    "007",1
    "'=1+1",2
    <BLANKLINE>
    """
    return "".join(_lines(worklist)).encode()


def _lines(worklist: pd.DataFrame) -> Iterator[str]:
    yield ",".join(_quoted(str(name)) for name in worklist.columns) + "\n"
    columns = [worklist.iloc[:, k].tolist() for k in range(worklist.shape[1])]
    for row in zip(*columns, strict=True):
        yield ",".join(map(_cell, row)) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if is_absent(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        return repr(value.item() if isinstance(value, np.number) else value)
    if isinstance(value, dt.datetime):
        return _iso(pd.Timestamp(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    return _quoted(str(value))


def _iso(at: pd.Timestamp) -> str:
    return at.isoformat() if at.tzinfo is None else at.tz_convert("UTC").isoformat()[:-6] + "Z"


def _quoted(text: str) -> str:
    guarded = "'" + text if text.startswith(_FORMULA) else text
    return '"' + guarded.replace('"', '""') + '"'

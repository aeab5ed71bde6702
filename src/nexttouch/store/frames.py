"""Data frames as rows of a few columns and one JSON text, and back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["from_rows", "to_columns"]

_TEXT = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def to_columns(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Turn a frame into table columns; columns without their own place go to ``detail``.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        ``customer_id`` (unique, text), the named columns, and others of any kind JSON can hold.
    columns : sequence of str
        Columns of the table besides ``run`` and ``detail``.

    Returns
    -------
    dict of str to list of length n_rows
        The named columns and ``detail``, ordered by customer.

    Raises
    ------
    StoreError
        If a column is missing, a customer stands twice, or a value does not fit into JSON.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer_id": ["007"], "tier": ["no_touch"], "u": [float("nan")]})
    >>> to_columns(frame, ["customer_id", "tier"])
    {'customer_id': ['007'], 'tier': ['no_touch'], 'detail': ['{"u": null}']}
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise StoreError(f"The table to be stored misses the column '{missing[0]}'.")
    twice = frame["customer_id"].duplicated()
    if twice.any():
        raise StoreError(f"{int(twice.sum())} customers stand twice in the table to be stored.")
    frame = frame.sort_values("customer_id")
    own = {name: _values(frame[name]) for name in columns}
    empty = [name for name in columns if name != "p_churn" and None in own[name]]
    if empty:
        raise StoreError(f"The column '{empty[0]}' of the table to be stored has missing values.")
    others = {name: _json(frame[name]) for name in frame.columns if name not in own}
    pattern = "{" + ", ".join(_TEXT(name).replace("%", "%%") + ": %s" for name in others) + "}"
    rows = zip(*others.values(), strict=True) if others else [()] * len(frame)
    return {**own, "detail": [pattern % row for row in rows]}


def from_rows(rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Turn rows of ``columns`` and ``detail`` back into a frame, ordered by the first column.

    Examples
    --------
    >>> from_rows([("007", "no_touch", '{"u": null}')], ["customer_id", "tier"]).columns.tolist()
    ['customer_id', 'tier', 'u']
    """
    rows = sorted(rows, key=lambda row: str(row[0]))  # as Python sorts, whatever the database does
    frame = pd.DataFrame([tuple(row)[:-1] for row in rows], columns=list(columns))
    details = json.loads(f"[{','.join(row[-1] for row in rows)}]")
    return frame.join(pd.DataFrame(details, index=frame.index)) if details else frame


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return plain Python values; what is missing or not finite becomes None."""
    if column.dtype.kind == "M":
        return [None if pd.isna(at) else at.isoformat() for at in column]
    if column.dtype.kind == "f":
        numbers = column.to_numpy(np.float64)
        values: list[Any] = numbers.tolist()
        for at in np.flatnonzero(~np.isfinite(numbers)):
            values[at] = None
        return values
    return [_plain(value) for value in column.tolist()]


def _json(column: pd.Series[Any]) -> list[str]:
    """Return the JSON text of each value; numbers keep every bit."""
    values = _values(column)
    if column.dtype.kind == "f":
        return ["null" if value is None else repr(value) for value in values]
    try:
        return [_TEXT(value) for value in values]
    except (TypeError, ValueError) as error:
        raise StoreError(f"The column '{column.name}' does not fit into JSON: {error}.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return None if value is pd.NA or value is pd.NaT else value

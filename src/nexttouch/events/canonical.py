"""Canonical event tables: fixed column names and types, whatever kind of table came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.errors import DataCheckError, nearest
from nexttouch.events.measures import LARGEST_STEPS, scale_of, to_steps
from nexttouch.events.spec import CANONICAL
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.events.log import Measure

__all__ = ["LONGEST_ID", "UTC_US", "canonical_events", "to_arrow"]

UTC_US = pa.timestamp("us", "UTC")
LONGEST_ID = 256
_FIRST_INEXACT = 2**53  # decimal numbers from here on skip whole ones
_TIMES = ("timestamp", "ingested_at")
_NEEDED = ("customer_id", "timestamp", "event")


def to_arrow(table: Any, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a table of any kind (pandas, Polars, DuckDB, Arrow) as an Arrow table.

    Parameters
    ----------
    table : DataFrame or table
        pandas, pyarrow, or anything with ``__arrow_c_stream__``.
    columns : sequence of str, optional
        Keep only these, where the table has them.

    Raises
    ------
    DataCheckError
        If a column mixes types, or the object is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> to_arrow(pd.DataFrame({"customer_id": ["007"]})).column_names
    ['customer_id']
    """
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if not isinstance(table, pa.Table):
        try:
            if hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas knows its missing
                kept = [c for c in table.columns if columns is None or c in columns]
                table = pa.table({str(column): _from_pandas(table[column]) for column in kept})
            elif hasattr(table, "__arrow_c_stream__"):
                table = pa.table(table)
            else:
                msg = (
                    f"{type(table).__name__} is no table; hand over a pandas, Polars or Arrow one."
                )
                raise DataCheckError(msg)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            msg = (
                f"The table cannot be read: {error}. "
                "Make ids text before handing it over: frame[column].astype(str)."
            )
            raise DataCheckError(msg) from error
    if columns is not None:
        table = table.select([c for c in table.column_names if c in columns])
    return table


def canonical_events(
    table: Any, *, measures: Sequence[Measure], time_zone: str, naive_zone: str | None = None
) -> pa.Table:
    """Check a table with canonical column names and give it canonical types.

    Parameters
    ----------
    table : table of shape (n_events, 3+)
        At least ``customer_id``, ``timestamp`` and ``event``; other canonical columns and measures
        where known; further columns are left out.
    measures : sequence of Measure
        ``value`` and the declared ones; numbers come in their own unit, money in major units.
    time_zone : str
        Business zone: a date means its first instant there.
    naive_zone : str, optional
        Zone of times that carry none.

    Returns
    -------
    pyarrow.Table
        Strings, times in microseconds UTC, measures as int64 steps; missing is null.

    Raises
    ------
    DataCheckError
        If a column is missing or unusable, naming the column, the row and the remedy.
    """
    names = {measure.name: measure for measure in measures}
    table = to_arrow(table, (*CANONICAL, *names))
    for needed in _NEEDED:
        if needed not in table.column_names:
            guess = nearest(needed, table.column_names)
            hint = f" Is it '{guess}'?" if guess else ""
            msg = f"The events have no column '{needed}'.{hint} Rename the column or map it."
            raise DataCheckError(msg)
    columns: dict[str, pa.Array] = {}
    for name in CANONICAL:
        if name in names:
            columns[name] = _steps(_column(table, name), names[name], time_zone, naive_zone)
        elif name in _TIMES:
            columns[name] = _times(_column(table, name), name, time_zone, naive_zone)
        else:
            columns[name] = _text(_column(table, name), name)
    for name, measure in names.items():
        if name not in columns:
            columns[name] = _steps(_column(table, name), measure, time_zone, naive_zone)
    for needed in _NEEDED:
        if columns[needed].null_count:
            row = pc.index(pc.is_null(columns[needed]), True).as_py() + 1
            msg = f"Row {row} has no {needed}; leave such rows out, or ingest them to be counted."
            raise DataCheckError(msg)
    _check_ids(columns["customer_id"])
    return pa.table(columns)


def _from_pandas(series: Any) -> pa.Array:
    zone = getattr(series.dtype, "tz", None)
    if zone is None or hasattr(series.dtype, "pyarrow_dtype"):
        return pa.array(series, from_pandas=True)
    return pa.array(series.dt.tz_convert(None).to_numpy(), from_pandas=True).cast(
        UTC_US, safe=False
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows)
    column = table.column(name)
    whole: pa.Array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # nothing to combine
        whole = pa.array([], column.type)
    if pa.types.is_dictionary(whole.type):
        words = whole.dictionary
        if pa.types.is_string_view(words.type):
            words = words.cast(pa.string())
        whole = words.take(whole.indices)
    return whole.cast(pa.string()) if pa.types.is_string_view(whole.type) else whole


def _text(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        top = pc.max(pc.abs(column)).as_py() or 0
        whole = pc.all(pc.equal(column, pc.trunc(column))).as_py()
        if top >= _FIRST_INEXACT or whole is False:
            msg = (
                f"Column '{name}' holds decimal numbers, and an id must be kept exactly. "
                "Read it as text (dtype={column: str}), or as whole numbers."
            )
            raise DataCheckError(msg.replace("{column", "{'" + name + "'"))
        column = column.cast(pa.int64())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        msg = f"Column '{name}' is of type {kind}; hand it over as text."
        raise DataCheckError(msg)
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _times(column: pa.Array, name: str, time_zone: str, naive_zone: str | None) -> pa.Array:
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(UTC_US)
    if pa.types.is_date(kind):
        naive_zone = naive_zone or time_zone
    elif not pa.types.is_timestamp(kind):
        msg = f"Column '{name}' is of type {kind}, not a time; convert it with pandas.to_datetime."
        raise DataCheckError(msg)
    elif kind.tz is not None:
        return column.cast(UTC_US, safe=False)
    if naive_zone is None:
        msg = (
            f"Times in '{name}' carry no zone, so the instant is unknown. "
            "Localise them (dt.tz_localize), or declare customers.timestamps.zone."
        )
        raise DataCheckError(msg)
    wall = column.cast(pa.timestamp("us"), safe=False)
    missing = wall.is_null().to_numpy(zero_copy_only=False)
    instants = zone_table(naive_zone).to_utc(wall.cast(pa.int64()).fill_null(0).to_numpy())
    return pa.array(instants, pa.int64(), mask=missing).cast(UTC_US)


def _steps(column: pa.Array, measure: Measure, time_zone: str, naive_zone: str | None) -> pa.Array:
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.int64())
    if measure.kind == "date":
        return _times(column, measure.name, time_zone, naive_zone).cast(pa.int64())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        msg = f"Column '{measure.name}' is of type {kind}, not a number."
        raise DataCheckError(msg)
    numbers = column.cast(pa.float64(), safe=False)
    numbers = numbers.to_numpy(zero_copy_only=False)
    missing = np.isnan(numbers)
    scale, times = scale_of(measure)
    limit = LARGEST_STEPS / scale if times else LARGEST_STEPS * scale
    bad = np.abs(numbers) > limit
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        msg = f"Row {row + 1} has {numbers[row]} in '{measure.name}'; it must be below {limit:.3g}."
        raise DataCheckError(msg)
    if missing.any():
        return pa.array(to_steps(np.where(missing, 0.0, numbers), measure), mask=missing)
    return pa.array(to_steps(numbers, measure))


def _check_ids(ids: pa.Array) -> None:
    unique = ids.dictionary_encode().dictionary
    for wrong, what in (
        (pc.match_substring(unique, "\0"), "a NUL character"),
        (pc.greater(pc.utf8_length(unique), LONGEST_ID), f"more than {LONGEST_ID} characters"),
    ):
        if pc.any(wrong).as_py():
            example = unique.filter(wrong)[0].as_py()[:40]
            msg = f"Customer id {example!r} has {what}; such ids are refused, never shortened."
            raise DataCheckError(msg)

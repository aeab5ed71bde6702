"""Canonical event tables: the columns every loader and the simulator give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMNS", "canonical_table", "concat_events"]

COLUMNS = {
    "customer_id": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "event": pa.string(),
    "channel": pa.string(),
    "value": pa.float64(),
    "event_id": pa.string(),
    "ingested_at": pa.timestamp("us", tz="UTC"),
    "actor_id": pa.string(),
    "actor_role": pa.string(),
    "properties": pa.string(),
}
"""Names and types of the canonical columns; measures of a data set follow them."""


def canonical_table(columns: Mapping[str, pa.Array | pa.ChunkedArray | pa.Scalar]) -> pa.Table:
    """Give columns their canonical order and types; times without a zone are read as UTC.

    Parameters
    ----------
    columns : mapping of name to Arrow array, each of shape (n_events,)
        A scalar stands for every event. Names that are not canonical are measures and keep
        their type.

    Returns
    -------
    Table of shape (n_events, n_columns)
    """
    size = len(columns["customer_id"])
    ordered = [name for name in COLUMNS if name in columns]
    ordered += [name for name in columns if name not in COLUMNS]
    arrays = {}
    for name in ordered:
        column = columns[name]
        if isinstance(column, pa.Scalar):
            column = pa.repeat(column, size)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        wanted = COLUMNS.get(name, column.type)
        if pa.types.is_timestamp(wanted) and column.type.tz is None:
            column = column.cast(pa.timestamp("us")).cast(wanted)
        arrays[name] = column.cast(wanted)
    return pa.table(arrays)


def concat_events(tables: list[pa.Table]) -> pa.Table:
    """Join canonical tables into one log, ordered by time, customer, event and event id."""
    log = pa.concat_tables(tables, promote_options="default")
    ordered = [name for name in COLUMNS if name in log.column_names]
    ordered += [name for name in log.column_names if name not in COLUMNS]
    keys = [name for name in ("timestamp", "customer_id", "event", "event_id") if name in ordered]
    order = pc.sort_indices(log, sort_keys=[(name, "ascending") for name in keys])
    return log.select(ordered).take(order).combine_chunks()

"""Content order: events sorted by what they say, never by where they stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.events.log import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SortedEvents", "int64_of", "sort_events"]


@dataclass(frozen=True)
class SortedEvents:
    """Rows of a canonical table in content order, and what was found on the way.

    Attributes
    ----------
    order : int64, shape (n_kept,)
        Row of the canonical table at each place.
    customer : int32, shape (n_kept,)
        Customer number (by id, as bytes) at each place.
    customer_ids : array of str, shape (n_customers,)
    repeats : int
        Rows that repeat another in every column; kept unless asked to be dropped.
    redelivered, corrections : int
        Rows left out because their event id had arrived before, with the same or other content.
    lost : int64, shape (redelivered + corrections,)
        These rows of the canonical table, in content order.
    """

    order: NDArray[np.int64]
    customer: NDArray[np.int32]
    customer_ids: NDArray[np.object_]
    repeats: int
    redelivered: int
    corrections: int
    lost: NDArray[np.int64]


def sort_events(
    columns: dict[str, pa.Array],
    measures: Sequence[str],
    *,
    duplicates: Literal["keep", "drop"] = "keep",
) -> SortedEvents:
    """Put canonical rows into content order, one row per event id.

    After what `EventLog` names, ties are broken by the other measures in order of name, the actor
    and the actor's role, so that rows still tied are equal in every column.

    Parameters
    ----------
    columns : dict of pyarrow.Array, each of shape (n_events,)
        Canonical columns and measures.
    measures : sequence of str
        Names of all measures.
    duplicates : {"keep", "drop"}
        What happens to exact repeats without event ids.
    """
    ids = columns["customer_id"].dictionary_encode()
    by_bytes = pc.sort_indices(ids.dictionary).to_numpy()
    rank = np.empty(len(by_bytes), dtype=np.int32)
    rank[by_bytes] = np.arange(len(by_bytes), dtype=np.int32)
    customer = rank[ids.indices.to_numpy()]
    others = sorted(name for name in measures if name != "value" and name in columns)
    levels = (
        ("event", "ingested_at", "channel", "value"),
        ("event_id", "properties", *others, "actor_id", "actor_role"),
    )
    timestamp = int64_of(columns["timestamp"])
    order = np.lexsort((timestamp, customer))
    moment, owner = timestamp[order], customer[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (moment[1:] != moment[:-1]) | (owner[1:] != owner[:-1])
    for level in levels:
        _refine(order, starts, [columns[name] for name in level if name in columns])
    keep, redelivered, corrections = _first_arrivals(columns, order, customer[order])
    group = np.cumsum(starts)[keep]
    order, lost = order[keep], order[~keep]
    first = np.ones(len(order), dtype=bool)
    first[1:] = group[1:] != group[:-1]
    if duplicates == "drop":
        order = order[first]
    repeats = int(len(first) - first.sum())
    names = ids.dictionary.take(pa.array(by_bytes)).to_numpy(zero_copy_only=False)
    return SortedEvents(order, customer[order], names, repeats, redelivered, corrections, lost)


def _refine(order: NDArray[np.int64], starts: NDArray[np.bool_], keys: list[pa.Array]) -> None:
    """Sort rows inside groups of ties by further keys, and mark where groups now start."""
    tied = ~starts
    tied[:-1] |= tied[1:]
    if not tied.any():
        return
    rows = order[tied]
    group = np.cumsum(starts)[tied]
    ranks = [_ranks(key.take(pa.array(rows))) for key in keys if key.null_count < len(key)]
    inner = np.lexsort((*reversed(ranks), group))
    order[tied] = rows[inner]
    differs = starts[tied]
    for values in ranks:
        arranged = values[inner]
        differs[1:] |= arranged[1:] != arranged[:-1]
    starts[tied] = differs


def _first_arrivals(
    columns: dict[str, pa.Array],
    order: NDArray[np.int64],
    customer: NDArray[np.int32],
) -> tuple[NDArray[np.bool_], int, int]:
    """Mark the rows to keep: of one customer's rows with one event id, the first to arrive."""
    keep = np.ones(len(order), dtype=bool)
    event_id = columns["event_id"]
    if event_id.null_count == len(event_id):
        return keep, 0, 0
    ids = event_id.dictionary_encode()
    if len(ids.dictionary) == len(event_id) - event_id.null_count:
        return keep, 0, 0
    code = ids.indices.fill_null(-1).to_numpy()[order].astype(np.int64)
    places = np.flatnonzero(code >= 0)
    arrived = int64_of(columns["ingested_at"])[order]
    arrived = np.where(arrived == MISSING, int64_of(columns["timestamp"])[order], arrived)
    by_id = places[np.lexsort((places, arrived[places], code[places], customer[places]))]
    again = np.zeros(len(by_id), dtype=bool)
    again[1:] = (code[by_id[1:]] == code[by_id[:-1]]) & (
        customer[by_id[1:]] == customer[by_id[:-1]]
    )
    if not again.any():
        return keep, 0, 0
    first = by_id[np.maximum.accumulate(np.where(again, 0, np.arange(len(by_id))))]
    losers, winners = by_id[again], first[again]
    same = np.ones(len(losers), dtype=bool)
    for name, column in columns.items():
        if name not in {"customer_id", "event_id", "ingested_at"} and column.null_count < len(
            column
        ):
            ranks = _ranks(column.take(pa.array(order[np.concatenate([losers, winners])])))
            same &= ranks[: len(losers)] == ranks[len(losers) :]
    keep[losers] = False
    return keep, int(same.sum()), int((~same).sum())


def _ranks(column: pa.Array) -> NDArray[np.int64]:
    """Return numbers in the order of the values: byte order for text, missing first."""
    if not pa.types.is_string(column.type):
        return int64_of(column)
    coded = column.dictionary_encode()
    rank = np.empty(len(coded.dictionary), dtype=np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    codes = coded.indices.fill_null(-1).to_numpy()
    ranks: NDArray[np.int64] = np.where(codes < 0, -1, rank[codes] if len(rank) else -1)
    return ranks


def int64_of(column: pa.Array) -> NDArray[np.int64]:
    """Return whole numbers or instants, `MISSING` where absent."""
    whole = column if pa.types.is_int64(column.type) else column.cast(pa.int64())
    values: NDArray[np.int64] = whole.fill_null(int(MISSING)).to_numpy()
    return values

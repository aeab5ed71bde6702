"""Segments of one partition put into one content order, at the price of the smaller ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nexttouch.events.build import actor_numbers
from nexttouch.events.order import sort_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from nexttouch.engine.segments import CustomerIndex

__all__ = ["Merged", "merge", "merged_actors", "whole"]


@dataclass(frozen=True, eq=False)
class Merged:
    """The order of several segments' rows.

    Attributes
    ----------
    customer_ids : array of str, shape (n_customers,)
    offsets : int64, shape (n_customers + 1,)
    order : int64, shape (n_events,)
        Place in the concatenated segments of the row at each place.
    shared : bool, shape (n_customers,)
        Customers with events in more than one segment.
    """

    customer_ids: NDArray[np.object_]
    offsets: NDArray[np.int64]
    order: NDArray[np.int64]
    shared: NDArray[np.bool_]

    @property
    def customer(self) -> NDArray[np.int32]:
        """Customer number of each event, shape (n_events,)."""
        numbers = np.arange(len(self.customer_ids), dtype=np.int32)
        return np.repeat(numbers, np.diff(self.offsets))


def merge(
    indexes: Sequence[CustomerIndex],
    timestamp_us: NDArray[np.int64],
    content: Callable[[NDArray[np.int64]], pa.Table],
    measures: Sequence[str],
) -> Merged:
    """Find the content order of two or more segments, none of which repeats another's event ids.

    Parameters
    ----------
    indexes : sequence of CustomerIndex
        Of the segments, the largest first.
    timestamp_us : int64, shape (n_events,)
        Of the concatenated segments.
    content : callable
        Returns the canonical columns of rows given by their sorted places in the concatenated
        segments; asked only for rows of different segments that tell the same customer and time.
    measures : sequence of str
        Names of all measures.
    """
    base, n_base = indexes[0], int(indexes[0].offsets[-1])
    ids, customer, twice = _stacked(indexes[1:])
    later = np.lexsort((timestamp_us[n_base:], customer))
    customer, moment = customer[later], timestamp_us[n_base:][later]
    at, known = base.find(ids)
    low = base.offsets[at]
    high = np.where(known, base.offsets[np.minimum(at + 1, len(base.ids))], low)
    place = _after(timestamp_us, low[customer], high[customer], moment)
    inserted = place + np.arange(len(place))
    order = np.empty(len(timestamp_us), np.int64)
    taken = np.zeros(len(order), bool)
    taken[inserted] = True
    order[inserted], order[~taken] = later + n_base, np.arange(n_base)
    new = ~known
    counts = np.insert(np.diff(base.offsets), at[new], 0)
    shared = np.zeros(len(counts), bool)
    number = at + np.cumsum(new) - new
    counts[number] += np.bincount(customer, minlength=len(ids))
    shared[number] = known | twice
    merged = Merged(
        np.insert(base.ids, at[new], ids[new]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        order,
        shared,
    )
    segment = np.repeat(np.arange(len(indexes)), [int(index.offsets[-1]) for index in indexes])

    def sort(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        table = content(rows)
        columns = {name: whole(table.column(name)) for name in table.column_names}
        return sort_events(columns, measures).order

    _settle_ties(merged, timestamp_us, segment, inserted, sort)
    return merged


def merged_actors(
    merged: Merged, actor: NDArray[np.int32], people: Callable[[NDArray[np.int64]], pa.Array]
) -> NDArray[np.int32]:
    """Count people by first appearance, for customers with events in several segments.

    Parameters
    ----------
    merged : Merged
    actor : int32, shape (n_events,)
        Numbers within each segment, in the merged order.
    people : callable
        Returns ``actor_id`` of rows given by their places in the concatenated segments.
    """
    customer = merged.customer
    places = np.flatnonzero(merged.shared[customer])
    if not (actor[places] >= 0).any():
        return actor
    column = people(merged.order[places])
    actor = actor.copy()
    actor[places] = actor_numbers(column, np.arange(len(places)), customer[places])
    return actor


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    combined = column.combine_chunks()
    return pa.array([], column.type) if isinstance(combined, pa.ChunkedArray) else combined


def _stacked(
    indexes: Sequence[CustomerIndex],
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the ids of several segments, each row's number among them, and who is in several."""
    stacked = np.concatenate([index.ids for index in indexes])
    ids, number, times = np.unique(stacked, return_inverse=True, return_counts=True)
    counts = np.concatenate([np.diff(index.offsets) for index in indexes])
    return ids, np.repeat(number, counts), times > 1


def _after(
    values: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return, per wanted number, the place after the last value in ``[low, high)`` up to it."""
    low, high = low.copy(), high.copy()
    while (searching := low < high).any():
        middle = (low + high) // 2
        right = values[np.where(searching, middle, 0)] <= wanted
        low = np.where(searching & right, middle + 1, low)
        high = np.where(searching & ~right, middle, high)
    return low


def _settle_ties(
    merged: Merged,
    timestamp_us: NDArray[np.int64],
    segment: NDArray[np.int64],
    inserted: NDArray[np.int64],
    sort: Callable[[NDArray[np.int64]], NDArray[np.int64]],
) -> None:
    """Order, by what they say, rows of several segments that tell the same customer and time."""
    order, first = merged.order, merged.offsets[:-1]
    later = inserted[inserted > 0]
    here, before = order[later], order[later - 1]
    met = (timestamp_us[here] == timestamp_us[before]) & (segment[here] != segment[before])
    met[np.isin(later, first)] = False
    if not met.any():
        return
    starts = np.ones(len(order), bool)
    moment = timestamp_us[order]
    starts[1:] = moment[1:] != moment[:-1]
    starts[first] = True
    group = np.cumsum(starts)
    tied = np.zeros(group[-1] + 1, bool)
    tied[group[later[met]]] = True
    places = np.flatnonzero(tied[group])
    rows = np.sort(order[places])
    order[places] = rows[sort(rows)]

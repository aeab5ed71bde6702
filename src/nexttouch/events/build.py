"""Events in content order: the one place where a table becomes the arrays that kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from nexttouch.errors import DataCheckError
from nexttouch.events.canonical import canonical_events
from nexttouch.events.log import MISSING, EventLog, Measure, Vocabulary
from nexttouch.events.order import SortedEvents, int64_of, sort_events
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["OTHER", "BuiltLog", "actor_numbers", "build", "build_log"]

OTHER = "other"
"""Reserved name of events and channels that a given vocabulary does not know."""

_MOST_NAMES = 60_000
_VALUE = Measure("value", "money", 0.01)


@dataclass(frozen=True)
class BuiltLog:
    """A log, and the names its vocabulary did not know with how often each occurred."""

    log: EventLog
    sorted: SortedEvents
    unknown_events: dict[str, int]
    unknown_channels: dict[str, int]


def build_log(
    table: Any,
    *,
    vocabulary: Vocabulary | None = None,
    time_zone: str = "UTC",
    measures: Sequence[Measure] = (_VALUE,),
    naive_zone: str | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
) -> EventLog:
    """Build the log of a canonical table: the request path, and small data in memory.

    Parameters
    ----------
    table : table of shape (n_events, 3+)
        Canonical columns, in any order, of any kind (pandas, Polars, Arrow).
    vocabulary : Vocabulary, optional
        Names that have a code already; other names become ``other``. By default the names found.
    time_zone : str
        Business zone of local days and hours.
    measures : sequence of Measure
        Used when no vocabulary is given.
    naive_zone : str, optional
        Zone of times that carry none; without it they are refused.
    duplicates : {"keep", "drop"}
        What happens to exact repeats without event ids.

    Returns
    -------
    EventLog

    Raises
    ------
    DataCheckError
        If the table breaks the contract of canonical events.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"customer_id": ["b", "007"], "event": "purchase", "value": 9.99,
    ...     "timestamp": pd.to_datetime(["2025-03-02", "2025-03-01"], utc=True)})
    >>> log = build_log(events)
    >>> log.customer_ids.tolist(), log.measures.tolist()
    (['007', 'b'], [[999, 999]])
    """
    return build(
        canonical_events(
            table,
            measures=vocabulary.measures if vocabulary else measures,
            time_zone=time_zone,
            naive_zone=naive_zone,
        ),
        vocabulary=vocabulary,
        measures=measures,
        time_zone=time_zone,
        duplicates=duplicates,
    ).log


def build(
    canonical: pa.Table,
    *,
    vocabulary: Vocabulary | None,
    measures: Sequence[Measure] = (_VALUE,),
    time_zone: str,
    duplicates: Literal["keep", "drop"] = "keep",
) -> BuiltLog:
    """Build the log of an already canonical table (see `canonical_events`) and count surprises.

    Examples
    --------
    >>> import pandas as pd
    >>> events = canonical_events(pd.DataFrame({"customer_id": ["a"], "event": ["surprise"],
    ...     "timestamp": pd.to_datetime(["2025-03-02"], utc=True)}), measures=(), time_zone="UTC")
    >>> built = build(events, vocabulary=Vocabulary(("purchase",)), time_zone="UTC")
    >>> built.unknown_events, built.log.vocabulary.events
    ({'surprise': 1}, ('purchase', 'other'))
    """
    measures = vocabulary.measures if vocabulary else tuple(measures)
    columns = {name: _whole(canonical.column(name)) for name in canonical.column_names}
    found = sort_events(columns, [m.name for m in measures], duplicates=duplicates)
    order = found.order
    events, event_codes, unknown_events = _codes(
        columns["event"], order, vocabulary.events if vocabulary else None, ()
    )
    channels, channel_codes, unknown_channels = _codes(
        columns["channel"], order, vocabulary.channels if vocabulary else None, ("",)
    )
    timestamp_us = int64_of(columns["timestamp"])[order]
    arrived_us = int64_of(columns["ingested_at"])[order]
    day, hour = zone_table(time_zone).local_day_and_hour(timestamp_us)
    values = np.empty((len(measures), len(order)), dtype=np.int64)
    for row, measure in enumerate(measures):
        at = columns.get(measure.name)
        values[row] = MISSING if at is None else int64_of(at)[order]
    counts = np.bincount(found.customer, minlength=len(found.customer_ids))
    log = EventLog(
        customer_ids=found.customer_ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        timestamp_us=timestamp_us,
        arrived_us=np.where(arrived_us == MISSING, timestamp_us, arrived_us),
        event=event_codes,
        channel=channel_codes,
        local_day=day,
        local_hour=hour,
        measures=values,
        actor=actor_numbers(columns["actor_id"], order, found.customer),
        vocabulary=Vocabulary(events, channels, measures),
    )
    return BuiltLog(log, found, unknown_events, unknown_channels)


def _codes(
    column: pa.Array,
    order: NDArray[np.int64],
    known: tuple[str, ...] | None,
    reserved: tuple[str, ...],
) -> tuple[tuple[str, ...], NDArray[np.uint16], dict[str, int]]:
    """Return the names, each row's code and the names that were not known with their counts."""
    coded = column.dictionary_encode()
    found = coded.dictionary.to_pylist()
    indices = coded.indices.fill_null(len(found)).to_numpy()[order]
    names = (*reserved, *sorted(found)) if known is None else known
    code_of = {name: code for code, name in enumerate(names)}
    strange = [at for at, name in enumerate(found) if name not in code_of]
    unknown: dict[str, int] = {}
    if strange:
        counts = np.bincount(indices, minlength=len(found) + 1)
        unknown = {found[at]: int(counts[at]) for at in strange}
        if OTHER not in code_of:
            code_of[OTHER] = len(names)
            names = (*names, OTHER)
    if len(names) > _MOST_NAMES:
        msg = f"{len(names)} different event or channel names; is an id mapped as a name?"
        raise DataCheckError(msg)
    codes = [code_of.get(name, code_of.get(OTHER, 0)) for name in found]
    return names, np.array([*codes, 0], dtype=np.uint16)[indices], unknown


def actor_numbers(
    column: pa.Array, order: NDArray[np.int64], customer: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Count each customer's people by first appearance; -1 where the person is unknown.

    Parameters
    ----------
    column : pyarrow.Array of str, shape (n_rows,)
        Who acted.
    order : int64, shape (n_kept,)
        Row at each place, grouped by customer.
    customer : int32, shape (n_kept,)
        Customer number at each place.

    Returns
    -------
    int32, shape (n_kept,)

    Examples
    --------
    >>> people = pa.array(["ann", None, "bob", "ann"])
    >>> actor_numbers(people, np.array([2, 0, 1, 3]), np.zeros(4, np.int32)).tolist()
    [0, 1, -1, 1]
    """
    if column.null_count == len(column):
        return np.full(len(order), -1, dtype=np.int32)
    coded = column.dictionary_encode()
    person = coded.indices.fill_null(-1).to_numpy()[order].astype(np.int64)
    pair = customer * np.int64(len(coded.dictionary)) + person
    known = np.flatnonzero(person >= 0)
    _, first, inverse = np.unique(pair[known], return_index=True, return_inverse=True)
    by_place = np.argsort(first)  # pairs in order of appearance, so grouped by customer
    owner = customer[known[first[by_place]]]
    number = np.empty(len(first), dtype=np.int64)
    number[by_place] = np.arange(len(first)) - np.searchsorted(owner, owner)
    actor = np.full(len(order), -1, dtype=np.int32)
    actor[known] = number[inverse]
    return actor


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.array([], column.type) if isinstance(whole, pa.ChunkedArray) else whole

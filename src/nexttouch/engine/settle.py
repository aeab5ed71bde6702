"""What new rows mean for rows that are there: repeats, redelivered events and corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from nexttouch.engine.fingerprints import fingerprints
from nexttouch.engine.merge import whole
from nexttouch.events.order import int64_of, sort_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.engine.manifest import Segment
    from nexttouch.engine.segments import SegmentReader

__all__ = ["Settled", "settle"]


@dataclass(frozen=True, eq=False)
class Settled:
    """New rows, told apart by comparison with the rows of the store.

    Attributes
    ----------
    kept : pyarrow.Table
        Rows for a new segment.
    lost : pyarrow.Table
        Rows whose event id had arrived before.
    customers : int
        Customers the store did not know.
    counts : tuple of int, or None
        Repeats, redelivered rows and corrections that the new rows add; None when nothing of the
        store had to be compared, so that the segment's own counts hold.
    """

    kept: pa.Table
    lost: pa.Table
    customers: int
    counts: tuple[int, int, int] | None = None


def settle(
    reader: SegmentReader,
    segments: Sequence[Segment],
    new: pa.Table,
    measures: Sequence[str],
    duplicates: Literal["keep", "drop"],
) -> Settled | None:
    """Compare new rows with the few rows of the store they may repeat or correct.

    Only customers are read who have a new row with an event id that the store may know, or with a
    time that is not after their last event.

    Parameters
    ----------
    reader : SegmentReader
    segments : sequence of Segment
        Of one partition.
    new : pyarrow.Table
        Canonical rows of that partition.
    measures : sequence of str
        Names of all measures.
    duplicates : {"keep", "drop"}

    Returns
    -------
    Settled or None
        None when a row of the store has to go, because a new one with its event id arrived before
        it: then the partition must be written anew.
    """
    coded = whole(new.column("customer_id")).dictionary_encode()
    ids = coded.dictionary.to_numpy(zero_copy_only=False)
    owner = coded.indices.to_numpy()
    moment = int64_of(whole(new.column("timestamp")))
    marks = fingerprints(whole(new.column("customer_id")), whole(new.column("event_id")))
    known = np.zeros(len(ids), bool)
    doubtful = np.zeros(len(ids), bool)
    for segment in segments:
        index = reader.index(segment)
        at, here = index.find(ids)
        known |= here
        last = np.full(len(ids), np.iinfo(np.int64).min)
        last[here] = index.last_us[at[here]]
        late = here[owner] & (moment <= last[owner])
        doubtful[owner[late | _among(reader.ids(segment), marks)]] = True
    customers = int((~known).sum())
    if not doubtful.any():
        return Settled(new, new.slice(0, 0), customers)
    old = _rows_of(reader, segments, ids[doubtful], new.schema)
    before = sort_events(_columns(old), measures).repeats
    found = sort_events(_columns(pa.concat_tables([old, new])), measures, duplicates=duplicates)
    of_new = found.order >= old.num_rows
    if int((~of_new).sum()) < old.num_rows:
        return None
    kept = new.take(pa.array(found.order[of_new] - old.num_rows))
    lost = new.take(pa.array(found.lost - old.num_rows))
    counts = (found.repeats - before, found.redelivered, found.corrections)
    return Settled(kept, lost, customers, counts)


def _among(sorted_marks: NDArray[np.uint64], marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(sorted_marks):
        return np.zeros(len(marks), bool)
    at = np.minimum(np.searchsorted(sorted_marks, marks), len(sorted_marks) - 1)
    return np.asarray((sorted_marks[at] == marks) & (marks > 0), bool)


def _rows_of(
    reader: SegmentReader,
    segments: Sequence[Segment],
    ids: NDArray[np.object_],
    schema: pa.Schema,
) -> pa.Table:
    """Return the canonical rows of some customers."""
    tables = [schema.empty_table()]
    for segment in segments:
        at, here = reader.index(segment).find(ids)
        if here.any():
            tables.append(reader.events_of(segment, np.sort(at[here]), schema.names).cast(schema))
    return pa.concat_tables(tables)


def _columns(rows: pa.Table) -> dict[str, pa.Array]:
    return {name: whole(rows.column(name)) for name in rows.column_names}

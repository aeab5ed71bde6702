"""Reading segments: whole columns, or only the row groups that hold some customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nexttouch.engine.files import verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nexttouch.engine.manifest import Segment

__all__ = ["CustomerIndex", "SegmentReader"]


@dataclass(frozen=True, eq=False)
class CustomerIndex:
    """Customers of a segment: sorted ids, where their rows are, and when their last event was."""

    ids: NDArray[np.object_]
    offsets: NDArray[np.int64]
    last_us: NDArray[np.int64]

    def find(
        self, customer_ids: NDArray[np.object_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each id's place in the sorted ids, and whether it is there."""
        at = np.searchsorted(self.ids, customer_ids)
        if not len(self.ids):
            return at, np.zeros(len(customer_ids), bool)
        known = self.ids[np.minimum(at, len(self.ids) - 1)] == customer_ids
        return at, np.asarray(known & (at < len(self.ids)), bool)


class SegmentReader:
    """Verified segments of one store; indexes of customers are kept after the first reading."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self._indexes: dict[str, CustomerIndex] = {}

    def index(self, segment: Segment) -> CustomerIndex:
        """Return a segment's customers."""
        path = verified(self.store, segment.customers)
        found = self._indexes.get(segment.customers.path)
        if found is None:
            table = pq.read_table(path)
            counts = table.column("events").to_numpy()
            found = CustomerIndex(
                table.column("customer_id").to_numpy(),
                np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
                table.column("last_us").to_numpy(),
            )
            self._indexes[segment.customers.path] = found
        return found

    def ids(self, segment: Segment) -> NDArray[np.uint64]:
        """Return the sorted fingerprints of a segment's event ids."""
        if segment.ids is None:
            return np.zeros(0, np.uint64)
        found: NDArray[np.uint64] = (
            pq.read_table(verified(self.store, segment.ids)).column("id").to_numpy()
        )
        return found

    def events(self, segment: Segment, names: Sequence[str]) -> pa.Table:
        """Return columns of all rows, in content order."""
        return pq.read_table(verified(self.store, segment.events), columns=list(names))

    def aside(self, segment: Segment, names: Sequence[str]) -> pa.Table | None:
        """Return columns of the rows that lost their event id, if there are any."""
        if segment.aside is None:
            return None
        return pq.read_table(verified(self.store, segment.aside), columns=list(names))

    def events_of(
        self, segment: Segment, customers: NDArray[np.int64], names: Sequence[str]
    ) -> pa.Table:
        """Return columns of some customers' rows, given by their numbers in the segment, sorted."""
        offsets = self.index(segment).offsets
        starts, counts = offsets[customers], offsets[customers + 1] - offsets[customers]
        skipped = np.cumsum(counts) - counts
        rows = np.repeat(starts - skipped, counts) + np.arange(counts.sum())
        with pq.ParquetFile(verified(self.store, segment.events)) as file:
            sizes = np.array(
                [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            )
            ends = np.cumsum(sizes)
            group = np.searchsorted(ends, rows, side="right")
            wanted = np.unique(group)
            table = file.read_row_groups(wanted.tolist(), columns=list(names)).select(list(names))
        before = np.zeros(len(sizes), np.int64)
        before[wanted] = np.cumsum(sizes[wanted]) - sizes[wanted]
        local = rows - (ends - sizes)[group] + before[group]
        if len(local) and local[-1] - local[0] == len(local) - 1:
            return table.slice(int(local[0]), len(local))
        return table.take(pa.array(local))

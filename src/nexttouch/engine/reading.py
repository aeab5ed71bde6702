"""Logs from segments: of a whole partition, or of one customer, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.engine.merge import merge, merged_actors, whole
from nexttouch.engine.segments import SegmentReader
from nexttouch.engine.write import row_schema
from nexttouch.events.build import actor_numbers
from nexttouch.events.log import MISSING, EventLog
from nexttouch.events.order import sort_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nexttouch.engine.manifest import Segment
    from nexttouch.events.log import Vocabulary

__all__ = ["LogReader"]

Number = TypeVar("Number", bound=np.generic)

_CODES: dict[str, type[np.integer[Any]]] = {
    "event_code": np.uint16,
    "channel_code": np.uint16,
    "local_day": np.int32,
    "local_hour": np.int8,
    "actor_number": np.int32,
}
_LOG_COLUMNS = ("timestamp", "ingested_at", *_CODES)


class LogReader(SegmentReader):
    """Reads what several segments of a partition hold as if it were one.

    Attributes
    ----------
    store : Path
    vocabulary : Vocabulary
        Of the store.
    """

    def __init__(self, store: Path, vocabulary: Vocabulary) -> None:
        super().__init__(store)
        self.vocabulary = vocabulary

    def log(self, segments: Sequence[Segment]) -> EventLog:
        """Return all events of one partition's segments, given the largest first."""
        measures = self.vocabulary.measures
        names = [*_LOG_COLUMNS, *(m.name for m in measures)]
        if not segments:
            none = np.array([], dtype=object)
            return self._log(none, np.zeros(1, np.int64), self._arrays(self._empty(names)))
        indexes = [self.index(segment) for segment in segments]
        table = pa.concat_tables([self.events(segment, names) for segment in segments])
        arrays = self._arrays(table)
        if len(segments) == 1:
            return self._log(indexes[0].ids, indexes[0].offsets, arrays)

        def content(rows: NDArray[np.int64], kept: list[str] | None = None) -> pa.Table:
            kept = kept or row_schema(measures).names
            tables = [self.events(segment, kept) for segment in segments]
            return pa.concat_tables(tables).take(pa.array(rows))

        merged = merge(indexes, arrays["timestamp"], content, [m.name for m in measures])
        arrays = {name: array[merged.order] for name, array in arrays.items()}
        arrays["actor_number"] = merged_actors(
            merged,
            arrays["actor_number"],
            lambda rows: whole(content(rows, ["actor_id"]).column("actor_id")),
        )
        return self._log(merged.customer_ids, merged.offsets, arrays)

    def log_of(self, segments: Sequence[Segment], customer_id: str) -> EventLog | None:
        """Return one customer's events, or None when the segments do not hold the id."""
        names = (*_LOG_COLUMNS, *(m.name for m in self.vocabulary.measures))
        table = self.rows_of(segments, customer_id, names)
        if table is None:
            return None
        offsets = np.array([0, table.num_rows], dtype=np.int64)
        return self._log(np.array([customer_id], dtype=object), offsets, self._arrays(table))

    def rows_of(
        self, segments: Sequence[Segment], customer_id: str, names: Sequence[str]
    ) -> pa.Table | None:
        """Return one customer's rows in content order, at least these columns of them.

        Only the row groups that hold the customer are read.
        """
        tables: list[pa.Table] = []
        measures = self.vocabulary.measures
        if len(segments) > 1:
            names = list(dict.fromkeys((*names, *row_schema(measures).names)))
        for segment in segments:
            at, known = self.index(segment).find(np.array([customer_id], dtype=object))
            if known[0]:
                tables.append(self.events_of(segment, at, names))
        if len(tables) < 2:
            return tables[0] if tables else None
        table = pa.concat_tables(tables)
        columns = {name: whole(table.column(name)) for name in row_schema(measures).names}
        found = sort_events(columns, [m.name for m in measures])
        actor = actor_numbers(columns["actor_id"], found.order, found.customer)
        table = table.take(pa.array(found.order))
        if "actor_number" in names:
            place = table.schema.get_field_index("actor_number")
            table = table.set_column(place, "actor_number", pa.array(actor))
        return table

    def _arrays(self, table: pa.Table) -> dict[str, NDArray[Any]]:
        """Turn stored columns into the arrays of a log."""
        arrays = {name: _plain(table, name, kind) for name, kind in _CODES.items()}
        whole_numbers = ("timestamp", "ingested_at", *(m.name for m in self.vocabulary.measures))
        return arrays | {name: _int64(table, name) for name in whole_numbers}

    def _log(
        self, ids: NDArray[np.object_], offsets: NDArray[np.int64], arrays: dict[str, NDArray[Any]]
    ) -> EventLog:
        """Name the arrays of a log."""
        timestamp_us, arrived_us = arrays["timestamp"], arrays["ingested_at"]
        values = np.empty((len(self.vocabulary.measures), len(timestamp_us)), dtype=np.int64)
        for row, measure in enumerate(self.vocabulary.measures):
            values[row] = arrays[measure.name]
        return EventLog(
            customer_ids=ids,
            offsets=offsets,
            timestamp_us=timestamp_us,
            arrived_us=np.where(arrived_us == MISSING, timestamp_us, arrived_us),
            event=arrays["event_code"],
            channel=arrays["channel_code"],
            local_day=arrays["local_day"],
            local_hour=arrays["local_hour"],
            measures=values,
            actor=arrays["actor_number"],
            vocabulary=self.vocabulary,
        )

    def _empty(self, names: Sequence[str]) -> pa.Table:
        kinds = {field.name: field.type for field in row_schema(self.vocabulary.measures)}
        kinds |= {name: pa.from_numpy_dtype(kind) for name, kind in _CODES.items()}
        return pa.table({name: pa.array([], kinds[name]) for name in names})


def _int64(table: pa.Table, name: str) -> NDArray[np.int64]:
    column = table.column(name).cast(pa.int64())
    values: NDArray[np.int64] = pc.fill_null(column, int(MISSING)).to_numpy()
    return values


def _plain(table: pa.Table, name: str, kind: type[Number]) -> NDArray[Number]:
    values: NDArray[Any] = table.column(name).to_numpy()
    return values.astype(kind, copy=False)

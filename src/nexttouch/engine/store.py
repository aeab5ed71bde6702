"""The event store: sorted Parquet partitions of customers, each file verified before use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.engine.files import verified
from nexttouch.engine.manifest import Manifest, partition_of
from nexttouch.engine.merge import merge, merged_actors, whole
from nexttouch.engine.segments import SegmentReader
from nexttouch.engine.write import row_schema
from nexttouch.events.build import actor_numbers
from nexttouch.events.canonical import UTC_US
from nexttouch.events.log import MISSING, EventLog
from nexttouch.events.measures import to_number
from nexttouch.events.order import sort_events
from nexttouch.events.report import LogSummary
from nexttouch.events.spec import CANONICAL, CustomersSpec, MappingSpec, MeasureSpec, SourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nexttouch.engine.manifest import Segment
    from nexttouch.events.log import Vocabulary

__all__ = ["EventStore"]

Number = TypeVar("Number", bound=np.generic)

_CODES: dict[str, type[np.integer[Any]]] = {
    "event_code": np.uint16,
    "channel_code": np.uint16,
    "local_day": np.int32,
    "local_hour": np.int8,
    "actor_number": np.int32,
}
_LOG_COLUMNS = ("timestamp", "ingested_at", *_CODES)


class EventStore:
    """Read events by partition or by customer. Open with `EventStore.open`.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._reader = SegmentReader(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a store as it is now; later ingests do not change what this object reads.

        Raises
        ------
        DataCheckError
            If there is no store.
        DamagedStoreError
            If its manifest was changed.

        Examples
        --------
        >>> EventStore.open("/nowhere")
        Traceback (most recent call last):
        nexttouch.errors.DataCheckError: [NT200] There is no event store in /nowhere. ...
        """
        return cls(Path(path), Manifest.read(Path(path)))

    @property
    def vocabulary(self) -> Vocabulary:
        """Names behind the codes."""
        return self.manifest.vocabulary

    @property
    def observed_from_us(self) -> int:
        """The log is complete from this instant, microseconds UTC."""
        return self.manifest.observed_from_us

    @property
    def observed_until_us(self) -> int:
        """The log is complete before this instant, microseconds UTC."""
        return self.manifest.observed_until_us

    @property
    def time_zone(self) -> str:
        """Business zone."""
        return self.manifest.time_zone

    @property
    def currency(self) -> str:
        """Currency of all money."""
        return self.manifest.currency

    @property
    def digest(self) -> str:
        """Hash of the manifest, and so of every event."""
        return self.manifest.digest

    @property
    def summary(self) -> LogSummary:
        """Size and span."""
        return LogSummary(**self.manifest.summary)

    @property
    def n_events(self) -> int:
        """Count the events."""
        return self.summary.events

    @property
    def n_customers(self) -> int:
        """Count the customers."""
        return self.summary.customers

    @property
    def partitions(self) -> int:
        """Count the partitions, those without customers included."""
        return len(self.manifest.partitions)

    def read(self, partition: int) -> EventLog:
        """Return the events of one partition's customers, in one order whatever the segments.

        Raises
        ------
        DamagedStoreError
            If a file is not what was written.
        """
        segments = self._segments(partition)
        measures = self.vocabulary.measures
        names = [*_LOG_COLUMNS, *(m.name for m in measures)]
        if not segments:
            none = np.array([], dtype=object)
            return self._log(none, np.zeros(1, np.int64), self._arrays(self._empty_table(names)))
        indexes = [self._reader.index(segment) for segment in segments]
        table = pa.concat_tables([self._reader.events(segment, names) for segment in segments])
        arrays = self._arrays(table)
        if len(segments) == 1:
            return self._log(indexes[0].ids, indexes[0].offsets, arrays)

        def content(rows: NDArray[np.int64], kept: list[str] | None = None) -> pa.Table:
            kept = kept or row_schema(measures).names
            tables = [self._reader.events(segment, kept) for segment in segments]
            return pa.concat_tables(tables).take(pa.array(rows))

        merged = merge(indexes, arrays["timestamp"], content, [m.name for m in measures])
        arrays = {name: array[merged.order] for name, array in arrays.items()}
        arrays["actor_number"] = merged_actors(
            merged,
            arrays["actor_number"],
            lambda rows: whole(content(rows, ["actor_id"]).column("actor_id")),
        )
        return self._log(merged.customer_ids, merged.offsets, arrays)

    def logs(self) -> Iterator[EventLog]:
        """Yield the events of every partition that has customers."""
        for partition in range(self.partitions):
            if self._segments(partition):
                yield self.read(partition)

    def customer(self, customer_id: str) -> EventLog | None:
        """Return one customer's events, or None when the store does not know the id."""
        names = (*_LOG_COLUMNS, *(m.name for m in self.vocabulary.measures))
        table = self._rows_of(customer_id, names)
        if table is None:
            return None
        offsets = np.array([0, table.num_rows], dtype=np.int64)
        return self._log(np.array([customer_id], dtype=object), offsets, self._arrays(table))

    def table(self, customer_ids: Sequence[str]) -> pa.Table:
        """Return canonical source rows of some customers; `source_spec` reads them back.

        Unknown ids have no rows. Money is in major units again.
        """
        measures = {m.name: m for m in self.vocabulary.measures}
        names = list(dict.fromkeys((*CANONICAL, *measures)))
        found = (self._rows_of(customer_id, names) for customer_id in dict.fromkeys(customer_ids))
        tables = [table for table in found if table is not None]
        rows = pa.concat_tables([self._empty_table(names), *tables]).combine_chunks()
        for name, measure in measures.items():
            steps = rows.column(name).combine_chunks()
            if measure.kind == "date":
                column = steps.cast(UTC_US)
            else:
                missing = steps.is_null().to_numpy(zero_copy_only=False)
                numbers = to_number(steps.fill_null(0).to_numpy(), measure)
                column = pa.array(numbers, mask=missing)
            rows = rows.set_column(names.index(name), name, column)
        return rows

    def source_spec(self, table: str = "events") -> CustomersSpec:
        """Return the spec that ingests what `table` returns, with this store's observed span.

        Parameters
        ----------
        table : str
            Name under which the table will be handed to `ingest`.
        """
        manifest = self.manifest
        kinds = {m.name: m for m in self.vocabulary.measures if m.name != "value"}
        mapping = MappingSpec(
            **{name: name for name in CANONICAL},
            measures={
                name: MeasureSpec(column=name, kind=m.kind, step=m.step)
                for name, m in kinds.items()
            },
        )
        return CustomersSpec(
            sources=(SourceSpec(table=table),),
            mapping=mapping,
            time_zone=manifest.time_zone,
            currency=manifest.currency,
            minor_units=manifest.minor_units,
            observed_from=_moment(manifest.observed_from_us),
            observed_until=_moment(manifest.observed_until_us),
        )

    def quarantine(self) -> pd.DataFrame:
        """Return the rows set aside: reason, source, row, and the text of each mapped column."""
        import pandas as pd  # noqa: PLC0415 - only this method hands out pandas

        if not self.manifest.quarantine:
            return pd.DataFrame(columns=["reason", "source", "row", *CANONICAL, "line"])
        parts = [pq.read_table(verified(self.path, file)) for file in self.manifest.quarantine]
        table = pa.concat_tables(parts)
        order = [(name, "ascending") for name in ("source", "row", "reason", "line")]
        table = table.take(pc.sort_indices(table, order))
        return pd.DataFrame({name: table.column(name).to_pylist() for name in table.column_names})

    def verify(self) -> int:
        """Hash every file now, whatever was verified before; return how many there are.

        Raises
        ------
        DamagedStoreError
            Naming the first file that is not what was written.
        """
        for file in self.manifest.files():
            verified(self.path, file, again=True)
        return len(self.manifest.files())

    def _segments(self, partition: int) -> list[Segment]:
        """Return a partition's segments that hold events, the largest first."""
        segments = self.manifest.partitions[partition].segments
        found = [segment for segment in segments if segment.events.rows]
        return sorted(found, key=lambda segment: -segment.events.rows)

    def _rows_of(self, customer_id: str, names: Sequence[str]) -> pa.Table | None:
        """Read only the row groups that hold one customer."""
        tables: list[pa.Table] = []
        segments = self._segments(partition_of(customer_id, self.partitions))
        measures = self.vocabulary.measures
        if len(segments) > 1:
            names = list(dict.fromkeys((*names, *row_schema(measures).names)))
        for segment in segments:
            at, known = self._reader.index(segment).find(np.array([customer_id], dtype=object))
            if known[0]:
                tables.append(self._reader.events_of(segment, at, names))
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

    def _empty_table(self, names: Sequence[str]) -> pa.Table:
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


def _moment(moment_us: int) -> pd.Timestamp:
    import pandas as pd  # noqa: PLC0415 - only declared moments need it

    return pd.Timestamp(moment_us, unit="us", tz="UTC")

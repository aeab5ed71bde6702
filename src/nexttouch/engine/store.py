"""The event store: sorted Parquet partitions of customers, each file verified before use."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.engine.files import verified
from nexttouch.engine.manifest import MANIFEST, Manifest
from nexttouch.events.canonical import UTC_US
from nexttouch.events.log import MISSING, EventLog
from nexttouch.events.measures import to_number
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

_LOG_COLUMNS = (
    "timestamp",
    "ingested_at",
    "event_code",
    "channel_code",
    "local_day",
    "local_hour",
    "actor_number",
)


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
        self._customers: dict[int, tuple[NDArray[np.object_], NDArray[np.int64]]] = {}
        self._stamp: tuple[int, int] | None = None

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
        stamp = _stamp_of(Path(path))
        store = cls(Path(path), Manifest.read(Path(path)))
        store._stamp = stamp
        return store

    def current(self) -> EventStore:
        """Return the store as the newest ingest left it: this object where there was none since.

        For who keeps a store open for long: later ingests remove the files of earlier ones.
        """
        stamp = _stamp_of(self.path)
        return self if stamp in {None, self._stamp} else _reopened(self.path, stamp)

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
        """Return the events of one partition's customers.

        Raises
        ------
        DamagedStoreError
            If a file is not what was written.
        """
        segment = self._segment(partition)
        if segment is None:
            return self._log(np.array([], dtype=object), np.zeros(1, np.int64), None)
        ids, offsets = self._customer_index(partition, segment)
        names = [*_LOG_COLUMNS, *(m.name for m in self.vocabulary.measures)]
        table = pq.read_table(verified(self.path, segment.events), columns=names)
        return self._log(ids, offsets, table)

    def logs(self) -> Iterator[EventLog]:
        """Yield the events of every partition that has customers."""
        for partition in range(self.partitions):
            if self._segment(partition) is not None:
                yield self.read(partition)

    def customer(self, customer_id: str) -> EventLog | None:
        """Return one customer's events, or None when the store does not know the id."""
        names = (*_LOG_COLUMNS, *(m.name for m in self.vocabulary.measures))
        table = self._rows_of(customer_id, names)
        if table is None:
            return None
        offsets = np.array([0, table.num_rows], dtype=np.int64)
        return self._log(np.array([customer_id], dtype=object), offsets, table)

    def table(self, customer_ids: Sequence[str]) -> pa.Table:
        """Return canonical source rows of some customers; `source_spec` reads them back.

        Unknown ids have no rows. Money is in major units again.
        """
        measures = {m.name: m for m in self.vocabulary.measures}
        names = list(dict.fromkeys((*CANONICAL, *measures)))
        found = (self._rows_of(customer_id, names) for customer_id in dict.fromkeys(customer_ids))
        tables = [table for table in found if table is not None]
        whole = pa.concat_tables([self._empty_table(names), *tables]).combine_chunks()
        for name, measure in measures.items():
            steps = whole.column(name).combine_chunks()
            if measure.kind == "date":
                column = steps.cast(UTC_US)
            else:
                missing = steps.is_null().to_numpy(zero_copy_only=False)
                numbers = to_number(steps.fill_null(0).to_numpy(), measure)
                column = pa.array(numbers, mask=missing)
            whole = whole.set_column(names.index(name), name, column)
        return whole

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

        if self.manifest.quarantine is None:
            return pd.DataFrame(columns=["reason", "source", "row", *CANONICAL, "line"])
        table = pq.read_table(verified(self.path, self.manifest.quarantine))
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

    def _segment(self, partition: int) -> Segment | None:
        segments = self.manifest.partitions[partition]
        return segments[0] if segments else None

    def _customer_index(
        self, partition: int, segment: Segment
    ) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """Return a partition's customer ids and their offsets, kept after the first reading."""
        path = verified(self.path, segment.customers)
        if partition not in self._customers:
            table = pq.read_table(path)
            ids = table.column("customer_id").to_numpy()
            counts = table.column("events").to_numpy()
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            self._customers[partition] = ids, offsets
        return self._customers[partition]

    def _rows_of(self, customer_id: str, names: Sequence[str]) -> pa.Table | None:
        """Read only the row groups that hold one customer."""
        digest = hashlib.md5(customer_id.encode(errors="surrogatepass"), usedforsecurity=False)
        partition = digest.digest()[0] % self.partitions
        segment = self._segment(partition)
        if segment is None:
            return None
        ids, offsets = self._customer_index(partition, segment)
        at = int(np.searchsorted(ids, customer_id))
        if at == len(ids) or ids[at] != customer_id:
            return None
        start, stop = int(offsets[at]), int(offsets[at + 1])
        with pq.ParquetFile(verified(self.path, segment.events)) as file:
            rows = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            ends = np.cumsum(rows)
            first = int(np.searchsorted(ends, start, side="right"))
            last = int(np.searchsorted(ends, stop - 1, side="right"))
            table = file.read_row_groups(range(first, last + 1), columns=list(names))
        before = int(ends[first] - rows[first])
        return table.select(list(names)).slice(start - before, stop - start)

    def _log(
        self, ids: NDArray[np.object_], offsets: NDArray[np.int64], table: pa.Table | None
    ) -> EventLog:
        """Turn stored columns into the arrays of a log."""
        measures = self.vocabulary.measures
        if table is None:
            table = self._empty_table([*_LOG_COLUMNS, *(m.name for m in measures)])
        timestamp_us = _int64(table, "timestamp")
        arrived_us = _int64(table, "ingested_at")
        values = np.empty((len(measures), table.num_rows), dtype=np.int64)
        for row, measure in enumerate(measures):
            values[row] = _int64(table, measure.name)
        return EventLog(
            customer_ids=ids,
            offsets=offsets,
            timestamp_us=timestamp_us,
            arrived_us=np.where(arrived_us == MISSING, timestamp_us, arrived_us),
            event=_plain(table, "event_code", np.uint16),
            channel=_plain(table, "channel_code", np.uint16),
            local_day=_plain(table, "local_day", np.int32),
            local_hour=_plain(table, "local_hour", np.int8),
            measures=values,
            actor=_plain(table, "actor_number", np.int32),
            vocabulary=self.vocabulary,
        )

    def _empty_table(self, names: Sequence[str]) -> pa.Table:
        kinds = dict.fromkeys(CANONICAL, pa.string())
        kinds |= {"timestamp": UTC_US, "ingested_at": UTC_US}
        kinds |= {"event_code": pa.uint16(), "channel_code": pa.uint16()}
        kinds |= {"local_day": pa.int32(), "local_hour": pa.int8(), "actor_number": pa.int32()}
        kinds |= {m.name: pa.int64() for m in self.vocabulary.measures}
        return pa.table({name: pa.array([], kinds[name]) for name in names})


def _int64(table: pa.Table, name: str) -> NDArray[np.int64]:
    column = table.column(name).cast(pa.int64())
    values: NDArray[np.int64] = pc.fill_null(column, int(MISSING)).to_numpy()
    return values


def _plain(table: pa.Table, name: str, kind: type[Number]) -> NDArray[Number]:
    values: NDArray[Any] = table.column(name).to_numpy()
    return values.astype(kind, copy=False)


def _stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what tells one manifest file from the next, None where there is none."""
    try:
        seen = (path / MANIFEST).stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino


@lru_cache(maxsize=2)
def _reopened(path: Path, _stamp: tuple[int, int] | None) -> EventStore:
    return EventStore.open(path)


def _moment(moment_us: int) -> pd.Timestamp:
    import pandas as pd  # noqa: PLC0415 - only declared moments need it

    return pd.Timestamp(moment_us, unit="us", tz="UTC")

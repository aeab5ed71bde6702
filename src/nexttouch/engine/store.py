"""The event store: sorted Parquet partitions of customers, each file verified before use."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.engine.files import verified
from nexttouch.engine.manifest import MANIFEST, Manifest, partition_of
from nexttouch.engine.reading import LogReader
from nexttouch.engine.write import row_schema
from nexttouch.events.canonical import UTC_US
from nexttouch.events.measures import to_number
from nexttouch.events.report import LogSummary
from nexttouch.events.spec import CANONICAL, CustomersSpec, MappingSpec, MeasureSpec, SourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from nexttouch.engine.manifest import Segment
    from nexttouch.events.log import EventLog, Vocabulary

__all__ = ["EventStore"]


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
        self._reader = LogReader(path, manifest.vocabulary)
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
        """Return the events of one partition's customers, in one order whatever the segments.

        Raises
        ------
        DamagedStoreError
            If a file is not what was written.
        """
        return self._reader.log(self._segments(partition))

    def logs(self) -> Iterator[EventLog]:
        """Yield the events of every partition that has customers."""
        for partition in range(self.partitions):
            if self._segments(partition):
                yield self.read(partition)

    def customer(self, customer_id: str) -> EventLog | None:
        """Return one customer's events, or None when the store does not know the id."""
        segments = self._segments(partition_of(customer_id, self.partitions))
        return self._reader.log_of(segments, customer_id)

    def table(self, customer_ids: Sequence[str]) -> pa.Table:
        """Return canonical source rows of some customers; `source_spec` reads them back.

        Unknown ids have no rows. Money is in major units again.
        """
        measures = {m.name: m for m in self.vocabulary.measures}
        names = list(dict.fromkeys((*CANONICAL, *measures)))
        tables = [row_schema(self.vocabulary.measures).empty_table().select(names)]
        for customer_id in dict.fromkeys(customer_ids):
            segments = self._segments(partition_of(customer_id, self.partitions))
            found = self._reader.rows_of(segments, customer_id, names)
            tables += [] if found is None else [found.select(names)]
        rows = pa.concat_tables(tables).combine_chunks()
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

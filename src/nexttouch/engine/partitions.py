"""One partition at a time: rows added as a segment, segments merged, everything written anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.engine.manifest import Partition, partition_of
from nexttouch.engine.merge import whole
from nexttouch.engine.settle import settle
from nexttouch.engine.tally import Tally
from nexttouch.engine.write import row_schema, write_segment
from nexttouch.events.canonical import canonical_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nexttouch.engine.manifest import Segment
    from nexttouch.engine.segments import SegmentReader
    from nexttouch.events.build import BuiltLog
    from nexttouch.events.log import Vocabulary

__all__ = ["MOST_SEGMENTS", "PartitionWriter"]

MOST_SEGMENTS = 8
"""Where a partition would hold more, those it has are compacted."""

_SMALL = 4


@dataclass(frozen=True)
class PartitionWriter:
    """Writes new files into a folder; what is there already is only read.

    Attributes
    ----------
    reader : SegmentReader
        Of the store as it is.
    folder : Path
        For new files.
    vocabulary : Vocabulary
        Of the store to be.
    time_zone : str
    duplicates : {"keep", "drop"}
    """

    reader: SegmentReader
    folder: Path
    vocabulary: Vocabulary
    time_zone: str
    duplicates: Literal["keep", "drop"]

    def fresh(self, number: int, rows: pa.Table, *, repeats: int = 0) -> Partition:
        """Write a partition of one segment.

        Parameters
        ----------
        number : int
            Of the partition.
        rows : pyarrow.Table
            Canonical, all of the partition.
        repeats : int
            Rows dropped before.
        """
        if not rows.num_rows:
            return Partition(tally=Tally(repeats=repeats))
        segment, built = self._write(number, rows)
        return Partition((segment,), Tally.of(built) + Tally(repeats=repeats))

    def added(self, number: int, old: Partition, rows: pa.Table) -> Partition:
        """Add rows as one more segment, or write the partition anew where a row has to go."""
        names = [measure.name for measure in self.vocabulary.measures]
        settled = settle(self.reader, old.segments, rows, names, self.duplicates)
        if settled is None:
            return self.rewritten(number, old, rows)
        tally, segments = Tally(), old.segments
        if len(segments) >= MOST_SEGMENTS:
            segments = self._compacted(number, segments)
        if settled.kept.num_rows or settled.lost.num_rows:
            segment, built = self._write(number, settled.kept, settled.lost)
            segments, tally = (*segments, segment), Tally.of(built)
        if settled.counts is not None:
            repeats, redelivered, corrections = settled.counts
            tally = replace(
                tally, repeats=repeats, redelivered=redelivered, corrections=corrections
            )
        return Partition(segments, old.tally + replace(tally, customers=settled.customers))

    def rewritten(
        self,
        number: int,
        old: Partition,
        new: pa.Table | None = None,
        keep: Callable[[pa.Table], pa.Array] | None = None,
    ) -> Partition:
        """Write a partition anew from all its rows.

        Parameters
        ----------
        number : int
        old : Partition
        new : pyarrow.Table, optional
            Canonical rows to add.
        keep : callable, optional
            Marks the rows to keep.
        """
        rows = pa.concat_tables([self._events(old.segments), self._aside(old.segments)])
        if new is not None:
            rows = pa.concat_tables([rows, new])
        if keep is not None:
            rows = rows.filter(keep(rows))
        return self.fresh(number, rows, repeats=self._dropped(old))

    def split(self, number: int, old: Partition, partitions: int) -> tuple[Partition, Partition]:
        """Write a partition as two, of twice as many."""
        rows = pa.concat_tables([self._events(old.segments), self._aside(old.segments)])
        coded = whole(rows.column("customer_id")).dictionary_encode()
        stays = [
            partition_of(name, 2 * partitions) == number for name in coded.dictionary.to_pylist()
        ]
        low = pa.array(stays, pa.bool_()).take(coded.indices)
        return (
            self.fresh(number, rows.filter(low), repeats=self._dropped(old)),
            self.fresh(number + partitions, rows.filter(pc.invert(low))),
        )

    def canonical(self, rows: pa.Table) -> pa.Table:
        """Give rows with money in major units the form in which they are kept."""
        measures = self.vocabulary.measures
        found = canonical_events(rows, measures=measures, time_zone=self.time_zone)
        schema = row_schema(measures)
        return found.select(schema.names).cast(schema)

    def _compacted(self, number: int, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """Merge segments: the small ones, or all when the largest does not outweigh them."""
        ranked = sorted(segments, key=lambda segment: -segment.events.rows)
        rest = sum(segment.events.rows for segment in ranked[1:])
        kept = ranked[:1] if ranked[0].events.rows > _SMALL * rest else []
        merged = [segment for segment in segments if segment not in kept]
        one, _ = self._write(number, self._events(merged), self._aside(merged))
        return *kept, one

    def _dropped(self, old: Partition) -> int:
        """Return how many repeats are no longer among the rows."""
        return old.tally.repeats if self.duplicates == "drop" else 0

    def _events(self, segments: Sequence[Segment]) -> pa.Table:
        schema = row_schema(self.vocabulary.measures)
        tables = [self.reader.events(segment, schema.names).cast(schema) for segment in segments]
        return pa.concat_tables([schema.empty_table(), *tables])

    def _aside(self, segments: Sequence[Segment]) -> pa.Table:
        schema = row_schema(self.vocabulary.measures)
        tables = [self.reader.aside(segment, schema.names) for segment in segments]
        found = [table.cast(schema) for table in tables if table is not None]
        return pa.concat_tables([schema.empty_table(), *found])

    def _write(
        self, number: int, rows: pa.Table, aside: pa.Table | None = None
    ) -> tuple[Segment, BuiltLog]:
        return write_segment(
            rows,
            self.folder,
            number,
            vocabulary=self.vocabulary,
            time_zone=self.time_zone,
            duplicates=self.duplicates,
            aside=aside,
        )

"""New batches added to a store: a small sorted segment for each partition they touch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nexttouch.engine import rebuild
from nexttouch.engine.staging import Staging
from nexttouch.engine.work import Work, put_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from nexttouch.engine.manifest import Manifest, Partition
    from nexttouch.engine.partitions import PartitionWriter
    from nexttouch.engine.sources import Batch

__all__ = ["Append"]

_OVERFULL = 2


class Append(Work):
    """A store and the batches that are new to it."""

    def run(self, batches: list[Batch], old: Manifest) -> Manifest:
        """Read the new batches only, write their segments and commit."""
        with Staging(self.spec, self.folder, self.latest_us) as staging:
            facts = self.stage(staging, batches)
            vocabulary = self.vocabulary(staging, old)
            writer = self.writer(vocabulary)
            number = len(old.partitions)
            partitions = list(self.two_at_a_time(_jobs(writer, staging, old), number))
            new = self.commit(staging, vocabulary, partitions, facts, old)
        limit = _OVERFULL * rebuild.ROWS_PER_PARTITION * number
        if new.summary["events"] > limit and number < rebuild.MOST_PARTITIONS:
            new = self._doubled(new)
        return new

    def _doubled(self, old: Manifest) -> Manifest:
        """Write every partition as two, once partitions have outgrown the memory set for one."""
        writer, number = self.writer(old.vocabulary), len(old.partitions)
        jobs = (
            partial(writer.split, at, partition, number)
            for at, partition in enumerate(old.partitions)
        )
        pairs = list(self.two_at_a_time(jobs, number))
        partitions = (*(low for low, _ in pairs), *(high for _, high in pairs))
        return put_in_place(replace(old, partitions=partitions), self.folder, self.store)


def _jobs(
    writer: PartitionWriter, staging: Staging, old: Manifest
) -> Iterator[Callable[[], Partition] | Partition]:
    found = staging.by_partition(len(old.partitions))
    for number, (partition, rows) in enumerate(zip(old.partitions, found, strict=True)):
        yield partial(_added, writer, number, partition, rows) if rows.num_rows else partition


def _added(writer: PartitionWriter, number: int, old: Partition, rows: pa.Table) -> Partition:
    return writer.added(number, old, writer.canonical(rows))

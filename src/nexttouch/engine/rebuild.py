"""A new store beside the old one: everything staged, sorted, written, then committed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nexttouch.engine.manifest import Partition
from nexttouch.engine.staging import Staging
from nexttouch.engine.work import Work
from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from nexttouch.engine.manifest import Manifest
    from nexttouch.engine.partitions import PartitionWriter
    from nexttouch.engine.sources import Batch

__all__ = ["MOST_PARTITIONS", "ROWS_PER_PARTITION", "Rebuild"]

ROWS_PER_PARTITION = 500_000
MOST_PARTITIONS = 256
_FEWEST = 4


class Rebuild(Work):
    """The whole store made anew from all batches."""

    def run(self, batches: list[Batch], old: Manifest | None) -> Manifest:
        """Read, sort, write and commit; names that ``old`` knew keep their codes."""
        with Staging(self.spec, self.folder, self.latest_us) as staging:
            facts = self.stage(staging, batches)
            total = staging.rows()
            if total == 0:
                names = ", ".join(repr(batch.name) for batch in batches[:5])
                msg = (
                    f"No usable event in {names} ({staging.rows_read} rows read). Check "
                    "customers.sources and customers.mapping; an empty log cannot be learned from."
                )
                raise DataCheckError(msg)
            vocabulary = self.vocabulary(staging, old)
            number = _FEWEST
            while number < MOST_PARTITIONS and total > number * ROWS_PER_PARTITION:
                number *= 2
            jobs = _jobs(self.writer(vocabulary), staging, number)
            partitions = list(self.two_at_a_time(jobs, number))
            return self.commit(staging, vocabulary, partitions, facts)


def _jobs(
    writer: PartitionWriter, staging: Staging, partitions: int
) -> Iterator[Callable[[], Partition] | Partition]:
    for number, rows in enumerate(staging.by_partition(partitions)):
        yield partial(_fresh, writer, number, rows) if rows.num_rows else Partition()


def _fresh(writer: PartitionWriter, number: int, rows: pa.Table) -> Partition:
    return writer.fresh(number, writer.canonical(rows))

"""What every ingest does: stage batches, write partitions two at a time, commit with a manifest."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.engine.files import flush_folder
from nexttouch.engine.manifest import Manifest
from nexttouch.engine.partitions import PartitionWriter
from nexttouch.engine.segments import SegmentReader
from nexttouch.engine.tally import Tally
from nexttouch.engine.write import write_table
from nexttouch.errors import DataCheckError
from nexttouch.events.log import Vocabulary
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

    from nexttouch.engine.manifest import Partition
    from nexttouch.engine.sources import Batch
    from nexttouch.engine.staging import Staging
    from nexttouch.engine.tombstones import Tombstones
    from nexttouch.events.spec import CustomersSpec

__all__ = ["DAY_US", "Work", "observed", "put_in_place"]

DAY_US = 86_400_000_000
_MOST_NAMES = 60_000


@dataclass
class Work:
    """One ingest under way: new files are made in a folder beside the store's own.

    Attributes
    ----------
    spec : CustomersSpec
    store : Path
    folder : Path
        For everything that is not committed yet; on the store's file system.
    now_us : int
    progress : callable
    digest : str
        Of what the spec says about reading.
    erased : Tombstones
    """

    spec: CustomersSpec
    store: Path
    folder: Path
    now_us: int
    progress: Callable[[str, int, int], None]
    digest: str
    erased: Tombstones

    @property
    def latest_us(self) -> int:
        """Later times are in the future."""
        return self.now_us + int(self.spec.future_tolerance_days * DAY_US)

    def stage(self, staging: Staging, batches: Sequence[Batch]) -> list[dict[str, Any]]:
        """Read batches, a copy of a file only once; return their facts."""
        facts = []
        first: dict[Any, str] = {}
        for done, batch in enumerate(batches):
            self.progress("reading", done, len(batches))
            same_as = first.setdefault(batch.identity, batch.name)
            copied = {} if same_as == batch.name else {"same_as": same_as}
            rows, bad = (0, 0) if copied else staging.add(batch)
            facts.append(
                {
                    "source": batch.source,
                    "name": batch.name,
                    "sha256": batch.sha256,
                    "way": batch.way,
                    "rows": rows,
                    "quarantined": bad,
                    **copied,
                }
            )
        staging.forget(self.erased)
        self.progress("reading", len(batches), len(batches))
        return facts

    def vocabulary(self, staging: Staging, old: Manifest | None) -> Vocabulary:
        """Return all names; those the store knew keep their codes."""
        known = old.vocabulary if old else Vocabulary((), ("",))
        names = {}
        for column, before in (("event", known.events), ("channel", known.channels)):
            found = staging.names_of(column)
            names[column] = (*before, *(name for name in found if name not in set(before)))
            if len(names[column]) > _MOST_NAMES:
                msg = (
                    f"'{column}' has {len(names[column])} different names, for example "
                    f"{names[column][-2]!r} and {names[column][-1]!r}. Is an id mapped to "
                    f"customers.mapping.{column}?"
                )
                raise DataCheckError(msg)
        return Vocabulary(names["event"], names["channel"], self.spec.measures())

    def writer(self, vocabulary: Vocabulary) -> PartitionWriter:
        """Return what writes partitions of the store to be."""
        return PartitionWriter(
            SegmentReader(self.store),
            self.folder,
            vocabulary,
            self.spec.time_zone,
            self.spec.duplicates,
        )

    def two_at_a_time(
        self, jobs: Iterable[Callable[[], Any] | Partition], total: int
    ) -> Iterator[Any]:
        """Run jobs on two threads, so that memory holds few partitions; pass results through."""
        workers = min(2, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            pending: list[Any] = []
            for number, job in enumerate(jobs):
                pending.append(pool.submit(job) if callable(job) else job)
                while len(pending) > workers:
                    yield _result(pending.pop(0))
                self.progress("sorting and writing", number, total)
            while pending:
                yield _result(pending.pop(0))
        self.progress("sorting and writing", total, total)

    def commit(
        self,
        staging: Staging,
        vocabulary: Vocabulary,
        partitions: Sequence[Partition],
        batches: Sequence[dict[str, Any]],
        old: Manifest | None = None,
    ) -> Manifest:
        """Move the new files in and replace the manifest; ``old`` is what was added to."""
        tally = Tally.sum(partition.tally for partition in partitions)
        set_aside, counts = staging.quarantine(), dict(staging.quarantined)
        quarantine = old.quarantine if old else ()
        if set_aside.num_rows:
            quarantine = (*quarantine, write_table(set_aside, self.folder, "quarantine", "rows"))
        retries = [staging.retry_at_us]
        if old is not None:
            retries.append(old.retry_at_us)
            for reason, count in old.quarantined.items():
                counts[reason] = counts.get(reason, 0) + count
        retry_at_us = min((at for at in retries if at is not None), default=None)
        since, until = observed(self.spec, tally)
        manifest = Manifest(
            time_zone=self.spec.time_zone,
            currency=self.spec.currency,
            minor_units=self.spec.minor_units,
            vocabulary=vocabulary,
            observed_from_us=since,
            observed_until_us=until,
            watermark_us=tally.watermark_us,
            summary=tally.summary().to_dict(),
            rows_read=staging.rows_read + (old.rows_read if old else 0),
            quarantined=dict(sorted(counts.items())),
            repeats=tally.repeats,
            redelivered=tally.redelivered,
            corrections=tally.corrections,
            spec_digest=self.digest,
            batches=(*(old.batches if old else ()), *batches),
            partitions=tuple(partitions),
            quarantine=quarantine,
            retry_at_us=retry_at_us,
            erased=self.erased,
        )
        return put_in_place(manifest, self.folder, self.store)


def put_in_place(manifest: Manifest, folder: Path, store: Path) -> Manifest:
    """Move new files to their places, wait for the disk, then replace the manifest.

    Names hold a hash of the content, so that no file that is in use is ever overwritten.
    """
    for file in manifest.files():
        if (folder / file.path).exists():
            (store / file.path).parent.mkdir(exist_ok=True)
            (folder / file.path).replace(store / file.path)
    for room in {Path(file.path).parts[0] for file in manifest.files()}:
        flush_folder(store / room)
    flush_folder(store)
    return manifest.write(store)


def observed(spec: CustomersSpec, tally: Tally) -> tuple[int, int]:
    """Return from when to when the log is complete: as declared, or the days of its events."""
    zone = zone_table(spec.time_zone)
    until, since = spec.observed_until, spec.observed_from
    span = np.array([tally.first_us, tally.last_us] if tally.events else [0, 0])
    first, last = zone.local_day_and_hour(span)[0]
    return (
        _instant(since, zone) if since else zone.day_start(int(first)),
        _instant(until, zone) if until else zone.day_start(int(last) + 1),
    )


def _instant(moment: pd.Timestamp, zone: Any) -> int:
    """Return a declared moment in microseconds UTC; without a zone it is on the business clock."""
    if moment.tzinfo is not None:
        return int(moment.value // 1000)
    return int(zone.to_utc(np.array([moment.value // 1000]))[0])


def _result(job: Any) -> Any:
    return job.result() if hasattr(job, "result") else job

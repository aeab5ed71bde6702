"""A customer taken out of the event store: their rows, what is set aside of them, old files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexttouch.engine.files import verified
from nexttouch.engine.housekeeping import sweep, temporary_folder
from nexttouch.engine.lock import writing
from nexttouch.engine.manifest import Manifest, partition_of
from nexttouch.engine.partitions import PartitionWriter
from nexttouch.engine.segments import SegmentReader
from nexttouch.engine.tally import Tally
from nexttouch.engine.tombstones import Tombstones
from nexttouch.engine.work import observed, put_in_place
from nexttouch.engine.write import write_table

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.engine.files import StoredFile
    from nexttouch.events.spec import CustomersSpec

__all__ = ["erase_customer", "files_holding"]


def files_holding(store: Path, customer_id: str) -> list[dict[str, Any]]:
    """List the files of a store with rows of a customer, and how many.

    Parameters
    ----------
    store : Path
    customer_id : str

    Returns
    -------
    list of dict
        ``file`` (relative to the store) and ``rows``.
    """
    manifest, reader = Manifest.read(store), SegmentReader(store)
    partition = manifest.partitions[partition_of(customer_id, len(manifest.partitions))]
    found = []
    for segment in partition.segments:
        for file in (segment.events, segment.customers, segment.aside):
            if file is not None:
                column = pq.read_table(verified(reader.store, file), columns=["customer_id"])[0]
                rows = pc.sum(pc.equal(column, customer_id)).as_py() or 0
                found.append({"file": file.path, "rows": rows})
    alone = Tombstones().adding(customer_id)
    for file in manifest.quarantine:
        table = pq.read_table(verified(store, file))
        rows = table.num_rows - (pc.sum(alone.spare(table)).as_py() or 0)
        found.append({"file": file.path, "rows": rows})
    return [place for place in found if place["rows"]]


def erase_customer(store: Path, customer_id: str, spec: CustomersSpec) -> Manifest:
    """Take a customer out for good; only their partition is written anew.

    A salted hash stays behind: sources that still hold the customer do not bring them back. Files
    of before are removed at once, so that readers who opened the store earlier lose them.

    Parameters
    ----------
    store : Path
    customer_id : str
    spec : CustomersSpec
        Of the project.

    Raises
    ------
    StoreBusyError
        If another process is writing to the store.
    DamagedStoreError
        If a file that must be read is not what was written.
    """
    with writing(store):
        sweep(store)
        old = Manifest.read(store)
        erased = old.erased.adding(customer_id)
        erased.write(store)  # first: whatever happens from here on, they do not come back
        with temporary_folder(store) as folder:
            writer = PartitionWriter(
                SegmentReader(store), folder, old.vocabulary, old.time_zone, spec.duplicates
            )
            number = partition_of(customer_id, len(old.partitions))
            partitions = list(old.partitions)
            partitions[number] = writer.rewritten(
                number,
                old.partitions[number],
                keep=lambda rows: pc.not_equal(rows.column("customer_id"), customer_id),
            )
            quarantine, counts = _without(old, store, folder, erased)
            tally = Tally.sum(partition.tally for partition in partitions)
            since, until = observed(spec, tally)
            new = replace(
                old,
                partitions=tuple(partitions),
                quarantine=quarantine,
                quarantined=counts,
                observed_from_us=since,
                observed_until_us=until,
                watermark_us=tally.watermark_us,
                summary=tally.summary().to_dict(),
                repeats=tally.repeats,
                redelivered=tally.redelivered,
                corrections=tally.corrections,
                erased=erased,
            )
            new = put_in_place(new, folder, store)
        sweep(store)
    return new


def _without(
    old: Manifest, store: Path, folder: Path, erased: Tombstones
) -> tuple[tuple[StoredFile, ...], dict[str, int]]:
    """Write the quarantine anew where it names someone erased; return its files and counts."""
    files, counts = [], dict(old.quarantined)
    for file in old.quarantine:
        table = pq.read_table(verified(store, file))
        spared = erased.spare(table)
        kept = table.filter(spared)
        for reason in table.filter(pc.invert(spared)).column("reason").to_pylist():
            counts[reason] -= 1
        if kept.num_rows == table.num_rows:
            files.append(file)
        elif kept.num_rows:
            files.append(write_table(kept, folder, "quarantine", "rows"))
    return tuple(files), {reason: count for reason, count in counts.items() if count}

"""Partitions on disk: sorted events and their customers, written once and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nexttouch.engine.files import StoredFile, flush_file, sha256_of
from nexttouch.engine.manifest import Segment
from nexttouch.events.build import BuiltLog, build
from nexttouch.events.canonical import canonical_events
from nexttouch.events.log import MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.events.log import Vocabulary

__all__ = ["ROWS_PER_GROUP", "write_partition", "write_table"]

ROWS_PER_GROUP = 1 << 15
_DICTIONARY = ["customer_id", "event", "channel", "actor_role"]


def write_partition(
    table: pa.Table,
    folder: Path,
    number: int,
    *,
    vocabulary: Vocabulary,
    time_zone: str,
    duplicates: Literal["keep", "drop"],
) -> tuple[Segment, BuiltLog]:
    """Sort one partition's rows and write them.

    Parameters
    ----------
    table : pyarrow.Table
        Canonical columns in any order; money in major units.
    folder : Path
        New files go here, named by partition and content.
    number : int
        Of the partition.
    vocabulary : Vocabulary
        Of the whole store.
    time_zone : str
        Business zone.
    duplicates : {"keep", "drop"}
    """
    canonical = canonical_events(table, measures=vocabulary.measures, time_zone=time_zone)
    built = build(canonical, vocabulary=vocabulary, time_zone=time_zone, duplicates=duplicates)
    log, order = built.log, pa.array(built.sorted.order)
    columns = {
        name: canonical.column(name).take(order).combine_chunks()
        for name in canonical.column_names
        if name not in {m.name for m in vocabulary.measures}
    }
    columns |= {
        measure.name: pa.array(log.measures[row], mask=log.measures[row] == MISSING)
        for row, measure in enumerate(vocabulary.measures)
    }
    columns |= {
        "event_code": pa.array(log.event),
        "channel_code": pa.array(log.channel),
        "local_day": pa.array(log.local_day),
        "local_hour": pa.array(log.local_hour),
        "actor_number": pa.array(log.actor),
    }
    customers = pa.table(
        {
            "customer_id": pa.array(log.customer_ids, pa.string()),
            "events": np.diff(log.offsets),
        }
    )
    return Segment(
        events=write_table(pa.table(columns), folder, "events", f"part-{number:04d}"),
        customers=write_table(customers, folder, "customers", f"part-{number:04d}"),
    ), built


def write_table(table: pa.Table, folder: Path, room: str, name: str) -> StoredFile:
    """Write a table under a name that holds the start of its hash, and wait for the disk."""
    place = folder / room
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.parquet"
    pq.write_table(
        table,
        path,
        row_group_size=ROWS_PER_GROUP,
        compression="zstd",
        use_dictionary=[column for column in _DICTIONARY if column in table.column_names],
        write_statistics=False,
        store_schema=True,
    )
    flush_file(path)
    digest = sha256_of(path)
    final = path.with_name(f"{name}-{digest[:12]}.parquet")
    path.replace(final)
    return StoredFile(f"{room}/{final.name}", digest, final.stat().st_size, table.num_rows)

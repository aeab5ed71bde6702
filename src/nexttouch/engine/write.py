"""Segments on disk: sorted events and their customers, written once and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nexttouch.engine.files import StoredFile, flush_file, sha256_of
from nexttouch.engine.fingerprints import fingerprints
from nexttouch.engine.manifest import Segment
from nexttouch.events.build import BuiltLog, build
from nexttouch.events.canonical import UTC_US
from nexttouch.events.log import MISSING
from nexttouch.events.spec import CANONICAL

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.events.log import Measure, Vocabulary

__all__ = ["ROOMS", "ROWS_PER_GROUP", "row_schema", "write_segment", "write_table"]

ROOMS = ("events", "customers", "ids", "aside", "quarantine")
"""Folders of a store."""

ROWS_PER_GROUP = 1 << 15
_DICTIONARY = ["customer_id", "event", "channel", "actor_role"]


def row_schema(measures: tuple[Measure, ...]) -> pa.Schema:
    """Return names and types of canonical rows, as the store keeps them."""
    kinds = dict.fromkeys(CANONICAL, pa.string())
    kinds |= {"timestamp": UTC_US, "ingested_at": UTC_US}
    kinds |= {measure.name: pa.int64() for measure in measures}
    return pa.schema(list(kinds.items()))


def write_segment(
    rows: pa.Table,
    folder: Path,
    number: int,
    *,
    vocabulary: Vocabulary,
    time_zone: str,
    duplicates: Literal["keep", "drop"],
    aside: pa.Table | None = None,
) -> tuple[Segment, BuiltLog]:
    """Sort some rows of one partition and write them.

    Parameters
    ----------
    rows : pyarrow.Table
        In the form of `row_schema`, in any order.
    folder : Path
        New files go here, named by partition and content.
    number : int
        Of the partition.
    vocabulary : Vocabulary
        Of the whole store.
    time_zone : str
        Business zone.
    duplicates : {"keep", "drop"}
    aside : pyarrow.Table, optional
        Rows that have lost their event id already.
    """
    name = f"part-{number:04d}"
    built = build(rows, vocabulary=vocabulary, time_zone=time_zone, duplicates=duplicates)
    lost = rows.take(pa.array(built.sorted.lost))
    if aside is not None and aside.num_rows:
        lost = pa.concat_tables([aside, lost])
    kept = rows.take(pa.array(built.sorted.order))
    ids = np.sort(np.concatenate([_fingerprints(kept), _fingerprints(lost)]))
    ids = ids[ids > 0]
    return Segment(
        events=write_table(_events(kept, built), folder, "events", name),
        customers=write_table(_customers(built), folder, "customers", name),
        ids=write_table(pa.table({"id": ids}), folder, "ids", name) if len(ids) else None,
        aside=write_table(lost, folder, "aside", name) if lost.num_rows else None,
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


def _events(kept: pa.Table, built: BuiltLog) -> pa.Table:
    """Return sorted rows with the numbers that readers need instead of texts."""
    log = built.log
    measures = log.vocabulary.measures
    columns = {
        name: kept.column(name).combine_chunks()
        for name in kept.column_names
        if name not in {m.name for m in measures}
    }
    columns |= {
        measure.name: pa.array(log.measures[row], mask=log.measures[row] == MISSING)
        for row, measure in enumerate(measures)
    }
    return pa.table(
        {
            **columns,
            "event_code": pa.array(log.event),
            "channel_code": pa.array(log.channel),
            "local_day": pa.array(log.local_day),
            "local_hour": pa.array(log.local_hour),
            "actor_number": pa.array(log.actor),
        }
    )


def _customers(built: BuiltLog) -> pa.Table:
    """Return the customers in order, with what must be known to tell whether new rows are late."""
    log = built.log
    return pa.table(
        {
            "customer_id": pa.array(log.customer_ids, pa.string()),
            "events": np.diff(log.offsets),
            "last_us": log.timestamp_us[log.offsets[1:] - 1],
        }
    )


def _fingerprints(rows: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    columns = (rows.column(name).combine_chunks() for name in ("customer_id", "event_id"))
    customer_id, event_id = (
        pa.array([], pa.string()) if isinstance(column, pa.ChunkedArray) else column
        for column in columns
    )
    return fingerprints(customer_id, event_id)

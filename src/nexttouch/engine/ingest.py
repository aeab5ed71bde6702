"""Ingest: sources in, a complete event store out, in one step that readers see or do not see."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nexttouch.engine.append import Append
from nexttouch.engine.housekeeping import sweep, temporary_folder
from nexttouch.engine.lock import writing
from nexttouch.engine.manifest import MANIFEST, SCHEMA_VERSION, Manifest
from nexttouch.engine.rebuild import Rebuild
from nexttouch.engine.source_hashes import SourceHashes
from nexttouch.engine.sources import find_batches
from nexttouch.engine.tally import Tally
from nexttouch.engine.tombstones import Tombstones
from nexttouch.engine.work import observed
from nexttouch.errors import DamagedStoreError, DataCheckError, StoreSpaceError
from nexttouch.events.report import IngestReport, LogSummary, iso_utc
from nexttouch.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from nexttouch.engine.sources import Batch
    from nexttouch.events.report import How
    from nexttouch.events.spec import CustomersSpec
    from nexttouch.progress import Progress

__all__ = ["ingest", "report_of"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def ingest(
    spec: CustomersSpec,
    *,
    project: Path,
    store: Path,
    tables: Mapping[str, Any] | None = None,
    now: pd.Timestamp,
    progress: Progress = quiet,
) -> IngestReport:
    """Take in what is new in the sources and set unusable rows aside.

    Batches (files, by their content; tables; query results) that were taken in before are not read
    again. New ones become one small sorted segment in each partition they touch, which readers
    merge; a partition is written anew only where a new row arrived before one with its event id.
    Where a batch was changed or removed, or the spec says something else, the store is made anew
    from all sources, and the report says why.

    Readers see the old store until the very end, and the new one from then on; whatever kills the
    process, one of the two is there. The same sources with the same spec change nothing.

    Parameters
    ----------
    spec : CustomersSpec
    project : Path
        Folder that relative paths start from.
    store : Path
        Folder of the event store.
    tables : mapping of str to table, optional
        Data frames (pandas, Polars, Arrow) that sources name by ``table`` or ``dataset``.
    now : Timestamp
        With a zone. Events later than ``now + future_tolerance_days`` are set aside.
    progress : callable
        Called as ``(what, done, total)``.

    Returns
    -------
    IngestReport

    Raises
    ------
    DataCheckError
        If a source cannot be used; the store stays as it was.
    StoreBusyError
        If another process is writing to the store.
    StoreSpaceError
        If the disk is full; the store stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from nexttouch.events import CustomersSpec
    >>> spec = CustomersSpec(sources=[{"table": "orders"}],
    ...                      mapping={"event": {"constant": "purchase"}})
    >>> orders = pd.DataFrame({"customer_id": ["007"],
    ...                        "timestamp": pd.to_datetime(["2025-03-01"], utc=True)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = ingest(spec, project=Path(folder), store=Path(folder) / "events",
    ...                     tables={"orders": orders}, now=pd.Timestamp("2025-04-01", tz="UTC"))
    >>> report.changed, report.summary.events
    (True, 1)
    """
    started = time.perf_counter()
    try:
        with writing(store):
            sweep(store)
            hashes = SourceHashes(store)
            with temporary_folder(store) as folder:
                batches = find_batches(
                    spec,
                    project=project,
                    tables=tables or {},
                    spill=folder / "queries",
                    hash_of=hashes.sha256,
                )
                old, why = _readable_manifest(store)
                work = {
                    "spec": spec,
                    "store": store,
                    "folder": folder,
                    "now_us": now.value // 1000,
                    "progress": progress,
                    "digest": _spec_digest(spec),
                    "erased": Tombstones.read(store) if old is None else old.erased,
                }
                new, how, why = _up_to_date(work, batches, old, why)
            hashes.keep()
            return report_of(new, how=how, why=why, seconds=time.perf_counter() - started)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreSpaceError.while_writing(str(store), str(error.strerror)) from error
        raise


def report_of(
    manifest: Manifest, *, how: How = "nothing new", why: str = "", seconds: float = 0.0
) -> IngestReport:
    """Tell what a store holds in the words of an ingest report."""
    return IngestReport(
        changed=how != "nothing new",
        how=how,
        why=why,
        summary=LogSummary(**manifest.summary),
        rows_read=manifest.rows_read,
        quarantined=dict(manifest.quarantined),
        repeats=manifest.repeats,
        redelivered=manifest.redelivered,
        corrections=manifest.corrections,
        observed_from=iso_utc(manifest.observed_from_us),
        observed_until=iso_utc(manifest.observed_until_us),
        sources=manifest.batches,
        digest=manifest.digest,
        seconds=seconds,
    )


def _up_to_date(
    work: dict[str, Any], batches: list[Batch], old: Manifest | None, why: str
) -> tuple[Manifest, How, str]:
    """Add what is new to a store, or make it anew; where nothing is new it stays as it is."""
    why = why or _why_rebuild(old, work["digest"], batches, work["now_us"])
    if old is not None and not why:
        known = {(batch["way"], batch["sha256"]) for batch in old.batches}
        new = [batch for batch in batches if batch.identity not in known]
        tally = Tally.sum(partition.tally for partition in old.partitions)
        span = (old.observed_from_us, old.observed_until_us)
        if not new and span == observed(work["spec"], tally):
            return old, "nothing new", ""
        try:
            return Append(**work).run(new, old), "appended", ""
        except DamagedStoreError as error:
            why = str(error)
    return Rebuild(**work).run(batches, old), "rebuilt", why


def _why_rebuild(old: Manifest | None, digest: str, batches: list[Batch], now_us: int) -> str:
    """Say why a store must be made anew; empty when new batches can be added to it."""
    if old is None:
        return "there was no store"
    if old.spec_digest != digest:
        return "customers is declared otherwise"
    if old.retry_at_us is not None and now_us >= old.retry_at_us:
        return "rows that were dated in the future can be taken in"
    there = {batch.identity for batch in batches}
    gone = [batch for batch in old.batches if (batch["way"], batch["sha256"]) not in there]
    return f"'{gone[0]['name']}' was changed, removed or is read otherwise" if gone else ""


def _spec_digest(spec: CustomersSpec) -> str:
    """Hash what decides how all sources are read; a source's own way is hashed with its batches."""
    single = {"sources", "mapping", "timestamps", "observed_from", "observed_until"}
    parts = spec.model_dump(mode="json", exclude=single)
    measures = [asdict(measure) for measure in spec.measures()]
    plain = json.dumps([SCHEMA_VERSION, parts, measures], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _readable_manifest(store: Path) -> tuple[Manifest | None, str]:
    """Return the store's manifest; a damaged or foreign one is replaced, never built upon."""
    try:
        return Manifest.read(store), ""
    except DataCheckError as error:
        return None, str(error) if (store / MANIFEST).exists() else ""

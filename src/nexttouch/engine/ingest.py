"""Ingest: sources in, a complete event store out, in one step that readers see or do not see."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from nexttouch.engine.housekeeping import sweep, temporary_folder
from nexttouch.engine.lock import writing
from nexttouch.engine.manifest import SCHEMA_VERSION, Manifest
from nexttouch.engine.rebuild import Rebuild
from nexttouch.engine.sources import find_batches
from nexttouch.errors import DataCheckError, StoreSpaceError
from nexttouch.events.report import IngestReport, LogSummary, iso_utc
from nexttouch.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from nexttouch.engine.sources import Batch
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
    """Read every source, set unusable rows aside and replace the store as a whole.

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
            with temporary_folder(store) as folder:
                found = find_batches(
                    spec, project=project, tables=tables or {}, spill=folder / "queries"
                )
                old = _readable_manifest(store)
                now_us = now.value // 1000
                if old is not None and _is_same(old, spec, found, now_us):
                    return report_of(old, changed=False, seconds=time.perf_counter() - started)
                rebuild = Rebuild(spec, store, folder, now_us, progress)
                new = rebuild.run(found, old, _spec_digest(spec))
            return report_of(new, changed=True, seconds=time.perf_counter() - started)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreSpaceError.while_writing(str(store), str(error.strerror)) from error
        raise


def report_of(manifest: Manifest, *, changed: bool, seconds: float = 0.0) -> IngestReport:
    """Tell what a store holds in the words of an ingest report."""
    return IngestReport(
        changed=changed,
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


def _spec_digest(spec: CustomersSpec) -> str:
    """Hash what decides how sources are read; a password in a URL is left out."""
    parts = spec.model_dump(mode="json")
    for source, written in zip(spec.sources, parts["sources"], strict=True):
        written["url"] = source.url and source.name
    plain = json.dumps([SCHEMA_VERSION, parts], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _is_same(old: Manifest, spec: CustomersSpec, batches: list[Batch], now_us: int) -> bool:
    """Tell whether reading the sources again would give the store that is there."""
    if old.retry_at_us is not None and now_us >= old.retry_at_us:
        return False
    known = [(b["source"], b["name"], b["sha256"]) for b in old.batches]
    return old.spec_digest == _spec_digest(spec) and known == [
        (batch.source, batch.name, batch.sha256) for batch in batches
    ]


def _readable_manifest(store: Path) -> Manifest | None:
    """Return the store's manifest; a damaged or foreign one is replaced, never built upon."""
    try:
        return Manifest.read(store)
    except DataCheckError:
        return None

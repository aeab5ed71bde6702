"""Ingest: sources in, a complete event store out, in one step that readers see or do not see."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.engine.files import flush_folder
from nexttouch.engine.lock import writing
from nexttouch.engine.manifest import SCHEMA_VERSION, Manifest, Segment
from nexttouch.engine.sources import find_batches
from nexttouch.engine.staging import Staging
from nexttouch.engine.write import write_partition, write_table
from nexttouch.errors import DataCheckError, StoreSpaceError
from nexttouch.events.log import Vocabulary
from nexttouch.events.report import IngestReport, LogSummary, iso_utc, most_frequent_first
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from nexttouch.engine.sources import Batch
    from nexttouch.events.build import BuiltLog
    from nexttouch.events.spec import CustomersSpec

__all__ = ["ingest", "quiet", "report_of"]

_DAY_US = 86_400_000_000
_ROWS_PER_PARTITION = 500_000
_FEWEST, _MOST = 4, 256
_MOST_NAMES = 60_000
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def quiet(what: str, done: int, total: int) -> None:
    """Say nothing about progress."""


def ingest(
    spec: CustomersSpec,
    *,
    project: Path,
    store: Path,
    tables: Mapping[str, Any] | None = None,
    now: pd.Timestamp,
    progress: Callable[[str, int, int], None] = quiet,
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
            _sweep(store)
            with _temporary(store) as folder:
                found = find_batches(
                    spec, project=project, tables=tables or {}, spill=folder / "queries"
                )
                old = _readable_manifest(store)
                now_us = now.value // 1000
                if old is not None and _is_same(old, spec, found, now_us):
                    return report_of(old, changed=False, seconds=time.perf_counter() - started)
                new = _Rebuild(spec, store, folder, now_us, progress).run(found, old)
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


@dataclass
class _Rebuild:
    """One ingest under way: the whole store is made anew beside the old one."""

    spec: CustomersSpec
    store: Path
    folder: Path
    now_us: int
    progress: Callable[[str, int, int], None]
    names: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def run(self, batches: list[Batch], old: Manifest | None) -> Manifest:
        latest_us = self.now_us + int(self.spec.future_tolerance_days * _DAY_US)
        with Staging(self.spec, self.folder, latest_us) as staging:
            facts = []
            for done, batch in enumerate(batches):
                self.progress(f"reading {batch.name}", done, len(batches))
                rows, bad = staging.add(batch)
                facts.append(
                    {
                        "source": batch.source,
                        "name": batch.name,
                        "sha256": batch.sha256,
                        "rows": rows,
                        "quarantined": bad,
                    }
                )
            self.progress("reading", len(batches), len(batches))
            total = staging.rows()
            if total == 0:
                names = ", ".join(repr(batch.name) for batch in batches[:5])
                msg = (
                    f"No usable event in {names} ({staging.rows_read} rows read). Check "
                    "customers.sources and customers.mapping; an empty log cannot be learned from."
                )
                raise DataCheckError(msg)
            vocabulary = self._vocabulary(staging, old)
            partitions = _FEWEST
            while partitions < _MOST and total > partitions * _ROWS_PER_PARTITION:
                partitions *= 2
            tally = _Tally(vocabulary)
            segments = list(self._write(staging, vocabulary, partitions, tally))
            quarantined = staging.quarantine()
            quarantine = None
            if quarantined.num_rows:
                quarantine = write_table(quarantined, self.folder, "quarantine", "rows")
            manifest = self._manifest(staging, vocabulary, tally, facts)
        manifest = Manifest(
            **manifest, partitions=tuple(segments), quarantine=quarantine, batches=tuple(facts)
        )
        self._move_in(manifest)
        return manifest.write(self.store)

    def _vocabulary(self, staging: Staging, old: Manifest | None) -> Vocabulary:
        """Return all names; those the store knew keep their codes."""
        known = old.vocabulary if old else Vocabulary((), ("",))
        names = {}
        for column, before in (("event", known.events), ("channel", known.channels)):
            found = staging.names_of(column)
            names[column] = (*before, *(name for name in found if name not in set(before)))
            if len(found) > _MOST_NAMES:
                msg = (
                    f"'{column}' has {len(found)} different names, for example {found[0]!r} and "
                    f"{found[1]!r}. Is an id mapped to customers.mapping.{column}?"
                )
                raise DataCheckError(msg)
        return Vocabulary(names["event"], names["channel"], self.spec.measures())

    def _write(
        self, staging: Staging, vocabulary: Vocabulary, partitions: int, tally: _Tally
    ) -> Iterator[tuple[Segment, ...]]:
        """Write partitions, two at a time, so that memory holds few of them."""
        workers = min(2, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            pending: list[Any] = []
            for number in range(partitions):
                table = staging.partition(number, partitions)
                if table.num_rows:
                    job = pool.submit(
                        write_partition,
                        table,
                        self.folder,
                        number,
                        vocabulary=vocabulary,
                        time_zone=self.spec.time_zone,
                        duplicates=self.spec.duplicates,
                    )
                    pending.append(job)
                else:
                    pending.append(None)
                while len(pending) > workers:
                    yield self._finished(pending.pop(0), tally)
                self.progress("sorting and writing", number, partitions)
            while pending:
                yield self._finished(pending.pop(0), tally)
            self.progress("sorting and writing", partitions, partitions)

    @staticmethod
    def _finished(job: Any, tally: _Tally) -> tuple[Segment, ...]:
        if job is None:
            return ()
        segment, built = job.result()
        tally.add(built)
        return (segment,)

    def _manifest(
        self,
        staging: Staging,
        vocabulary: Vocabulary,
        tally: _Tally,
        facts: list[dict[str, Any]],
    ) -> dict[str, Any]:
        zone = zone_table(self.spec.time_zone)
        first, last = zone.local_day_and_hour(np.array([tally.first_us, tally.last_us]))[0]
        until, since = self.spec.observed_until, self.spec.observed_from
        return {
            "time_zone": self.spec.time_zone,
            "currency": self.spec.currency,
            "minor_units": self.spec.minor_units,
            "vocabulary": vocabulary,
            "observed_from_us": _instant(since, zone) if since else zone.day_start(int(first)),
            "observed_until_us": _instant(until, zone) if until else zone.day_start(int(last) + 1),
            "watermark_us": tally.watermark_us,
            "summary": tally.summary().to_dict(),
            "rows_read": staging.rows_read,
            "quarantined": dict(sorted(staging.quarantined.items())),
            "repeats": tally.repeats,
            "redelivered": tally.redelivered,
            "corrections": tally.corrections,
            "spec_digest": _spec_digest(self.spec),
            "retry_at_us": staging.retry_at_us,
        }

    def _move_in(self, manifest: Manifest) -> None:
        """Give the new files their place; names hold their hash, so nothing is overwritten."""
        for file in manifest.files():
            target = self.store / file.path
            target.parent.mkdir(exist_ok=True)
            (self.folder / file.path).replace(target)
        for room in {Path(file.path).parts[0] for file in manifest.files()}:
            flush_folder(self.store / room)
        flush_folder(self.store)


class _Tally:
    """Facts of all partitions."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.events = self.customers = self.repeats = self.redelivered = self.corrections = 0
        self.first_us, self.last_us = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self.watermark_us = self.last_us
        self.by_event = np.zeros(len(vocabulary.events), dtype=np.int64)
        self.by_channel = np.zeros(len(vocabulary.channels), dtype=np.int64)

    def add(self, built: BuiltLog) -> None:
        log, found = built.log, built.sorted
        self.events += len(log)
        self.customers += log.n_customers
        self.repeats += found.repeats
        self.redelivered += found.redelivered
        self.corrections += found.corrections
        self.first_us = min(self.first_us, int(log.timestamp_us.min()))
        self.last_us = max(self.last_us, int(log.timestamp_us.max()))
        self.watermark_us = max(self.watermark_us, int(log.arrived_us.max()))
        self.by_event += np.bincount(log.event, minlength=len(self.by_event))
        self.by_channel += np.bincount(log.channel, minlength=len(self.by_channel))

    def summary(self) -> LogSummary:
        events = zip(self.vocabulary.events, self.by_event.tolist(), strict=True)
        channels = zip(self.vocabulary.channels, self.by_channel.tolist(), strict=True)
        return LogSummary(
            events=self.events,
            customers=self.customers,
            first=iso_utc(self.first_us),
            last=iso_utc(self.last_us),
            by_event=most_frequent_first(dict(events)),
            by_channel=most_frequent_first(dict(channels)),
        )


def _instant(moment: pd.Timestamp, zone: Any) -> int:
    """Return a declared moment in microseconds UTC; without a zone it is on the business clock."""
    if moment.tzinfo is not None:
        return int(moment.value // 1000)
    return int(zone.to_utc(np.array([moment.value // 1000]))[0])


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


@contextlib.contextmanager
def _temporary(store: Path) -> Iterator[Path]:
    """Give a folder inside the store that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".ingest-", dir=store))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(store: Path) -> None:
    """Remove what killed ingests left behind, and files that the manifest no longer names."""
    for left in store.glob(".ingest-*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        kept = {file.path for file in Manifest.read(store).files()}
    except DataCheckError:
        return
    for room in ("events", "customers", "quarantine"):
        for file in (store / room).glob("*.parquet"):
            if f"{room}/{file.name}" not in kept:
                file.unlink(missing_ok=True)

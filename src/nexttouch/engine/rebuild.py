"""A new store beside the old one: staged, sorted, written, moved in, committed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.engine.files import flush_folder
from nexttouch.engine.manifest import Manifest, Segment
from nexttouch.engine.staging import Staging
from nexttouch.engine.tally import Tally
from nexttouch.engine.write import write_partition, write_table
from nexttouch.errors import DataCheckError
from nexttouch.events.log import Vocabulary
from nexttouch.events.zones import zone_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from nexttouch.engine.sources import Batch
    from nexttouch.events.spec import CustomersSpec

__all__ = ["Rebuild"]

_DAY_US = 86_400_000_000
_ROWS_PER_PARTITION = 500_000
_FEWEST, _MOST = 4, 256
_MOST_NAMES = 60_000


@dataclass
class Rebuild:
    """One ingest under way: the whole store is made anew beside the old one."""

    spec: CustomersSpec
    store: Path
    folder: Path
    now_us: int
    progress: Callable[[str, int, int], None]

    def run(self, batches: list[Batch], old: Manifest | None, digest: str) -> Manifest:
        """Read, sort, write and commit; ``digest`` is that of the spec."""
        latest_us = self.now_us + int(self.spec.future_tolerance_days * _DAY_US)
        with Staging(self.spec, self.folder, latest_us) as staging:
            facts: list[dict[str, Any]] = []
            first: dict[tuple[int, str], str] = {}
            for done, batch in enumerate(batches):
                self.progress("reading", done, len(batches))
                same_as = first.setdefault((batch.source, batch.sha256), batch.name)
                twice = same_as != batch.name  # a copy of a file is the same batch twice
                rows, bad = (0, 0) if twice else staging.add(batch)
                facts.append(
                    {
                        "source": batch.source,
                        "name": batch.name,
                        "sha256": batch.sha256,
                        "rows": rows,
                        "quarantined": bad,
                        **({"same_as": same_as} if twice else {}),
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
            tally = Tally(vocabulary)
            segments = list(self._write(staging, vocabulary, partitions, tally))
            quarantined = staging.quarantine()
            quarantine = None
            if quarantined.num_rows:
                quarantine = write_table(quarantined, self.folder, "quarantine", "rows")
            manifest = Manifest(
                **self._facts(staging, vocabulary, tally),
                partitions=tuple(segments),
                quarantine=quarantine,
                batches=tuple(facts),
                spec_digest=digest,
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
        self, staging: Staging, vocabulary: Vocabulary, partitions: int, tally: Tally
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
    def _finished(job: Any, tally: Tally) -> tuple[Segment, ...]:
        if job is None:
            return ()
        segment, built = job.result()
        tally.add(built)
        return (segment,)

    def _facts(self, staging: Staging, vocabulary: Vocabulary, tally: Tally) -> dict[str, Any]:
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


def _instant(moment: pd.Timestamp, zone: Any) -> int:
    """Return a declared moment in microseconds UTC; without a zone it is on the business clock."""
    if moment.tzinfo is not None:
        return int(moment.value // 1000)
    return int(zone.to_utc(np.array([moment.value // 1000]))[0])

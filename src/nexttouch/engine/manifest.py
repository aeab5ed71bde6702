"""The manifest: what an event store holds. Replacing it is what commits an ingest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from nexttouch.engine.files import StoredFile, replace_file
from nexttouch.engine.tally import Tally
from nexttouch.engine.tombstones import Tombstones
from nexttouch.errors import DamagedStoreError, DataCheckError
from nexttouch.events.log import Measure, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST", "SCHEMA_VERSION", "Manifest", "Partition", "Segment", "partition_of"]

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Segment:
    """Some events of one partition's customers, in content order, and who they belong to.

    Attributes
    ----------
    events : StoredFile
    customers : StoredFile
        Ids, numbers of events and times of the last event.
    ids : StoredFile or None
        Fingerprints of event ids, sorted; those of ``aside`` included.
    aside : StoredFile or None
        Rows that lost their event id to a row that had arrived before.
    """

    events: StoredFile
    customers: StoredFile
    ids: StoredFile | None = None
    aside: StoredFile | None = None

    def files(self) -> list[StoredFile]:
        """Return the files there are."""
        found = (self.events, self.customers, self.ids, self.aside)
        return [file for file in found if file is not None]

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> Self:
        """Read the written form."""
        return cls(**{name: StoredFile(**file) for name, file in parts.items() if file})


@dataclass(frozen=True)
class Partition:
    """Customers of one partition: their segments, oldest first, and what these add up to.

    No two segments hold the same event id of a customer, nor repeats of rows when those are to be
    dropped: what remains for a reader is to put the segments' rows into one order.
    """

    segments: tuple[Segment, ...] = ()
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> Self:
        """Read the written form."""
        segments = tuple(Segment.from_dict(segment) for segment in parts["segments"])
        return cls(segments, Tally(**parts["tally"]))


@dataclass(frozen=True)
class Manifest:
    """Everything a reader must know before opening a file of the store.

    Nothing in it depends on the clock: the same sources give the same digest.

    Attributes
    ----------
    partitions : tuple of Partition
        Customer c is in partition ``md5(c)[0] % len(partitions)``; a partition without customers
        has no segment.
    batches : tuple of dict
        Source number, name, sha256, how it was read, rows and quarantined rows of each file, query
        or table.
    quarantine : tuple of StoredFile
        Rows set aside, by ingest.
    retry_at_us : int or None
        From this moment on, a row that lay too far in the future can be taken in.
    erased : Tombstones
        Customers whose rows are never taken in again.
    """

    time_zone: str
    currency: str
    minor_units: int
    vocabulary: Vocabulary
    observed_from_us: int
    observed_until_us: int
    watermark_us: int
    summary: dict[str, Any]
    rows_read: int
    quarantined: dict[str, int]
    repeats: int
    redelivered: int
    corrections: int
    spec_digest: str
    batches: tuple[dict[str, Any], ...]
    partitions: tuple[Partition, ...]
    quarantine: tuple[StoredFile, ...] = ()
    retry_at_us: int | None = None
    erased: Tombstones = field(default_factory=Tombstones)
    schema_version: int = SCHEMA_VERSION
    digest: str = field(default="", compare=False)

    def files(self) -> list[StoredFile]:
        """Return every file of the store."""
        segments = [segment for partition in self.partitions for segment in partition.segments]
        found = [file for segment in segments for file in segment.files()]
        return list(dict.fromkeys([*found, *self.quarantine]))

    def write(self, store: Path) -> Self:
        """Commit: from here on readers see this manifest. Returns it with its digest."""
        parts = asdict(self)
        parts.pop("digest")
        digest = _digest(parts)
        text = json.dumps({"digest": digest, **parts}, indent=1, ensure_ascii=True)
        replace_file(store / MANIFEST, text.encode())
        return type(self).read(store)

    @classmethod
    def read(cls, store: Path) -> Self:
        """Read and check the manifest of a store.

        Raises
        ------
        DataCheckError
            If there is no store, or one of a newer version.
        DamagedStoreError
            If the manifest was changed after it was written.
        """
        path = store / MANIFEST
        try:
            parts = json.loads(path.read_bytes())
            digest = parts.pop("digest")
        except FileNotFoundError as error:
            msg = f"There is no event store in {store}. Run 'nexttouch ingest' first."
            raise DataCheckError(msg) from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DamagedStoreError.wrong_file(str(path), "is not a manifest") from error
        if digest != _digest(parts):
            raise DamagedStoreError.wrong_file(str(path), "was changed after it was written")
        if parts["schema_version"] != SCHEMA_VERSION:
            msg = (
                f"The event store in {store} has layout {parts['schema_version']}, this version "
                f"reads {SCHEMA_VERSION}. Delete the folder and run 'nexttouch ingest' again."
            )
            raise DataCheckError(msg)
        vocabulary = parts["vocabulary"]
        parts["vocabulary"] = Vocabulary(
            tuple(vocabulary["events"]),
            tuple(vocabulary["channels"]),
            tuple(Measure(**measure) for measure in vocabulary["measures"]),
        )
        parts["partitions"] = tuple(map(Partition.from_dict, parts["partitions"]))
        parts["batches"] = tuple(parts["batches"])
        parts["quarantine"] = tuple(StoredFile(**file) for file in parts["quarantine"])
        parts["erased"] = Tombstones(parts["erased"]["salt"], tuple(parts["erased"]["marks"]))
        return cls(**parts, digest=digest)


def partition_of(customer_id: str, partitions: int) -> int:
    """Return the partition that a customer is in."""
    text = customer_id.encode(errors="surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).digest()[0] % partitions


def _digest(parts: dict[str, Any]) -> str:
    """Hash the facts whatever the order of keys; tuples and lists are the same."""
    plain = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()

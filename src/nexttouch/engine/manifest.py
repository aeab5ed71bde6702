"""The manifest: what an event store holds. Replacing it is what commits an ingest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from nexttouch.engine.files import StoredFile, replace_file
from nexttouch.errors import DamagedStoreError, DataCheckError
from nexttouch.events.log import Measure, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST", "SCHEMA_VERSION", "Manifest", "Segment"]

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Segment:
    """Some events of one partition's customers, in content order, and who they belong to."""

    events: StoredFile
    customers: StoredFile

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> Self:
        """Read the written form."""
        return cls(StoredFile(**parts["events"]), StoredFile(**parts["customers"]))


@dataclass(frozen=True)
class Manifest:
    """Everything a reader must know before opening a file of the store.

    Nothing in it depends on the clock: the same sources give the same digest.

    Attributes
    ----------
    partitions : tuple of tuple of Segment
        Customer c is in partition ``md5(c)[0] % len(partitions)``; a partition without customers
        has no segment.
    batches : tuple of dict
        Source number, name, sha256, rows and quarantined rows of each file, query or table.
    quarantine : StoredFile or None
        Rows set aside.
    retry_at_us : int or None
        From this moment on, a row that lay too far in the future can be taken in.
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
    partitions: tuple[tuple[Segment, ...], ...]
    quarantine: StoredFile | None = None
    retry_at_us: int | None = None
    schema_version: int = SCHEMA_VERSION
    digest: str = field(default="", compare=False)

    def files(self) -> list[StoredFile]:
        """Return every file of the store."""
        segments = [segment for partition in self.partitions for segment in partition]
        found = [file for segment in segments for file in (segment.events, segment.customers)]
        return [*found, self.quarantine] if self.quarantine else found

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
        parts["partitions"] = tuple(
            tuple(Segment.from_dict(segment) for segment in partition)
            for partition in parts["partitions"]
        )
        parts["batches"] = tuple(parts["batches"])
        parts["quarantine"] = StoredFile(**parts["quarantine"]) if parts["quarantine"] else None
        return cls(**parts, digest=digest)


def _digest(parts: dict[str, Any]) -> str:
    """Hash the facts whatever the order of keys; tuples and lists are the same."""
    plain = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()

"""The manifest: which files make a bundle, their hashes, and one digest for all."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Self

from nexttouch.bundle.contents import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    check_name,
    dump_json,
)
from nexttouch.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MANIFEST", "MAX_MANIFEST_BYTES", "SCHEMA_VERSION", "FileEntry", "Manifest"]

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 2**20
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and sha256 (hex) of one file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Measure some content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """Everything known of a bundle before its files are read.

    ``digest`` is the sha256 of the rest of the manifest in its fixed form: it names the bundle, and
    a manifest edited by hand no longer matches it.
    """

    info: Mapping[str, Any]
    files: Mapping[str, FileEntry]
    versions: Mapping[str, str]

    @classmethod
    def describe(cls, files: Mapping[str, bytes], info: Mapping[str, Any]) -> Self:
        """Describe files that are about to be written."""
        for name in files:
            check_name(name)
        manifest = cls(info, {n: FileEntry.of(files[n]) for n in sorted(files)}, _versions())
        manifest._check_limits()
        return manifest

    @property
    def digest(self) -> str:
        """Name of the bundle: 64 hex digits."""
        return hashlib.sha256(dump_json(self._body())).hexdigest()

    def to_bytes(self) -> bytes:
        """Write the manifest in its one fixed form.

        Raises
        ------
        BundleError
            If ``info`` is not strict JSON or too large.
        """
        try:
            content = dump_json({**self._body(), "digest": self.digest})
        except (TypeError, ValueError) as error:
            raise BundleError(f"The info of a bundle must be strict JSON: {error}.") from None
        if len(content) > MAX_MANIFEST_BYTES:
            raise BundleError(
                f"The manifest would take {len(content)} bytes, more than {MAX_MANIFEST_BYTES}. "
                "Put long content into a file of the bundle instead of its info."
            )
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a manifest, refusing any byte that ``to_bytes`` would not have written.

        Raises
        ------
        BundleError
            Saying what is wrong.
        """
        try:
            raw = json.loads(content)
            _check_schema(raw["schema_version"])
            manifest = cls(
                info=dict(raw["info"]),
                files={
                    name: FileEntry(int(entry["size"]), str(entry["sha256"]))
                    for name, entry in raw["files"].items()
                },
                versions=dict(raw["versions"]),
            )
            canonical = manifest.to_bytes()
        except BundleError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BundleError.damaged(
                MANIFEST, f"it cannot be read ({type(error).__name__})"
            ) from None
        if canonical != content:
            raise BundleError.damaged(MANIFEST, "it is not as it was written")
        for name in manifest.files:
            check_name(name)
        manifest._check_limits()
        return manifest

    def _body(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "info": dict(self.info),
            "files": {n: {"size": e.size, "sha256": e.sha256} for n, e in self.files.items()},
            "versions": dict(self.versions),
        }

    def _check_limits(self) -> None:
        if MANIFEST in self.files or len(self.files) > MAX_FILES:
            raise BundleError(
                f"A bundle holds up to {MAX_FILES} files, none of them called '{MANIFEST}'; "
                f"this one lists {len(self.files)}."
            )
        sizes = {name: entry.size for name, entry in self.files.items()}
        largest = max(sizes, key=lambda name: sizes[name], default="")
        total = sum(sizes.values())
        if min(sizes.values(), default=0) < 0 or (largest and sizes[largest] > MAX_FILE_BYTES):
            raise BundleError(
                f"'{largest}' has {sizes[largest]} bytes; a file may have up to {MAX_FILE_BYTES}."
            )
        if total > MAX_TOTAL_BYTES:
            raise BundleError(f"The bundle has {total} bytes; the limit is {MAX_TOTAL_BYTES}.")


def _check_schema(version: object) -> None:
    if type(version) is not int or version != SCHEMA_VERSION:
        raise BundleError(
            f"The bundle has schema version {version!r}; this nexttouch reads {SCHEMA_VERSION}. "
            "Use the nexttouch that wrote it, or train again."
        )


def _versions() -> dict[str, str]:
    names = ("nexttouch", "numpy", "lightgbm", "numba")
    return {"python": platform.python_version(), **{n: metadata.version(n) for n in names}}

"""Files that survive a crash: hashed, flushed to disk, and replaced in one step."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.errors import DamagedStoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StoredFile", "flush_folder", "replace_file", "sha256_of", "verified"]

_CHUNK = 1 << 20
_verified: dict[tuple[str, str], tuple[int, int]] = {}


@dataclass(frozen=True)
class StoredFile:
    """One file of a store, as its manifest knows it; ``path`` is relative to the store."""

    path: str
    sha256: str
    bytes: int
    rows: int


def sha256_of(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_file(path: Path) -> None:
    """Wait until a file's content is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never half of it."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    flush_folder(path.parent)


def verified(store: Path, file: StoredFile, *, again: bool = False) -> Path:
    """Return the path of a stored file after its content has proved to be the recorded one.

    A file is hashed once per process, and again whenever its size or its time of change differs.

    Raises
    ------
    DamagedStoreError
        If it is missing or was changed.
    """
    path = store / file.path
    try:
        seen = path.stat()
    except OSError as error:
        raise DamagedStoreError.wrong_file(str(path), "is missing or unreadable") from error
    key, stamp = (str(path), file.sha256), (seen.st_size, seen.st_mtime_ns)
    if not again and _verified.get(key) == stamp:
        return path
    if seen.st_size != file.bytes or sha256_of(path) != file.sha256:
        raise DamagedStoreError.wrong_file(str(path), "differs from what was written (sha256)")
    _verified[key] = stamp
    return path

"""Hashes of source files, remembered while a file's time stamps say that nothing was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from nexttouch.engine.files import replace_file, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SourceHashes"]

_FILE = ".sources.json"
_FRESH_NS = 2_000_000_000


class SourceHashes:
    """Hash files of one store's sources; a cache that may be lost, and is never believed blindly.

    A hash is used again while size, inode, time of writing and time of change (which no program
    can set) are those of the hashing. A file written in the last two seconds is not remembered:
    its stamps may be too coarse to tell the next writing.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self._known = self._read()
        self._used: dict[str, list[Any]] = {}

    def sha256(self, path: Path) -> str:
        """Return the hash of a file's content."""
        seen = path.stat()
        stamp = [seen.st_size, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns]
        before = self._known.get(str(path))
        digest = str(before[-1]) if before and before[:-1] == stamp else sha256_of(path)
        if max(seen.st_mtime_ns, seen.st_ctime_ns) < time.time_ns() - _FRESH_NS:
            self._used[str(path)] = [*stamp, digest]
        return digest

    def keep(self) -> None:
        """Remember the hashes of files that are still there."""
        if self._used != self._known:
            plain = json.dumps(self._used, sort_keys=True)
            parts = {"digest": hashlib.sha256(plain.encode()).hexdigest(), "files": self._used}
            replace_file(self.store / _FILE, json.dumps(parts).encode())

    def _read(self) -> dict[str, list[Any]]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            parts = json.loads((self.store / _FILE).read_bytes())
            plain = json.dumps(parts["files"], sort_keys=True)
            if parts["digest"] == hashlib.sha256(plain.encode()).hexdigest():
                return dict(parts["files"])
        return {}

"""One writer at a time: a lock that the system releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nexttouch.errors import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["writing"]


@contextmanager
def writing(store: Path) -> Iterator[None]:
    """Hold a store for writing.

    The file stays behind with the pid of its last holder; what locks is the system's advisory lock
    on it, so a killed holder needs no clearing up.

    Raises
    ------
    StoreBusyError
        If another process holds it, naming that process.
    """
    store.mkdir(parents=True, exist_ok=True)
    handle = os.open(store / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(handle, 32, 0).decode(errors="replace").strip()
            raise StoreBusyError.held_by(str(store), f"Process {pid or 'unknown'}") from error
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)

"""One folder takes the place of another in one step."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

__all__ = ["move_into_place", "remove_leftovers", "temporary_beside"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def temporary_beside(folder: Path) -> Path:
    """Create an empty folder in the same file system, marked with the process that fills it."""
    path = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def remove_leftovers(folder: Path) -> None:
    """Remove temporary folders of processes that were killed while writing ``folder``."""
    for path in folder.parent.glob(f".{folder.name}.*.tmp"):
        owner = path.name.split(".")[-2]
        if not (owner.isdigit() and Path(f"/proc/{owner}").exists()):
            shutil.rmtree(path, ignore_errors=True)


def move_into_place(temporary: Path, folder: Path) -> None:
    """Make ``temporary`` appear as ``folder``; it then holds what was there, if anything.

    Both are flushed to disk first, then exchanged by one system call. File systems that cannot
    exchange get two renames, between which a reader may find nothing.
    """
    for path in (*temporary.rglob("*"), temporary):
        if path.is_dir():
            _flush(path)
    if not folder.exists():
        temporary.rename(folder)
    elif not _exchange(temporary, folder):
        former = temporary.with_name(f"{temporary.name}.former")
        folder.rename(former)
        temporary.rename(folder)
        former.rename(temporary)
    _flush(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

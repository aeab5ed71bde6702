"""What a killed ingest leaves behind, and what no manifest names any more."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nexttouch.engine.manifest import Manifest
from nexttouch.engine.write import ROOMS
from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["sweep", "temporary_folder"]


@contextlib.contextmanager
def temporary_folder(store: Path) -> Iterator[Path]:
    """Give a folder inside the store that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".ingest-", dir=store))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(store: Path) -> None:
    """Remove what killed ingests left behind, and files that the manifest no longer names."""
    for left in store.glob(".ingest-*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        kept = {file.path for file in Manifest.read(store).files()}
    except DataCheckError:
        return
    for room in ROOMS:
        for file in (store / room).glob("*.parquet"):
            if f"{room}/{file.name}" not in kept:
                file.unlink(missing_ok=True)

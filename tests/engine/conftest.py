"""A small project folder, and the shortest way to ingest it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from nexttouch.engine import EventStore, ingest
from nexttouch.events import CustomersSpec

if TYPE_CHECKING:
    from pathlib import Path

NOW = pd.Timestamp("2025-06-01", tz="UTC")


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def spec(self, **parts):
        parts.setdefault("sources", [{"path": "events.csv"}])
        parts.setdefault("timestamps", {"zone": "UTC"})
        return CustomersSpec(**parts)

    def ingest(self, *, tables=None, now=NOW, **parts):
        return ingest(
            self.spec(**parts), project=self.folder, store=self.store, tables=tables, now=now
        )

    def open(self) -> EventStore:
        return EventStore.open(self.store)

    def ids(self) -> list[str]:
        return sorted(name for log in self.open().logs() for name in log.customer_ids)

    def times(self, customer_id: str = "a") -> list[str]:
        log = self.open().customer(customer_id)
        return [str(pd.Timestamp(us, unit="us")) for us in log.timestamp_us]

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.store)) for p in self.store.rglob("*") if p.is_file())


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)

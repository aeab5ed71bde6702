"""The event store: ingest with DuckDB, Parquet partitions with a manifest."""

from nexttouch.engine.erase import erase_customer, files_holding
from nexttouch.engine.ingest import ingest, report_of
from nexttouch.engine.manifest import Manifest
from nexttouch.engine.store import EventStore
from nexttouch.engine.traces import traces_of

__all__ = [
    "EventStore",
    "Manifest",
    "erase_customer",
    "files_holding",
    "ingest",
    "report_of",
    "traces_of",
]

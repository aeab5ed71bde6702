"""The event store: ingest with DuckDB, Parquet partitions with a manifest."""

from nexttouch.engine.ingest import ingest, report_of
from nexttouch.engine.manifest import Manifest
from nexttouch.engine.store import EventStore

__all__ = ["EventStore", "Manifest", "ingest", "report_of"]

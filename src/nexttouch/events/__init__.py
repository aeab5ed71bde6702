"""Events: canonical schema, content order, and what was known by a cutoff."""

from nexttouch.events.asof import AsOfBatch, as_of_batches
from nexttouch.events.build import build_log
from nexttouch.events.log import MISSING, EventLog, Measure, Vocabulary
from nexttouch.events.report import IngestReport, LogSummary, log_summary
from nexttouch.events.spec import CustomersSpec, MappingSpec, MeasureSpec, SourceSpec

__all__ = [
    "MISSING",
    "AsOfBatch",
    "CustomersSpec",
    "EventLog",
    "IngestReport",
    "LogSummary",
    "MappingSpec",
    "Measure",
    "MeasureSpec",
    "SourceSpec",
    "Vocabulary",
    "as_of_batches",
    "build_log",
    "log_summary",
]

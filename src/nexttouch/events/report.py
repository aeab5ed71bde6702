"""What was read: the facts an ingest tells, and the summary of a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from nexttouch.events.log import EventLog

How = Literal["nothing new", "appended", "rebuilt"]

__all__ = ["How", "IngestReport", "LogSummary", "log_summary"]


@dataclass(frozen=True)
class LogSummary:
    """Size and span of a log.

    Attributes
    ----------
    events, customers : int
    first, last : str
        Times of the first and last event, ISO 8601 in UTC; empty for an empty log.
    by_event, by_channel : dict of int
        Events by name, most frequent first; the empty channel name means no channel.
    """

    events: int
    customers: int
    first: str
    last: str
    by_event: dict[str, int]
    by_channel: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "events": self.events,
            "customers": self.customers,
            "first": self.first,
            "last": self.last,
            "by_event": dict(self.by_event),
            "by_channel": dict(self.by_channel),
        }


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did.

    Attributes
    ----------
    changed : bool
        False when the same sources had been ingested with the same spec: nothing was done.
    summary : LogSummary
        Of the whole store.
    rows_read : int
        Rows of the sources.
    quarantined : dict of int
        Rows set aside, by reason; they are kept in the store's quarantine.
    repeats : int
        Rows that repeat another in every column and have no event id (kept, or dropped on demand).
    redelivered, corrections : int
        Rows left out because their event id had come before, with the same or other content.
    observed_from, observed_until : str
        The log is taken to be complete between these, ISO 8601 in UTC.
    sources : tuple of dict
        Name, rows and sha256 of each file, query or table; ``same_as`` names the earlier file of
        the same source that a file is a copy of, whose rows are therefore not read again.
    digest : str
        Of the store's manifest.
    seconds : float
        Wall time.
    how : {"nothing new", "appended", "rebuilt"}
        Whether new batches were added to the store, or it was made from all of them.
    why : str
        Why it was made from all of them.
    """

    changed: bool
    summary: LogSummary
    rows_read: int
    quarantined: dict[str, int]
    repeats: int
    redelivered: int
    corrections: int
    observed_from: str
    observed_until: str
    sources: tuple[dict[str, Any], ...]
    digest: str
    seconds: float = field(compare=False)
    how: How = "rebuilt"
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "changed": self.changed,
            "how": self.how,
            "why": self.why,
            **self.summary.to_dict(),
            "rows_read": self.rows_read,
            "quarantined": dict(self.quarantined),
            "repeats": self.repeats,
            "redelivered": self.redelivered,
            "corrections": self.corrections,
            "observed_from": self.observed_from,
            "observed_until": self.observed_until,
            "sources": [dict(source) for source in self.sources],
            "digest": self.digest,
            "seconds": round(self.seconds, 3),
        }


def log_summary(log: EventLog) -> LogSummary:
    """Summarise a log in memory (a store has its summary in its manifest).

    Examples
    --------
    >>> from nexttouch.events.build import build_log
    >>> log = build_log(pd.DataFrame({"customer_id": ["a", "b"], "event": "purchase",
    ...     "timestamp": pd.to_datetime(["2025-03-02", "2025-03-01"], utc=True)}))
    >>> log_summary(log).last, log_summary(log).by_event
    ('2025-03-02T00:00:00+00:00', {'purchase': 2})
    """
    events = np.bincount(log.event, minlength=len(log.vocabulary.events)).tolist()
    channels = np.bincount(log.channel, minlength=len(log.vocabulary.channels)).tolist()
    return LogSummary(
        events=len(log),
        customers=log.n_customers,
        first=iso_utc(int(log.timestamp_us.min())) if len(log) else "",
        last=iso_utc(int(log.timestamp_us.max())) if len(log) else "",
        by_event=most_frequent_first(dict(zip(log.vocabulary.events, events, strict=True))),
        by_channel=most_frequent_first(dict(zip(log.vocabulary.channels, channels, strict=True))),
    )


def most_frequent_first(counts: dict[str, int]) -> dict[str, int]:
    """Order counts by size, then name; leave out zeros."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: count for name, count in ranked if count}


def iso_utc(moment_us: int) -> str:
    """Write microseconds UTC as ISO 8601."""
    return pd.Timestamp(moment_us, unit="us", tz="UTC").isoformat()

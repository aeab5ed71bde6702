"""Facts of some events: how many, of what, from when to when. They add up over partitions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nexttouch.events.report import LogSummary, iso_utc, most_frequent_first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexttouch.events.build import BuiltLog

__all__ = ["Tally"]

_NEVER_FIRST, _NEVER_LAST = int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Tally:
    """Counts and span of events.

    Attributes
    ----------
    events, customers : int
    repeats, redelivered, corrections : int
        As in `IngestReport`.
    first_us, last_us, watermark_us : int
        First and last event, and the last arrival; of no events the ends of int64.
    by_event, by_channel : dict of int
        Events by name.
    """

    events: int = 0
    customers: int = 0
    repeats: int = 0
    redelivered: int = 0
    corrections: int = 0
    first_us: int = _NEVER_FIRST
    last_us: int = _NEVER_LAST
    watermark_us: int = _NEVER_LAST
    by_event: dict[str, int] = field(default_factory=dict)
    by_channel: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, built: BuiltLog) -> Self:
        """Count one partition's log."""
        log, found = built.log, built.sorted
        names = log.vocabulary
        return cls(
            events=len(log),
            customers=log.n_customers,
            repeats=found.repeats,
            redelivered=found.redelivered,
            corrections=found.corrections,
            first_us=int(log.timestamp_us.min(initial=_NEVER_FIRST)),
            last_us=int(log.timestamp_us.max(initial=_NEVER_LAST)),
            watermark_us=int(log.arrived_us.max(initial=_NEVER_LAST)),
            by_event=_counts(names.events, np.bincount(log.event, minlength=len(names.events))),
            by_channel=_counts(
                names.channels, np.bincount(log.channel, minlength=len(names.channels))
            ),
        )

    @classmethod
    def sum(cls, tallies: Iterable[Self]) -> Self:
        """Add up facts of disjoint sets of customers."""
        total = cls()
        for tally in tallies:
            total = total + tally
        return total

    def __add__(self, other: Self) -> Self:
        return type(self)(
            events=self.events + other.events,
            customers=self.customers + other.customers,
            repeats=self.repeats + other.repeats,
            redelivered=self.redelivered + other.redelivered,
            corrections=self.corrections + other.corrections,
            first_us=min(self.first_us, other.first_us),
            last_us=max(self.last_us, other.last_us),
            watermark_us=max(self.watermark_us, other.watermark_us),
            by_event=_added(self.by_event, other.by_event),
            by_channel=_added(self.by_channel, other.by_channel),
        )

    def summary(self) -> LogSummary:
        """Return size and span."""
        return LogSummary(
            events=self.events,
            customers=self.customers,
            first=iso_utc(self.first_us) if self.events else "",
            last=iso_utc(self.last_us) if self.events else "",
            by_event=most_frequent_first(self.by_event),
            by_channel=most_frequent_first(self.by_channel),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def _counts(names: tuple[str, ...], counts: Any) -> dict[str, int]:
    found = zip(names, counts.tolist(), strict=True)
    return {name: count for name, count in found if count}


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}

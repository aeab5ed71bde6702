"""Facts of all partitions, added up as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.events.report import LogSummary, iso_utc, most_frequent_first

if TYPE_CHECKING:
    from nexttouch.events.build import BuiltLog
    from nexttouch.events.log import Vocabulary

__all__ = ["Tally"]


class Tally:
    """Counts and span of everything written so far."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.events = self.customers = self.repeats = self.redelivered = self.corrections = 0
        self.first_us, self.last_us = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self.watermark_us = self.last_us
        self.by_event = np.zeros(len(vocabulary.events), dtype=np.int64)
        self.by_channel = np.zeros(len(vocabulary.channels), dtype=np.int64)

    def add(self, built: BuiltLog) -> None:
        """Add one partition."""
        log, found = built.log, built.sorted
        self.events += len(log)
        self.customers += log.n_customers
        self.repeats += found.repeats
        self.redelivered += found.redelivered
        self.corrections += found.corrections
        self.first_us = min(self.first_us, int(log.timestamp_us.min()))
        self.last_us = max(self.last_us, int(log.timestamp_us.max()))
        self.watermark_us = max(self.watermark_us, int(log.arrived_us.max()))
        self.by_event += np.bincount(log.event, minlength=len(self.by_event))
        self.by_channel += np.bincount(log.channel, minlength=len(self.by_channel))

    def summary(self) -> LogSummary:
        """Return size and span."""
        events = zip(self.vocabulary.events, self.by_event.tolist(), strict=True)
        channels = zip(self.vocabulary.channels, self.by_channel.tolist(), strict=True)
        return LogSummary(
            events=self.events,
            customers=self.customers,
            first=iso_utc(self.first_us),
            last=iso_utc(self.last_us),
            by_event=most_frequent_first(dict(events)),
            by_channel=most_frequent_first(dict(channels)),
        )

"""What was known by each cutoff: events before it that had arrived by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog

__all__ = ["AsOfBatch", "as_of_batches"]


@dataclass(frozen=True)
class AsOfBatch:
    """A log in which every event before a cutoff had also arrived by it, for these cutoffs.

    ``customer`` maps the batch's customer numbers to those of the log it came from.
    """

    log: EventLog
    cutoffs_us: NDArray[np.int64]
    customer: NDArray[np.int32]


def as_of_batches(log: EventLog, cutoffs_us: NDArray[np.int64]) -> Iterator[AsOfBatch]:
    """Split a log so that kernels need not know arrival times.

    Customers without a late event share one batch with all cutoffs. The others get one batch per
    cutoff, holding what had happened and arrived by it. There is always a batch, if only of nobody.
    """
    cutoffs_us = np.sort(np.asarray(cutoffs_us, dtype=np.int64))
    at = np.searchsorted(cutoffs_us, log.timestamp_us, side="right")  # first cutoff after the event
    hidden = at < np.searchsorted(cutoffs_us, log.arrived_us, side="left")  # missing at that cutoff
    late = np.zeros(log.n_customers, dtype=bool)
    late[log.customer_of_event[hidden]] = True
    if not late.any():
        yield AsOfBatch(log, cutoffs_us, np.arange(log.n_customers, dtype=np.int32))
        return
    late_event = late[log.customer_of_event]
    punctual, customers = log.keep(~late_event)
    last = cutoffs_us[-1]
    told = (log.timestamp_us < last) & (log.arrived_us <= last)
    if punctual.n_customers or not told.any():  # with nothing known at all, one batch of nobody
        yield AsOfBatch(punctual, cutoffs_us, customers)
    for cutoff in cutoffs_us:
        known = late_event & (log.timestamp_us < cutoff) & (log.arrived_us <= cutoff)
        if known.any():
            subset, customers = log.keep(known)
            yield AsOfBatch(subset, np.array([cutoff], dtype=np.int64), customers)

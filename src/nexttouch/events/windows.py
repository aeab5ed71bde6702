"""Where a customer's events of some kinds stand at given moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nexttouch.jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog

__all__ = ["EventsOf"]


@dataclass(frozen=True, eq=False)
class EventsOf:
    """The events of some kinds in a log, by customer.

    Attributes
    ----------
    offsets : int64, shape (n_customers + 1,)
        Unlike in an ``EventLog`` a customer may have none.
    timestamp_us : int64, shape (n_events,)
    at : int64, shape (n_events,)
        Positions in the log.
    """

    offsets: NDArray[np.int64]
    timestamp_us: NDArray[np.int64]
    at: NDArray[np.int64]

    @classmethod
    def select(cls, log: EventLog, names: tuple[str, ...]) -> Self:
        """Select events by name; names the log does not know have no events."""
        wanted = np.zeros(len(log.vocabulary.events) + 1, dtype=bool)
        wanted[log.vocabulary.event_codes(names)] = True
        marked = wanted[log.event]
        before = np.concatenate([[0], np.cumsum(marked)])
        return cls(before[log.offsets], log.timestamp_us[marked], np.flatnonzero(marked))

    def before(
        self, customer: NDArray[np.int32], moment_us: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return, per row, the position after the customer's last event before a moment.

        The difference of two such positions counts the events in ``[earlier, later)``.
        """
        return np.asarray(_before(self.offsets, self.timestamp_us, customer, moment_us))

    def last_before(
        self, customer: NDArray[np.int32], moment_us: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return, per row, the time of the last event before a moment, -1 where there is none."""
        position = self.before(customer, moment_us)
        known = position > self.offsets[customer]
        last = np.full(len(customer), -1, dtype=np.int64)
        last[known] = self.timestamp_us[position[known] - 1]
        return last


@jit
def _before(offsets: Any, timestamp_us: Any, customer: Any, moment_us: Any) -> Any:
    out = np.empty(len(customer), np.int64)
    for row in range(len(customer)):
        low, high = offsets[customer[row]], offsets[customer[row] + 1]
        while low < high:
            middle = (low + high) // 2
            if timestamp_us[middle] < moment_us[row]:
                low = middle + 1
            else:
                high = middle
        out[row] = low
    return out

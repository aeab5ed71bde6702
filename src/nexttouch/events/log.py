"""The event log in memory: sorted arrays that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MISSING", "EventLog", "Measure", "Vocabulary"]

MISSING = np.iinfo(np.int64).min
"""A measure that an event does not carry."""


@dataclass(frozen=True)
class Measure:
    """A number that rides on events, kept as whole steps so that sums are exact.

    ``kind`` is ``money`` (step = one minor unit), ``number`` or ``date`` (step = 1 us, UTC).
    """

    name: str
    kind: Literal["money", "number", "date"] = "number"
    step: float = 1.0


@dataclass(frozen=True)
class Vocabulary:
    """Names behind the codes of a log. Codes only ever grow; nothing may depend on their order.

    ``channels[0]`` is always the empty string: no channel. ``measures[0]`` is always ``value``.
    """

    events: tuple[str, ...]
    channels: tuple[str, ...] = ("",)
    measures: tuple[Measure, ...] = (Measure("value", "money", 0.01),)

    def event_codes(self, names: tuple[str, ...] | list[str]) -> NDArray[np.uint16]:
        """Return the codes of those names that the log knows; unknown names have no events yet."""
        at = {name: code for code, name in enumerate(self.events)}
        return np.array(sorted(at[n] for n in names if n in at), dtype=np.uint16)

    def measure(self, name: str) -> int:
        """Return the row of a measure in ``EventLog.measures``."""
        return [m.name for m in self.measures].index(name)


@dataclass(frozen=True, eq=False)
class EventLog:
    """Events of some customers, grouped by customer and in content order within one.

    The order inside a customer is (timestamp, event name as bytes, arrival, channel, value,
    event id, properties), missing first: never row number, ingestion order or code.

    Attributes
    ----------
    customer_ids : array of str, shape (n_customers,)
    offsets : int64, shape (n_customers + 1,)
        Events of customer c are rows ``offsets[c]:offsets[c + 1]``; every customer has one or more.
    timestamp_us, arrived_us : int64, shape (n_events,)
        Microseconds UTC; ``arrived_us`` equals ``timestamp_us`` where the log has no arrival time.
    event, channel : uint16, shape (n_events,)
        Codes into ``vocabulary.events`` and ``vocabulary.channels``.
    local_day : int32, local_hour : int8, shape (n_events,)
        Calendar day (days since 1970-01-01) and hour in the business zone.
    measures : int64, shape (n_measures, n_events)
        In steps of each measure; ``MISSING`` where absent.
    actor : int32, shape (n_events,)
        Number of the acting person within the customer, -1 when unknown.
    """

    customer_ids: NDArray[np.object_]
    offsets: NDArray[np.int64]
    timestamp_us: NDArray[np.int64]
    arrived_us: NDArray[np.int64]
    event: NDArray[np.uint16]
    channel: NDArray[np.uint16]
    local_day: NDArray[np.int32]
    local_hour: NDArray[np.int8]
    measures: NDArray[np.int64]
    actor: NDArray[np.int32]
    vocabulary: Vocabulary = field(repr=False)

    def __len__(self) -> int:
        """Count the events."""
        return len(self.timestamp_us)

    @property
    def n_customers(self) -> int:
        """Count the customers."""
        return len(self.customer_ids)

    @property
    def customer_of_event(self) -> NDArray[np.int32]:
        """Customer number of each event, shape (n_events,)."""
        return np.repeat(np.arange(self.n_customers, dtype=np.int32), np.diff(self.offsets))

    @property
    def first_us(self) -> NDArray[np.int64]:
        """Time of each customer's first event, shape (n_customers,)."""
        return self.timestamp_us[self.offsets[:-1]]

    def keep(self, events: NDArray[np.bool_]) -> tuple[Self, NDArray[np.int32]]:
        """Return the log of the marked events and, per remaining customer, its former number."""
        counts = (
            np.add.reduceat(events.astype(np.int64), self.offsets[:-1])
            if len(self)
            else np.zeros(0, np.int64)
        )
        customers = np.flatnonzero(counts).astype(np.int32)
        log = type(self)(
            customer_ids=self.customer_ids[customers],
            offsets=np.concatenate([[0], np.cumsum(counts[customers])]).astype(np.int64),
            timestamp_us=self.timestamp_us[events],
            arrived_us=self.arrived_us[events],
            event=self.event[events],
            channel=self.channel[events],
            local_day=self.local_day[events],
            local_hour=self.local_hour[events],
            measures=np.ascontiguousarray(self.measures[:, events]),
            actor=self.actor[events],
            vocabulary=self.vocabulary,
        )
        return log, customers

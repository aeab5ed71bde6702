"""The same features by plain formulas, one value at a time: slow, and easy to believe.

Tests hold the kernel to this module. It reads events straight from the log, shares no code with the
kernel and keeps no state from one column to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.events.log import MISSING
from nexttouch.features.columns import DAY_PARTS, LIFE, MOVES_DAYS
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.features.columns import Column
    from nexttouch.features.compute import DatedMoves
    from nexttouch.features.plan import FeaturePlan

__all__ = ["oracle_features"]


def oracle_features(
    plan: FeaturePlan, log: EventLog, moves: DatedMoves, cutoffs_us: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute what ``compute_features`` computes, before its cast to float32.

    Parameters
    ----------
    plan, log, moves, cutoffs_us
        As for ``compute_features``.

    Returns
    -------
    float64 array of shape (n_features, n_rows)
    """
    rows = [
        [_value(column, _Known(plan, log, moves, c, int(cutoff))) for column in plan.columns]
        for c in range(log.n_customers)
        for cutoff in cutoffs_us
        if log.timestamp_us[log.offsets[c]] < cutoff
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, len(plan.columns)).T


@dataclass(frozen=True)
class _Known:
    """What is known of one customer at one cutoff."""

    plan: FeaturePlan
    log: EventLog
    moves: DatedMoves
    customer: int
    cutoff: int

    def events(self, group: str = "all", days: int = LIFE) -> list[int]:
        """Rows of the log: events of a group in a window before the cutoff."""
        names = self.plan.groups[group]
        first, end = self.log.offsets[self.customer : self.customer + 2]
        return [
            i
            for i in range(first, end)
            if self.log.timestamp_us[i] < self.cutoff
            and (names is None or self.log.vocabulary.events[self.log.event[i]] in names)
            and self.within(self.log.timestamp_us[i], days)
        ]

    def within(self, moment: int, days: int) -> bool:
        return days == LIFE or int(moment) >= self.cutoff - days * DAY_US

    def at(self, event: int) -> int:
        return int(self.log.timestamp_us[event])

    def amounts(self, measure: str, group: str, days: int = LIFE) -> list[int]:
        """Return steps of a measure on the events that carry it."""
        row = self.log.measures[self.log.vocabulary.measure(measure)]
        return [int(row[i]) for i in self.events(group, days) if row[i] != MISSING]

    def per_unit(self, measure: str) -> float:
        return next(1.0 / m.step for m in self.plan.measures if m.name == measure)

    def active_days(self, group: str) -> list[tuple[int, int]]:
        """Active days of a group, each with the time of its first event."""
        found: list[tuple[int, int]] = []
        for i in self.events(group):
            day = int(self.log.local_day[i])
            if not found or day > found[-1][0]:
                found.append((day, self.at(i)))
        return found

    def session_starts(self, group: str) -> list[int]:
        times = [self.at(i) for i in self.events(group)]
        pause = self.plan.spec.session_gap_minutes * 60_000_000
        return [t for k, t in enumerate(times) if k == 0 or t - times[k - 1] > pause]

    def count(self, kind: str, group: str, days: int) -> int:
        """Count something of a group in a window."""
        if kind == "active_days":
            return sum(self.within(t, days) for _, t in self.active_days(group))
        if kind == "sessions":
            return sum(self.within(t, days) for t in self.session_starts(group))
        if kind.startswith("sum_"):
            return sum(self.amounts(kind.removeprefix("sum_"), group, days))
        events = self.events(group, days)
        if kind == "weekend":
            return sum((int(self.log.local_day[i]) + 3) % 7 >= 5 for i in events)
        if kind in DAY_PARTS:
            return sum(DAY_PARTS[self.log.local_hour[i] // 6] == kind for i in events)
        return len(events)

    def silence_days(self, group: str) -> float:
        events = self.events(group)
        return (self.cutoff - self.at(events[-1])) / DAY_US if events else nan

    def stages(self) -> list[tuple[int, int]]:
        """List moves before the cutoff: when, and to which stage."""
        first, end = self.moves.offsets[self.customer : self.customer + 2]
        moves = zip(self.moves.at_us[first:end], self.moves.stage[first:end], strict=True)
        return [(int(t), int(stage)) for t, stage in moves if t < self.cutoff]

    def stays(self) -> list[tuple[int, int]]:
        """Stages one after the other, each with its begin; staying is not a new stay."""
        found = [(self.at(self.events()[0]), 0)]
        for t, stage in self.stages():
            if stage != found[-1][1]:
                found.append((t, stage))
        return found


def _value(column: Column, known: _Known) -> float:  # noqa: C901, PLR0911, PLR0912  one case an op
    match column.op, *column.args:
        case "recency", str(group):
            return known.silence_days(group)
        case "tenure", str(group):
            events = known.events(group)
            return (known.cutoff - known.at(events[0])) / DAY_US if events else nan
        case "count", str(kind), str(group), int(days):
            return known.count(kind, group, days)
        case "channel", str(name), int(days):
            names = known.log.vocabulary.channels
            events = known.events("all", days)
            return sum(bool(names[known.log.channel[i]] == name) for i in events)
        case "sum", str(measure), str(group), int(days):
            return known.count(f"sum_{measure}", group, days) / known.per_unit(measure)
        case "mean", str(measure), str(group), int(days):
            found = known.amounts(measure, group, days)
            return sum(found) / known.per_unit(measure) / len(found) if found else nan
        case "max", str(measure), str(group), int(days):
            found = known.amounts(measure, group, days)
            return max(found) / known.per_unit(measure) if found else nan
        case "last", str(measure), str(group):
            found = known.amounts(measure, group)
            return found[-1] / known.per_unit(measure) if found else nan
        case "date", str(measure), str(group):
            found = known.amounts(measure, group)
            return (found[-1] - known.cutoff) / DAY_US if found else nan
        case "decay", str(measure), str(group), int(days):
            return _decayed(known, measure, group, days)
        case "gap", str(quantity), str(group):
            return _gap(known, quantity, group)
        case "ratio", str(a), str(of_a), int(in_a), str(b), str(of_b), int(in_b), int(x), int(y):
            below = known.count(b, of_b, in_b) * y
            return known.count(a, of_a, in_a) * x / below if below > 0 else nan
        case "breadth", int(days):
            return len({known.log.event[i] for i in known.events("all", days)})
        case "people", int(days):
            return len({known.log.actor[i] for i in known.events("all", days)} - {-1})
        case "stage", *_:
            return known.stays()[-1][1]
        case "journey", "days":
            return (known.cutoff - known.stays()[-1][0]) / DAY_US
        case "journey", "previous":
            return known.stays()[-2][1] if len(known.stays()) > 1 else nan
        case "journey", _:
            return sum(known.within(t, MOVES_DAYS) for t, _ in known.stages())
        case "entries", int(code):
            return sum(stage == code for _, stage in known.stays()[1:])
    raise AssertionError(column)


def _decayed(known: _Known, measure: str, group: str, half_life_days: int) -> float:
    total = 0.0
    for i in known.events(group):
        age = known.cutoff // 1_000_000 - known.at(i) // 1_000_000
        steps = 1
        if measure != "events":
            amount = known.log.measures[known.log.vocabulary.measure(measure), i]
            steps = 0 if amount == MISSING else int(amount)
        total += steps * 2.0 ** (-age / (half_life_days * 86_400))
    return total if measure == "events" else total / known.per_unit(measure)


def _gap(known: _Known, quantity: str, group: str) -> float:
    days = [day for day, _ in known.active_days(group)]
    gaps = [later - earlier for earlier, later in pairwise(days)]
    if not gaps:
        return nan
    n, mean = len(gaps), sum(gaps) / len(gaps)
    spread = sqrt(n * sum(gap * gap for gap in gaps) - sum(gaps) ** 2) / n
    silence = known.silence_days(group)
    return {
        "mean": mean,
        "std": spread,
        "over": silence / mean,
        "z": (silence - mean) / max(spread, 1.0),
    }[quantity]

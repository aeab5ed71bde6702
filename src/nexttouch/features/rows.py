# ruff: noqa: PLR0917  compiled functions are called by position
"""One row of features: what the columns of each family read from a customer's state at a cutoff.

Parts of the kernel, written in what both the compiler and plain Python run. ``line`` is the row
being written, one value per column; a value that does not exist yet is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.features.columns import MOVES_DAYS
from nexttouch.jit import jit

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from nexttouch.features.layout import Ops

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Indices = NDArray[np.uint32]
    Line = NDArray[Any]

__all__ = [
    "MOVES_US",
    "share_left",
    "turn",
    "write_breadth",
    "write_counts",
    "write_decays",
    "write_gaps",
    "write_journey",
    "write_lasts",
    "write_money",
    "write_ratios",
    "write_times",
    "write_tops",
]

DAY_US = 86_400_000_000
MOVES_US = MOVES_DAYS * DAY_US
SECOND_US = 1_000_000
MISSING = np.int64(np.iinfo(np.int64).min)
LONGEST = 1024**3 - 1


@jit
def share_left(tables: Floats, life: int, seconds: int) -> Any:
    """Return what is left of 1 after some seconds, from the plan's tables."""
    s = min(seconds, LONGEST)
    return tables[life, 0, s & 1023] * tables[life, 1, (s >> 10) & 1023] * tables[life, 2, s >> 20]


@jit
def write_times(
    recency: Indices, tenure: Indices, seen_us: Ints, first_us: Ints, at: int, line: Line
) -> None:
    """Write days since the last and since the first event of a group."""
    for d in range(len(recency)):
        t = seen_us[recency[d, 1]]
        line[recency[d, 0]] = (at - t) / DAY_US if t != MISSING else np.nan
    for d in range(len(tenure)):
        t = first_us[tenure[d, 1]]
        line[tenure[d, 0]] = (at - t) / DAY_US if t != MISSING else np.nan


@jit
def write_counts(
    op: Indices, sums: Ints, kept_sums: Ints, kept: Indices, low: Indices, line: Line
) -> None:
    """Write counts of a window: sums now less sums at its start."""
    for d in range(len(op)):
        s = op[d, 2]
        line[op[d, 0]] = sums[s] - kept_sums[kept[low[op[d, 1]]], s]


@jit
def write_money(
    op_sum: Indices, op_mean: Indices, sums: Ints, kept_sums: Ints, kept: Indices, low: Indices,
    per_unit: Floats, line: Line,
) -> None:  # fmt: skip
    """Write sums and means of measures, in units."""
    for d in range(len(op_sum)):
        s = op_sum[d, 2]
        total = sums[s] - kept_sums[kept[low[op_sum[d, 1]]], s]
        line[op_sum[d, 0]] = total / per_unit[op_sum[d, 3] + 1]
    for d in range(len(op_mean)):
        k = kept[low[op_mean[d, 1]]]
        s = op_mean[d, 2]
        n = sums[op_mean[d, 3]] - kept_sums[k, op_mean[d, 3]]
        total = sums[s] - kept_sums[k, s]
        line[op_mean[d, 0]] = total / per_unit[op_mean[d, 4] + 1] / n if n else np.nan


@jit
def write_tops(
    op: Indices, kept_tops: Ints, kept: Indices, low: Indices, copies: int, per_unit: Floats,
    line: Line,
) -> None:  # fmt: skip
    """Write maxima of a window: the greatest of its pieces between copies."""
    for d in range(len(op)):
        top = MISSING
        s = op[d, 2]
        for k in range(kept[low[op[d, 1]]] + 1, copies + 1):
            top = max(top, kept_tops[k, s])
        line[op[d, 0]] = top / per_unit[op[d, 3] + 1] if top != MISSING else np.nan


@jit
def write_lasts(
    op_last: Indices, op_date: Indices, lasts: Ints, at: int, per_unit: Floats, line: Line
) -> None:
    """Write the last known value of a measure; a date as days from the cutoff to it."""
    for d in range(len(op_last)):
        x = lasts[op_last[d, 1]]
        line[op_last[d, 0]] = x / per_unit[op_last[d, 2] + 1] if x != MISSING else np.nan
    for d in range(len(op_date)):
        x = lasts[op_date[d, 1]]
        line[op_date[d, 0]] = (x - at) / DAY_US if x != MISSING else np.nan


@jit
def write_decays(
    op: Indices, decays: Floats, seen_us: Ints, at: int, tables: Floats, per_unit: Floats,
    line: Line,
) -> None:  # fmt: skip
    """Write decayed sums, decayed further from the group's last event to the cutoff."""
    second = at // SECOND_US
    for d in range(len(op)):
        t = seen_us[op[d, 2]]
        x = 0.0
        if t != MISSING:
            x = decays[op[d, 1]] * share_left(tables, op[d, 3], second - t // SECOND_US)
        line[op[d, 0]] = x / per_unit[op[d, 4]]


@jit
def write_gaps(op: Indices, days: Ints, seen_us: Ints, at: int, line: Line) -> None:
    """Write mean and spread of gaps between active days, and the silence now against them."""
    for d in range(len(op)):
        g = op[d, 1]
        n = days[g, 2] - 1
        x = np.nan
        if n > 0:
            span = days[g, 1] - days[g, 0]
            mean = span / n
            spread = np.sqrt(n * days[g, 3] - span * span) / n
            silence = (at - seen_us[g]) / DAY_US
            if op[d, 2] == 0:
                x = mean
            elif op[d, 2] == 1:
                x = spread
            elif op[d, 2] == 2:
                x = silence / mean
            else:
                x = (silence - mean) / max(spread, 1.0)
        line[op[d, 0]] = x


@jit
def write_ratios(
    op: Indices, sums: Ints, kept_sums: Ints, kept: Indices, low: Indices, factors: Ints,
    line: Line,
) -> None:  # fmt: skip
    """Write one window's sum over another's, each times its factor."""
    for d in range(len(op)):
        a = op[d, 2]
        b = op[d, 4]
        above = sums[a] - kept_sums[kept[low[op[d, 1]]], a]
        below = sums[b] - kept_sums[kept[low[op[d, 3]]], b]
        f = op[d, 5]
        x = np.nan
        if below > 0:
            x = (above * factors[f, 0]) / (below * factors[f, 1])
        line[op[d, 0]] = x


@jit
def write_breadth(
    op: Indices, last_us: Ints, seen: Indices, n_seen: int, low_us: Ints, line: Line
) -> None:
    """Write how many different events (or people) were last seen inside a window."""
    for d in range(len(op)):
        start = low_us[op[d, 1]]
        n = 0
        for s in range(n_seen):
            n += last_us[seen[s]] >= start
        line[op[d, 0]] = n


@jit
def write_journey(
    ops: Ops, stage: int, previous: int, age_us: int, recent: int, entries: Ints, line: Line
) -> None:
    """Write the present stage, its age, the one before, recent moves and entries per stage."""
    for d in range(len(ops.stage)):
        line[ops.stage[d, 0]] = stage
    for d in range(len(ops.journey)):
        x = np.nan
        if ops.journey[d, 1] == 0:
            x = age_us / DAY_US
        elif ops.journey[d, 1] == 1:
            if previous >= 0:
                x = float(previous)
        else:
            x = float(recent)
        line[ops.journey[d, 0]] = x
    for d in range(len(ops.entries)):
        line[ops.entries[d, 0]] = entries[ops.entries[d, 1]]


@jit
def turn(tile: NDArray[Any], filled: int, out: NDArray[Any], row: int) -> None:
    """Turn finished rows into columns."""
    for f in range(tile.shape[1]):
        for r in range(filled):
            out[f, row + r] = tile[r, f]

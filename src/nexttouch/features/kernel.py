"""The feature kernel: one sweep over a customer's events gives the rows of all cutoffs.

All cutoffs and window starts form one sorted list of *edges*. Each event is added once to running
integer sums, however many windows there are; at an edge with new events the sums are copied; a
window is the difference of now and the copy at its start, exact because sums are integers. A
maximum cannot be subtracted: it is kept for each piece between two copies.

What makes rows equal bit for bit, in batch and alone: the state changes at events only (a cutoff
reads it and writes nothing back); only + - * / sqrt and comparisons are used, which IEEE 754 fixes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nexttouch.features import rows
from nexttouch.jit import jit, sources

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from nexttouch.features.bind import KernelPlan

__all__ = ["Edges", "Events", "MovesIn", "sweep"]

MISSING = np.int64(np.iinfo(np.int64).min)
FAR = np.int64(np.iinfo(np.int64).max)
SECOND_US = 1_000_000
TILE = 32  # rows finished before they are turned into columns


class Events(NamedTuple):
    """The arrays of an event log, see ``EventLog``."""

    offsets: NDArray[np.int64]
    timestamp_us: NDArray[np.int64]
    event: NDArray[np.uint16]
    channel: NDArray[np.uint16]
    local_day: NDArray[np.int32]
    local_hour: NDArray[np.int8]
    measures: NDArray[np.int64]
    actor: NDArray[np.int32]


class MovesIn(NamedTuple):
    """Dated moves: customer c's are rows ``offsets[c]:offsets[c + 1]``, ascending in time."""

    offsets: NDArray[np.int64]
    at_us: NDArray[np.int64]
    stage: NDArray[np.int16]


class Edges(NamedTuple):
    """Instants at which sums are kept, common to all customers.

    Attributes
    ----------
    at_us : int64, shape (n_edges + 1,)
        Ascending; the last is beyond all time.
    cutoff : int32, shape (n_edges,)
        Number of the cutoff at the edge, -1 where there is none.
    low : uint32, shape (n_cutoffs, n_windows)
        Edge at which each window begins; ``n_edges`` for the whole life.
    low_us : int64, shape (n_cutoffs, n_windows)
        The same instant, ``MISSING`` for the whole life.
    """

    at_us: NDArray[np.int64]
    cutoff: NDArray[np.int32]
    low: NDArray[np.uint32]
    low_us: NDArray[np.int64]


def _build(source: str) -> Any:  # noqa: C901, PLR0915  holds one function
    """Make the kernel; ``source`` is there to be part of the key of the compile cache."""

    @jit
    def sweep(  # noqa: C901, PLR0912, PLR0915, PLR0917  a call per event costs more than the work
        plan: KernelPlan,
        edges: Edges,
        events: Events,
        moves: MovesIn,
        first: int,
        last: int,
        row: int,
        n_actors: int,
        out: NDArray[Any],
    ) -> int:
        """Fill ``out[:, row:]`` with the rows of customers ``first`` to ``last - 1``.

        Parameters
        ----------
        n_actors : int
            One more than the greatest actor number of these customers; 0 if people are not counted.
        out : float32, shape (n_columns, n_rows)

        Returns
        -------
        int
            The row after the last one written.
        """
        _ = source
        size, adds, ops, tables = plan.sizes, plan.adds, plan.ops, plan.tables
        n_edges = len(edges.cutoff)
        n_events = len(adds.group_off) - 1
        # running state of one customer
        sums = np.zeros(size.sums + 1, np.int64)
        tops = np.zeros(size.tops, np.int64)
        lasts = np.zeros(size.lasts, np.int64)
        decays = np.zeros(size.decays, np.float64)
        seen_us = np.zeros(size.groups, np.int64)
        first_us = np.zeros(size.groups, np.int64)
        days = np.zeros((size.groups, 4), np.int64)  # first, last, how many, sum of squared gaps
        entries = np.zeros(size.stages, np.int64)
        event_us = np.full(n_events, MISSING, np.int64)
        event_list = np.zeros(n_events, np.uint32)
        actor_us = np.full(n_actors, MISSING, np.int64)
        actor_list = np.zeros(n_actors, np.uint32)
        addend = np.zeros(size.addends, np.int64)
        addend[0] = 1
        part = 3
        # copies at edges
        kept_sums = np.zeros((n_edges + 1, size.sums + 1), np.int64)
        kept_tops = np.zeros((n_edges + 1, size.tops), np.int64)
        kept = np.zeros(n_edges + 1, np.uint32)
        tile = np.zeros((TILE, size.columns), out.dtype)
        filled = 0
        for c in range(first, last):
            a = events.offsets[c]
            b = events.offsets[c + 1]
            if a == b:
                continue
            start = events.timestamp_us[a]
            sums[:] = 0
            tops[:] = MISSING
            lasts[:] = MISSING
            decays[:] = 0.0
            seen_us[:] = MISSING
            first_us[:] = MISSING
            days[:] = 0
            entries[:] = 0
            n_seen = 0
            n_people = 0
            move = moves.offsets[c]
            recent = move
            stage = 0
            previous = -1
            since = start
            copies = 0
            changed = False
            j = 0
            for i in range(a, b + 1):  # one more turn passes the edges after the last event
                t = events.timestamp_us[i] if i < b else FAR
                if edges.at_us[j] <= t:
                    if changed:
                        copies += 1
                        changed = False
                        for s in range(size.sums):
                            kept_sums[copies, s] = sums[s]
                        for s in range(size.tops):
                            kept_tops[copies, s] = tops[s]
                            tops[s] = MISSING
                    while j < n_edges and edges.at_us[j] <= t:
                        kept[j] = copies
                        cut = edges.cutoff[j]
                        if cut >= 0 and i > a:
                            at = edges.at_us[j]
                            while move < moves.offsets[c + 1] and moves.at_us[move] < at:
                                if moves.stage[move] != stage:
                                    previous = stage
                                    stage = moves.stage[move]
                                    since = moves.at_us[move]
                                    entries[stage] += 1
                                move += 1
                            while recent < move and moves.at_us[recent] < at - rows.MOVES_US:
                                recent += 1
                            line = tile[filled]
                            low = edges.low[cut]
                            low_us = edges.low_us[cut]
                            unit = plan.per_unit
                            rows.write_times(ops.recency, ops.tenure, seen_us, first_us, at, line)
                            rows.write_counts(ops.counts, sums, kept_sums, kept, low, line)
                            rows.write_money(
                                ops.sum, ops.mean, sums, kept_sums, kept, low, unit, line
                            )
                            rows.write_tops(ops.max, kept_tops, kept, low, copies, unit, line)
                            rows.write_lasts(ops.last, ops.date, lasts, at, unit, line)
                            rows.write_decays(ops.decay, decays, seen_us, at, tables, unit, line)
                            rows.write_gaps(ops.gap, days, seen_us, at, line)
                            rows.write_ratios(
                                ops.ratio, sums, kept_sums, kept, low, plan.factors, line
                            )
                            rows.write_breadth(
                                ops.breadth, event_us, event_list, n_seen, low_us, line
                            )
                            rows.write_breadth(
                                ops.people, actor_us, actor_list, n_people, low_us, line
                            )
                            rows.write_journey(
                                ops, stage, previous, at - since, move - recent, entries, line
                            )
                            filled += 1
                            if filled == TILE:
                                rows.turn(tile, filled, out, row)
                                row += filled
                                filled = 0
                        j += 1
                    if j == n_edges:
                        break
                changed = True
                code = events.event[i]
                if event_us[code] == MISSING:
                    event_list[n_seen] = code
                    n_seen += 1
                event_us[code] = t
                if n_actors > 0 and events.actor[i] >= 0:
                    person = events.actor[i]
                    if actor_us[person] == MISSING:
                        actor_list[n_people] = person
                        n_people += 1
                    actor_us[person] = t
                sums[adds.channel_slot[events.channel[i]]] += 1
                day = events.local_day[i]
                addend[part] = 0
                part = 3 + events.local_hour[i] // 6
                addend[part] = 1
                addend[7] = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
                for m in range(len(plan.measure_row)):
                    value = MISSING
                    if plan.measure_row[m] >= 0:
                        value = events.measures[plan.measure_row[m], i]
                    addend[8 + 2 * m] = 0 if value == MISSING else value
                    addend[9 + 2 * m] = value != MISSING
                second = t // SECOND_US
                for p in range(adds.group_off[code], adds.group_off[code + 1]):
                    g = adds.group[p]
                    before = seen_us[g]
                    seen_us[g] = t
                    if before == MISSING:
                        first_us[g] = t
                        days[g, 0] = day
                        days[g, 1] = day
                        days[g, 2] = 1
                        addend[1] = 1
                        addend[2] = 1
                        lapse = np.int64(0)
                    else:
                        lapse = second - before // SECOND_US
                        addend[1] = day > days[g, 1]
                        addend[2] = t - before > size.session_gap_us
                        if day > days[g, 1]:
                            gap = day - days[g, 1]
                            days[g, 1] = day
                            days[g, 2] += 1
                            days[g, 3] += gap * gap
                    for s in range(adds.add_off[g], adds.add_off[g + 1]):
                        sums[adds.add[s, 0]] += addend[adds.add[s, 1]]
                    for s in range(adds.top_off[g], adds.top_off[g + 1]):
                        m = adds.top[s, 1]
                        if addend[9 + 2 * m] and addend[8 + 2 * m] > tops[adds.top[s, 0]]:
                            tops[adds.top[s, 0]] = addend[8 + 2 * m]
                    for s in range(adds.last_off[g], adds.last_off[g + 1]):
                        m = adds.last[s, 1]
                        if addend[9 + 2 * m]:
                            lasts[adds.last[s, 0]] = addend[8 + 2 * m]
                    for s in range(adds.decay_off[g], adds.decay_off[g + 1]):
                        d = adds.decay[s, 0]
                        left = rows.share_left(tables, adds.decay[s, 2], lapse)
                        decays[d] = decays[d] * left + addend[adds.decay[s, 1]]
            for s in range(n_seen):
                event_us[event_list[s]] = MISSING
            for s in range(n_people):
                actor_us[actor_list[s]] = MISSING
        rows.turn(tile, filled, out, row)
        return row + filled

    return sweep


sweep = _build(sources(__file__, "rows", "bind", "layout", "columns"))

"""From prices to tiers: everybody takes their best tier, a small exact program mends the rest.

Rounding by greedy repair leaves limits violated, and a core of the globally cheapest switches holds
none that could mend a scarce row. So the core takes the cheapest switches of every cell (segment,
from-tier, to-tier), all that tie with them included, and grows until the proven gap is small.
Customers worth exactly the same are one column; which of them move is decided by their keyed hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array

from nexttouch.decisions.highs import maximise
from nexttouch.decisions.problem import CLOSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.problem import AllocationProblem

__all__ = ["Core", "Switches", "cheapest_switches", "solve_core"]

MOST_COLUMNS = 20_000


@dataclass(frozen=True)
class Switches:
    """Moves that may be needed: customer ``row`` to ``tier`` at a ``loss`` (quanta after prices).

    ``complete`` says that no move was left out that a better assignment could use.
    """

    row: NDArray[np.int64]
    tier: NDArray[np.int64]
    complete: bool


@dataclass(frozen=True)
class Core:
    """A mended assignment and the best any choice among the switches could have reached."""

    tier: NDArray[np.int8]
    bound: float
    optimal: bool


def cheapest_switches(
    problem: AllocationProblem,
    table: NDArray[np.float64],
    first: NDArray[np.int8],
    *,
    per_cell: int,
    worth_trying: float,
) -> Switches:
    """Return the cheapest switches of every cell.

    Parameters
    ----------
    table : float array of shape (n_segments, n_tiers)
        Price of each tier, in quanta.
    first : int8 array of shape (n_customers,)
        Best tier after prices.
    per_cell : int
        Switches per (segment, from-tier, to-tier), ties with the last one included.
    worth_trying : float
        Bound minus best known value, in quanta: a dearer switch cannot be part of anything better.
    """
    tiers = len(problem.tiers)
    cell = problem.segment.astype(np.int64) * tiers + first
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(len(problem.segments) * tiers + 1))
    picked: list[NDArray[np.int64]] = []
    to: list[NDArray[np.int64]] = []
    complete = True
    for code in range(len(starts) - 1):
        members = order[starts[code] : starts[code + 1]]
        if not len(members):
            continue
        s, f = divmod(code, tiers)
        stay = problem.quanta[members, f] - table[s, f]
        for t in range(tiers):
            if t == f:
                continue
            quanta = problem.quanta[members, t]
            loss = stay - (quanta - table[s, t])
            wanted = np.flatnonzero((quanta > CLOSED) & (loss <= worth_trying))
            if len(wanted) > per_cell:
                last = np.partition(loss[wanted], per_cell - 1)[per_cell - 1]
                kept = wanted[loss[wanted] <= last]
                complete &= len(kept) == len(wanted)
                wanted = kept
            picked.append(members[wanted])
            to.append(np.full(len(wanted), t))
    none = np.zeros(0, dtype=np.int64)
    return Switches(np.concatenate([none, *picked]), np.concatenate([none, *to]), complete)


def solve_core(
    problem: AllocationProblem,
    first: NDArray[np.int8],
    switches: Switches,
    *,
    abs_gap: float,
    enough: float,
) -> Core | None:
    """Choose among the switches so that every limit holds, at the greatest value.

    Parameters
    ----------
    abs_gap : float
        Currency units from the best choice at which to stop.
    enough : float
        A total value, in currency units, at which to stop.

    Returns
    -------
    Core or None
        None when the switches do not suffice or are too many for one program.
    """
    group_of, members, starts = _groups(problem, first, switches)
    tiers = len(problem.tiers)
    columns = np.unique(group_of * tiers + switches.tier)
    if len(columns) > MOST_COLUMNS:
        return None
    group, to = np.divmod(columns, tiers)
    leader = members[starts[group]]
    each = np.diff(starts).astype(np.float64)
    origin = first[leader]
    gain = problem.quanta[leader, to] - problem.quanta[leader, origin]
    worth = gain.astype(np.float64) * problem.quantum
    extra = (
        problem.use[problem.segment[leader], to] - problem.use[problem.segment[leader], origin]
    ).T
    k, col = np.nonzero(extra)
    rows = len(problem.resources)
    matrix = coo_array(
        (
            np.concatenate([extra[k, col], np.ones(len(columns))]),
            (
                np.concatenate([k, rows + group]),
                np.concatenate([col, np.arange(len(columns))]),
            ),
        ),
        shape=(rows + len(each), len(columns)),
    ).tocsc()
    left = problem.limits - problem.usage(first)
    answer = maximise(
        worth,
        matrix,
        np.concatenate([left, each]),
        each[group],
        integer=True,
        abs_gap=abs_gap,
        enough=enough - problem.value(first),
    )
    if answer is None:
        return None
    tier = first.copy()
    moves = np.rint(answer.x).astype(np.int64)
    taken = starts[:-1].copy()
    for j in np.flatnonzero(moves):
        g = group[j]
        tier[members[taken[g] : taken[g] + moves[j]]] = to[j]
        taken[g] += moves[j]
    return Core(tier, problem.value(first) + answer.bound, answer.optimal)


def _groups(
    problem: AllocationProblem, first: NDArray[np.int8], switches: Switches
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Join customers that are worth the same in every tier and may make the same switches.

    Returns
    -------
    group_of : int64 array of shape (n_switches,)
        Group of each switch's customer.
    members : int64 array of shape (n_movable_customers,)
        Their rows, group by group, within one by keyed hash.
    starts : int64 array of shape (n_groups + 1,)
        Members of group g are ``members[starts[g]:starts[g + 1]]``.
    """
    rows, place = np.unique(switches.row, return_inverse=True)
    allowed = np.zeros(len(rows), dtype=np.int64)
    np.bitwise_or.at(allowed, place, 1 << switches.tier)
    same = np.column_stack([problem.segment[rows], first[rows], allowed, problem.quanta[rows]])
    order = np.lexsort((problem.tie[rows], *same.T))
    members = rows[order]
    ordered = same[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    group = np.cumsum(new) - 1
    group_of = np.empty(len(rows), dtype=np.int64)
    group_of[order] = group
    return group_of[place], members, np.append(np.flatnonzero(new), len(rows))

"""Whether floors and limits can hold together, asked before solving and answered exactly.

Customers of one segment with the same open tiers are interchangeable here, so the question is a
small integer program over classes of customers, whatever their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array

from nexttouch.decisions.highs import Answer, maximise
from nexttouch.decisions.problem import CLOSED
from nexttouch.errors import ContradictoryLimitsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.problem import AllocationProblem

__all__ = ["CustomerClasses", "feasible_start", "most_usage"]


@dataclass(frozen=True)
class CustomerClasses:
    """Classes of customers with one segment and one set of open tiers.

    Attributes
    ----------
    of : int64 array of shape (n_customers,)
        Class of each customer.
    count : int64 array of shape (n_classes,)
    segment : int64 array of shape (n_classes,)
    open_to : bool array of shape (n_classes, n_tiers)
    """

    of: NDArray[np.int64]
    count: NDArray[np.int64]
    segment: NDArray[np.int64]
    open_to: NDArray[np.bool_]

    @classmethod
    def of_problem(cls, problem: AllocationProblem) -> CustomerClasses:
        """Group the customers of a problem."""
        tiers = len(problem.tiers)
        code = problem.segment.astype(np.int64)
        for t in range(tiers):
            code = 2 * code + (problem.quanta[:, t] > CLOSED)
        values, of, count = np.unique(code, return_inverse=True, return_counts=True)
        bits = (values[:, None] >> np.arange(tiers - 1, -1, -1)) & 1
        return cls(of, count, values >> tiers, bits.astype(bool))


def most_usage(problem: AllocationProblem, classes: CustomerClasses) -> NDArray[np.float64]:
    """Return the most that each resource could be used, shape (n_resources,).

    A resource whose limit is not below it can never bind.
    """
    use = np.where(classes.open_to[:, :, None], problem.use[classes.segment], -np.inf)
    most: NDArray[np.float64] = classes.count @ use.max(axis=1)
    return most


def feasible_start(problem: AllocationProblem, classes: CustomerClasses) -> NDArray[np.int8]:
    """Return some assignment that keeps every limit.

    Without floors it is no-touch for everybody.

    Raises
    ------
    ContradictoryLimitsError
        If none exists; names a smallest set of rows that contradict each other.
    """
    out = np.zeros(len(problem), dtype=np.int8)
    if problem.holds(problem.usage(out)):
        return out
    everything = np.arange(len(problem.resources))
    answer = _solve(problem, classes, everything)
    if answer is None:
        named = [problem.resources[k].name for k in _contradiction(problem, classes)]
        raise ContradictoryLimitsError.from_rows(named)
    share = np.zeros(classes.open_to.shape, dtype=np.int64)
    share[classes.open_to] = np.rint(answer.x).astype(np.int64)
    by_class = np.argsort(classes.of, kind="stable")
    ends = np.cumsum(classes.count)
    for c in np.flatnonzero(share[:, 1:].any(axis=1)):
        members = by_class[ends[c] - classes.count[c] : ends[c]]
        for t in range(len(problem.tiers) - 1, 0, -1):
            if not share[c, t]:
                continue
            order = np.lexsort((problem.tie[members], -problem.quanta[members, t]))
            out[members[order[: share[c, t]]]] = t
            members = members[order[share[c, t] :]]
    return out


def _solve(
    problem: AllocationProblem, classes: CustomerClasses, rows: NDArray[np.int64]
) -> Answer | None:
    """Assign whole classes under some of the rows, or return None when that is impossible."""
    c, t = np.nonzero(classes.open_to)
    columns = np.arange(len(c))
    total = np.column_stack(
        [
            np.bincount(classes.of, np.where(q > CLOSED, q, 0), len(classes.count))
            for q in problem.quanta.T
        ]
    )
    worth = (total / classes.count[:, None])[c, t] * problem.quantum
    used = problem.use[classes.segment[c], t][:, rows].T
    k, col = np.nonzero(used)
    matrix = coo_array(
        (
            np.concatenate([used[k, col], np.ones(len(c))]),
            (np.concatenate([k, len(rows) + c]), np.concatenate([col, columns])),
        ),
        shape=(len(rows) + len(classes.count), len(c)),
    ).tocsc()
    each = classes.count.astype(np.float64)
    return maximise(
        worth,
        matrix,
        np.concatenate([problem.limits[rows], each]),
        each[c],
        row_lower=np.concatenate([np.full(len(rows), -np.inf), each]),
        integer=True,
        abs_gap=float(np.abs(worth).max(initial=0.0) * len(problem)) * 1e-3,
    )


def _contradiction(problem: AllocationProblem, classes: CustomerClasses) -> list[int]:
    """Drop every row without which the rest is still impossible; what stays is irreducible."""
    rows = list(range(len(problem.resources)))
    for k in range(len(problem.resources)):
        rest = [row for row in rows if row != k]
        if _solve(problem, classes, np.array(rest, dtype=np.int64)) is None:
            rows = rest
    return rows

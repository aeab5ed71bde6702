"""What teams do without values: rank by churn risk and start with the dearest tier.

Kept as a named, harmful baseline. It spends on customers who cannot be kept, or cannot pay for the
call (in a simulated trial it earned less than leaving everybody alone). Never an option to choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.decisions.problem import CLOSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.problem import AllocationProblem

__all__ = ["rank_by_churn_risk"]


def rank_by_churn_risk(
    problem: AllocationProblem, p_churn: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Fill tiers from the dearest down with the customers most at risk (harmful baseline).

    Eligibility, capacity, hours and budget hold; floors are not looked at.

    Parameters
    ----------
    p_churn : float array of shape (n_customers,)

    Returns
    -------
    int8 array of shape (n_customers,)
        Position in ``problem.tiers``.
    """
    out = np.zeros(len(problem), dtype=np.int8)
    left = problem.limits
    order = np.lexsort((problem.tie, -p_churn))
    for t in range(len(problem.tiers) - 1, 0, -1):
        use = problem.use[:, t].max(axis=0, initial=0.0)
        rows = use > 0
        most = np.floor(left[rows] / use[rows] + 1e-9).min(initial=len(problem))
        free = order[(problem.quanta[order, t] > CLOSED) & (out[order] == 0)]
        chosen = free[: max(0, int(most))]
        out[chosen] = t
        left = left - use * rows * len(chosen)
    return out

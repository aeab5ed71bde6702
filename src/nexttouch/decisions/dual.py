"""Shadow prices: the Lagrangian dual of the allocation, by a level method.

At given prices every customer simply takes the tier that is worth most after them; the prices are
moved until what is used fits what there is. Each trial is one pass over the customers and one
small linear program over the resources.

Source: Lemaréchal, Nemirovskii, Nesterov (1995), "New variants of bundle methods".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from nexttouch.decisions.feasibility import most_usage
from nexttouch.decisions.highs import maximise
from nexttouch.decisions.kernels import priced_totals
from nexttouch.decisions.problem import CLOSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.feasibility import CustomerClasses
    from nexttouch.decisions.kernels import Engine
    from nexttouch.decisions.problem import AllocationProblem

__all__ = ["Dual", "price_table", "shadow_prices"]

TOLERANCE = 1e-8  # 1e-6 left 5 M customers infeasible after rounding
PASSES = 200
LEVEL = 0.3
_WIDER = 10.0


@dataclass(frozen=True)
class Dual:
    """Prices and the bound they prove.

    Attributes
    ----------
    price : float array of shape (n_resources,)
        Currency units per unit of each resource; 0 for one that cannot bind.
    bound : float
        No assignment that keeps all limits is worth more, in currency units.
    passes : int
        Passes over the customers.
    """

    price: NDArray[np.float64]
    bound: float
    passes: int


def price_table(problem: AllocationProblem, price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the shared resources of a tier cost at these prices, in quanta.

    Returns
    -------
    float array of shape (n_segments, n_tiers)
    """
    table: NDArray[np.float64] = problem.use @ price / problem.quantum
    return table


def shadow_prices(
    problem: AllocationProblem, classes: CustomerClasses, *, engine: Engine = "auto"
) -> Dual:
    """Minimise the dual over the prices of all resources that can bind.

    Any prices prove a bound, so stopping at ``PASSES`` costs tightness, never correctness.
    """
    binding = np.flatnonzero(most_usage(problem, classes) > problem.limits)
    price = np.zeros(len(problem.resources))
    bound, slack = _evaluate(problem, price, engine)
    if not len(binding):
        return Dual(price, bound, 1)
    unit = np.maximum(
        np.abs(problem.limits[binding]), np.abs(problem.use[:, :, binding]).max(axis=(0, 1))
    )
    highest = _highest_prices(problem, binding) * unit
    best = np.zeros(len(binding))
    slopes, heights = [slack[binding] / unit], [bound]
    for passes in range(2, PASSES + 1):
        scale = max(abs(bound), problem.quantum)
        cuts, offsets = np.array(slopes), np.array(heights)
        model = _lowest(cuts, offsets, highest, scale)
        if model is None:
            break
        lowest, at = model
        if bound - lowest <= TOLERANCE * scale:
            pressed = at >= highest * (1 - 1e-9)
            if not pressed.any() or passes > PASSES // 2:
                break
            highest = np.where(pressed, highest * _WIDER, highest)
            continue
        level = lowest + LEVEL * (bound - lowest)
        nearest = _nearest(cuts, offsets, highest, best=best, level=level, scale=scale)
        trial = at if nearest is None else nearest
        price[binding] = trial / unit
        height, slack = _evaluate(problem, price, engine)
        slope = slack[binding] / unit
        slopes.append(slope)
        heights.append(height - float(slope @ trial))
        if height < bound:
            bound, best = height, trial
    price[binding] = best / unit
    return Dual(price, bound, passes)


def _evaluate(
    problem: AllocationProblem, price: NDArray[np.float64], engine: Engine
) -> tuple[float, NDArray[np.float64]]:
    """Return the dual value at some prices and what is left of each resource there."""
    table = price_table(problem, price)
    total, counts = priced_totals(problem.quanta, problem.segment, table, engine=engine)
    slack = problem.limits - problem.usage_of(counts)
    return total * problem.quantum + float(price @ slack), slack


def _highest_prices(problem: AllocationProblem, binding: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return first guesses above which no price should lie; widened when one is reached."""
    some = problem.quanta[problem.quanta > CLOSED]
    spread = max(int(some.max(initial=0)) - min(int(some.min(initial=0)), 0), 1) * problem.quantum
    use = np.abs(problem.use[:, :, binding])
    least = np.where(use > 0, use, np.inf).min(axis=(0, 1))
    return spread / np.where(np.isfinite(least), least, 1.0)


def _lowest(
    cuts: NDArray[np.float64],
    offsets: NDArray[np.float64],
    highest: NDArray[np.float64],
    scale: float,
) -> tuple[float, NDArray[np.float64]] | None:
    """Minimise the model of the dual: the largest of its cuts."""
    rows, width = cuts.shape
    share = cuts * (highest / scale)  # prices as shares of their highest: all numbers near one
    matrix = csc_array(np.column_stack([share, -np.ones(rows)]))
    worth = np.zeros(width + 1)
    worth[-1] = -1.0
    answer = maximise(
        worth,
        matrix,
        -offsets / scale,
        np.append(np.ones(width), np.inf),
        col_lower=np.append(np.zeros(width), -np.inf),
    )
    return None if answer is None else (-answer.value * scale, answer.x[:width] * highest)


def _nearest(
    cuts: NDArray[np.float64],
    offsets: NDArray[np.float64],
    highest: NDArray[np.float64],
    *,
    best: NDArray[np.float64],
    level: float,
    scale: float,
) -> NDArray[np.float64] | None:
    """Return the point nearest to the best prices at which the model is below a level."""
    rows, width = cuts.shape
    reach = np.maximum(best, 1e-3 * highest)
    away = np.eye(width) / reach[:, None] * highest
    far = -np.ones((width, 1))
    matrix = np.vstack(
        [
            np.column_stack([cuts * (highest / scale), np.zeros(rows)]),
            np.column_stack([away, far]),
            np.column_stack([-away, far]),
        ]
    )
    worth = np.zeros(width + 1)
    worth[-1] = -1.0
    answer = maximise(
        worth,
        csc_array(matrix),
        np.concatenate([(level - offsets) / scale, best / reach, -best / reach]),
        np.append(np.ones(width), np.inf),
    )
    return None if answer is None else answer.x[:width] * highest

"""One tier for each customer under shared limits, with a proven gap and shadow prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.decisions.core import cheapest_switches, solve_core
from nexttouch.decisions.dual import price_table, shadow_prices
from nexttouch.decisions.feasibility import CustomerClasses, feasible_start
from nexttouch.decisions.kernels import best_tiers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nexttouch.decisions.kernels import Engine
    from nexttouch.decisions.problem import AllocationProblem

__all__ = ["Allocation", "allocate", "relative_gap"]

PER_CELL = (8, 32, 128, 512, 2048)
SMALL = 500  # customers up to which the core may grow to the whole problem
ENOUGH = 32  # switches per cell from which growing must pay
WORTH_GROWING = 0.1  # share of the gap that a larger core must have closed to be grown again


@dataclass(frozen=True)
class Allocation:
    """Tiers that keep every limit, and how far from the best possible they can be.

    Attributes
    ----------
    tier : int8 array of shape (n_customers,)
        Position in ``problem.tiers``.
    price : float array of shape (n_resources,)
        Currency units that one more unit of each resource is worth, at the margin.
    value, bound, gap : float
        Total utility, an upper bound on any, and ``(bound - value) / max(|bound|, 1)``.
    usage : float array of shape (n_resources,)
    moved : int
        Customers who do not get their best tier after prices, so that all limits hold exactly.
    passes : int
        Passes over the customers.
    """

    tier: NDArray[np.int8]
    price: NDArray[np.float64]
    value: float
    bound: float
    usage: NDArray[np.float64]
    moved: int
    passes: int

    @property
    def gap(self) -> float:
        """Return the proven relative gap."""
        return relative_gap(self.bound, self.value)


def relative_gap(bound: float, value: float) -> float:
    """Return ``(bound - value) / max(|bound|, one currency unit)``, at least 0.

    Examples
    --------
    >>> relative_gap(200.0, 199.0), relative_gap(0.0, 0.0)
    (0.005, 0.0)
    """
    return max(0.0, bound - value) / max(abs(bound), 1.0)


def allocate(problem: AllocationProblem, *, engine: Engine = "auto") -> Allocation:
    """Give each customer one tier so that the total utility is greatest and all limits hold.

    The answer does not depend on the order of the rows: totals are whole numbers, and customers
    worth the same are told apart by their keyed hash.

    Parameters
    ----------
    problem : AllocationProblem
    engine : {'auto', 'numba', 'numpy'}
        Same answer; numba is quicker above some hundred thousand customers.

    Raises
    ------
    ContradictoryLimitsError
        If floors and limits cannot hold together; names them.

    Examples
    --------
    Three customers, two slots of the one dear tier:

    >>> import numpy as np
    >>> from nexttouch.decisions.problem import AllocationProblem, Resource
    >>> problem = AllocationProblem.build(
    ...     np.array([[0.0, 9.0], [0.0, 7.0], [0.0, 8.0]]), np.ones((3, 2), bool),
    ...     segment=np.zeros(3, np.int32), use=np.array([[[0.0], [1.0]]]),
    ...     resources=(Resource("capacity of high_touch", "capacity", "slot", 2.0),),
    ...     tie=np.arange(3, dtype=np.uint64), tiers=("no_touch", "high_touch"), segments=("all",))
    >>> answer = allocate(problem)
    >>> answer.tier.tolist(), answer.value, round(answer.gap, 6)
    ([1, 0, 1], 17.0, 0.0)
    """
    classes = CustomerClasses.of_problem(problem)
    best = feasible_start(problem, classes)
    dual = shadow_prices(problem, classes, engine=engine)
    table = price_table(problem, dual.price)
    first = best_tiers(problem.quanta, problem.segment, table, engine=engine)
    value, bound = problem.value(best), dual.bound
    target = max(1e-5, min(5e-5, 0.1 / max(1, len(problem))))
    if problem.holds(problem.usage(first)) and problem.value(first) > value:
        best, value = first, problem.value(first)
    near = target * max(abs(bound), 1.0)
    for per_cell in PER_CELL:
        before = value
        if bound - value <= near:
            break
        switches = cheapest_switches(
            problem,
            table,
            first,
            per_cell=per_cell,
            worth_trying=(bound - value) / problem.quantum + 1.0,
        )
        core = solve_core(problem, first, switches, abs_gap=0.2 * near, enough=bound - near)
        if core is not None and problem.holds(problem.usage(core.tier)):
            found = problem.value(core.tier)
            if found > value:
                best, value = core.tier, found
            if switches.complete:
                bound = min(bound, max(value, core.bound))
            dear = len(problem) > SMALL and (per_cell >= ENOUGH or not core.optimal)
            if dear and value - before < WORTH_GROWING * (bound - value):
                break
        if switches.complete:
            break
    return Allocation(
        tier=best,
        price=dual.price,
        value=value,
        bound=max(bound, value),
        usage=problem.usage(best),
        moved=int((best != first).sum()),
        passes=dual.passes,
    )

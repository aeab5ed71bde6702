"""What more or less of a limit is worth, by solving again: a price holds only at the margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.decisions.allocation import allocate
from nexttouch.errors import AllocationInputError, ContradictoryLimitsError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.decisions.decision import Decisions
    from nexttouch.decisions.kernels import Engine

__all__ = ["capacity_curve"]

SHARES = (0.75, 0.9, 1.0, 1.1, 1.25)


def capacity_curve(
    decisions: Decisions,
    resource: str,
    *,
    limits: Sequence[float] | None = None,
    engine: Engine = "auto",
) -> pd.DataFrame:
    """Solve again under other values of one limit.

    Parameters
    ----------
    decisions : Decisions
    resource : str
        A name from ``decisions.prices["resource"]``, such as ``capacity of high_touch``.
    limits : sequence of float, optional
        Values to try. Default: 75, 90, 100, 110 and 125 % of the present one, and one unit less
        and more where the unit is a slot.
    engine : {'auto', 'numba', 'numpy'}

    Returns
    -------
    DataFrame of shape (n_limits, 6)
        ``limit, unit, expected_value, gained`` (against the present limit, in currency units),
        ``gained_per_unit, gap``; NaN where floors and limits could not hold together.

    Raises
    ------
    AllocationInputError
        If there is no such limit.

    Examples
    --------
    >>> from nexttouch.decisions import StrategySpec, TouchpointsSpec, decide
    >>> scores = pd.DataFrame({
    ...     "customer_id": ["ann", "bob"], "stage": "active", "p_churn": 0.5,
    ...     "margin_if_kept": [2000.0, 1000.0], "contacts_7d": 0, "contacts_30d": 0,
    ...     "hours_since_touch": float("nan")})
    >>> decisions = decide(
    ...     scores, touchpoints=TouchpointsSpec(channels=("phone",)),
    ...     strategy=StrategySpec.model_validate({
    ...         "capacity": {"high_touch": 1}, "experiments": {"holdout_share": 0}}),
    ...     as_of=pd.Timestamp("2025-07-01", tz="UTC"), policy_key=b"a secret of 16 b",
    ...     aspects={"active": "retention"})
    >>> curve = capacity_curve(decisions, "capacity of high_touch", limits=[0, 1, 2])
    >>> curve["expected_value"].tolist()
    [0.0, 195.0, 270.0]
    """
    problem = decisions.problem
    names = [r.name for r in problem.resources]
    if resource not in names:
        guess = nearest(resource, names)
        hint = f"Did you mean '{guess}'?" if guess else f"There are: {', '.join(names) or 'none'}."
        msg = f"There is no limit named '{resource}'. {hint}"
        raise AllocationInputError(msg)
    at = names.index(resource)
    row = problem.resources[at]
    sign = -1.0 if row.kind == "floor" else 1.0
    present = row.limit * sign
    whole = row.unit in {"slot", "customer"}
    if limits is None:
        tried = {float(np.floor(present * s)) if whole else present * s for s in SHARES}
        tried |= {present - 1, present + 1} if whole else set()
        limits = sorted(limit for limit in tried if limit >= 0)
    rows: list[dict[str, Any]] = []
    for limit in limits:
        if not np.isfinite(limit) or limit < 0:
            msg = f"A limit must be a number of at least 0, not {limit}."
            raise AllocationInputError(msg)
        try:
            again = allocate(problem.with_limit(at, sign * limit), engine=engine)
            value, gap = again.value, again.gap
        except ContradictoryLimitsError:
            value, gap = np.nan, np.nan
        gained = value - decisions.allocation.value
        each = gained / (limit - present) if limit != present else np.nan
        rows.append(
            {
                "limit": float(limit),
                "unit": row.unit,
                "expected_value": value,
                "gained": gained,
                "gained_per_unit": each,
                "gap": gap,
            }
        )
    return pd.DataFrame(rows)
